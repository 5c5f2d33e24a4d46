"""The faces that a temperature is fitted on are those that training held out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convert.cli import main
from convert.quantize.fit import HOLDOUT, holdout_of
from convert.train.record import Record
from edge.errors import ConfigError


@pytest.mark.parametrize(
    ("recorded", "given", "found"),
    [(None, None, HOLDOUT), (0.2, None, 0.2), (None, 0.3, 0.3), (0.2, 0.2, 0.2)],
)
def test_option_and_record_that_agree(
    recorded: float | None, given: float | None, found: float
) -> None:
    assert holdout_of(Record(holdout=recorded), given) == found


def test_an_option_that_contradicts_the_record_names_both() -> None:
    with pytest.raises(ConfigError, match=r"--holdout: got 0\.3; .* held out 0\.05; allowed: that"):
        holdout_of(Record(holdout=0.05), 0.3)


def test_a_model_is_not_quantised_with_another_holdout_than_its_record_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.keras").write_bytes(b"not looked into before")
    (tmp_path / "train.json").write_text(json.dumps({"recipe": {"votes": 0, "holdout": 0.05}}))
    argv = [str(tmp_path / "model.keras"), "--data", str(tmp_path), "--out", str(tmp_path / "own")]
    assert main(["quantize", *argv, "--holdout", "0.3"]) == 78
    words = capsys.readouterr().err
    assert "--holdout: got 0.3; the model's record says" in words
    assert len(words.splitlines()) == 1
    assert not (tmp_path / "own").exists()
