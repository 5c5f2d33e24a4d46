"""`--figures` of three commands: what is none of an evaluation is named before any work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convert.cli import main
from convert.detector.quantize import detector_figures
from convert.state.quantize import state_figures
from tests.conftest import ROOT

COMMANDS = {
    "quantize-detector": ["--photos", "none.npz"],
    "quantize-refine": ["--photos", "none.npz"],
    "quantize-state": ["--data", "none"],
}


def metrics(model: str) -> Any:
    return json.loads((ROOT / "models" / model / "manifest.json").read_text())["metrics"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, 66), ("", 78), ("{", 78), ("\udcff", 78), ("[" * 100_000, 78),
        ("null", 78), ("[]", 78), ("{}", 78), ("3", 78), ('{"a": 1}', 78), ('{"bars": []}', 78),
        ('{"a": {"ms_a_frame": {"median": 1.0}, "photographs": {"faces": 3}}}', 78),
    ],
)  # fmt: skip
def test_other_files_are_refused_by_name(
    command: str, content: str | None, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    if content is not None:
        path.write_text(content, errors="surrogateescape")
    argv = [command, "none", *COMMANDS[command], "--out", str(tmp_path / "out")]
    assert main([*argv, "--figures", str(path)]) == code
    said = capsys.readouterr().err
    assert f"--figures {path}: " in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_those_of_the_other_evaluation_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    for command, model in (("quantize-detector", "state"), ("quantize-state", "face")):
        path.write_text(json.dumps(metrics(model)))
        argv = [command, "none", *COMMANDS[command], "--out", str(tmp_path / "out")]
        assert main([*argv, "--figures", str(path)]) == 78
        wanted = f"evaluate-{command.removeprefix('quantize-')}"
        assert f"allowed: what `{wanted} --json` writes" in capsys.readouterr().err


def test_those_of_shipped_models_are_read(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    for model in ("face", "refine"):
        path.write_text(json.dumps(metrics(model)["detectors"]))
        assert detector_figures(path) == metrics(model)["detectors"]
    assert detector_figures(None) == {}
    pytest.importorskip("matplotlib")
    path.write_text(json.dumps(metrics("state")))
    assert state_figures(path) == metrics("state")
