from __future__ import annotations

import json
from pathlib import Path

import pytest

from convert.train.record import Record, record_beside
from edge.errors import ConfigError

RECIPE = {"votes": 1.0, "holdout": 0.1, "epochs": 3}


def test_a_model_without_a_record(tmp_path: Path) -> None:
    assert record_beside(tmp_path / "model.keras") == Record()


@pytest.mark.parametrize(("votes", "truth"), [(1.0, "votes"), (0.5, "votes"), (0.0, "labels")])
def test_what_it_was_trained_on_decides_the_truth(votes: float, truth: str, tmp_path: Path) -> None:
    content = {"recipe": {**RECIPE, "votes": votes}, "seed": 4, "command": "train /home/me/faces"}
    (tmp_path / "train.json").write_text(json.dumps(content))
    record = record_beside(tmp_path / "model.keras")
    assert (record.truth, record.holdout) == (truth, 0.1)
    assert set(record.kept) == {"recipe", "seed"}  # no command line: it names private folders


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"recipe": {"votes": "many"}}'])
def test_a_broken_record_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(text)
    with pytest.raises(ConfigError, match=r"train\.json: not a record"):
        record_beside(tmp_path / "model.keras")
