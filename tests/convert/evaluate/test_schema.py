"""What `evaluate --json` prints is what its schema says, for every kind of data."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import msgspec
import pytest

from convert.cli import main
from convert.evaluate.schema import Report, schema
from tests.conftest import ROOT
from tests.convert.data import samples

MODEL = str(ROOT / "models" / "emotion")


def report(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    capsys.readouterr()
    assert main(["evaluate", MODEL, *argv, "--json", "--robustness", "3"]) == 0
    return capsys.readouterr().out


def test_real_reports_fit_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    votes = samples.mosaic(tmp_path / "votes", n=14, n_test=20)
    rows: list[list[object]] = []
    for i, face in enumerate(samples.faces(12)):
        cv2.imwrite(str(tmp_path / f"{i}.png"), face)
        rows.append([f"{i}.png", ("sad", "happy")[i % 2], "test", ("young", "old")[i % 3 == 0]])
    table = samples.write_rows(tmp_path / "t.csv", ["path", "label", "split", "age"], rows)
    foreign = tmp_path / "foreign" / "test" / "cat"
    foreign.mkdir(parents=True)
    cv2.imwrite(str(foreign / "0.png"), samples.faces(1)[0])
    for argv in (
        (str(votes),), (str(votes), "--prior", "equal"), (str(table),), (str(tmp_path / "foreign"),)
    ):  # fmt: skip
        text = report(capsys, *argv)
        msgspec.json.decode(text, type=Report, strict=True)
        jsonschema.validate(json.loads(text), schema())
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$ref"].endswith("Report")
