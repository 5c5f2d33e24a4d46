"""The faces that a temperature is fitted on are those that training held out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.cli import main
from convert.data import Dataset, open_dataset
from convert.quantize.fit import HOLDOUT, holdout_of, origin_of
from convert.train.holdout import hold_out
from convert.train.prepare import pixel_keys, prepare
from convert.train.record import Record
from edge.errors import ConfigError
from tests.convert.data.samples import mosaic


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


def trained_on(data: Dataset) -> Record:
    _, _, counts = prepare(data, votes=0.0, holdout=0.2)
    about = {
        "train": counts.train,
        "validation": counts.validation,
        "held_out_by": counts.held_out_by,
    }
    recipe = {"votes": 0.0, "holdout": 0.2}
    return Record({"data": about, "recipe": recipe}, "labels", 0.2)


def test_faces_held_out_one_by_one_are_so_of_a_set_that_has_grown_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = open_dataset(mosaic(tmp_path / "faces", n=40))
    assert origin_of(data, trained_on(data), None) == "held-out training faces"
    assert caplog.messages == []
    grown = open_dataset(mosaic(tmp_path / "grown", n=64))
    assert origin_of(grown, trained_on(data), None) == "held-out training faces"
    assert caplog.messages == []


def test_people_are_others_where_somebody_is_gone_or_the_names_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = open_dataset(mosaic(tmp_path / "faces", n=60))
    named = replace(data, groups=tuple(f"{k % 10}" for k in range(len(data.names))))
    record = trained_on(named)
    assert record.kept["data"]["held_out_by"] == "person"
    assert origin_of(named, record, None) == "held-out training faces"
    assert "of other data than" in origin_of(data, record, None)
    assert "the training did" in caplog.text
    assert named.groups is not None
    held = hold_out(pixel_keys(named.faces()), named.groups, 0.2)
    learnt = {g for g, out in zip(named.groups, held, strict=True) if not out}
    for gone in set(named.groups):
        left = named.select(np.flatnonzero([g != gone for g in named.groups]))
        others = hold_out(pixel_keys(left.faces()), left.groups, 0.2)
        assert left.groups is not None
        shown = {g for g, out in zip(left.groups, others, strict=True) if out}
        if shown & learnt:
            assert "of other data than" in origin_of(left, record, None)
