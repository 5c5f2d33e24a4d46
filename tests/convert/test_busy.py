"""Trainings that take no folder in which another one is at work; they need TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from convert.files import alone_in
from tests.convert.detector.pictures import archive, peopled, portrait
from tests.convert.state.samples import data_folder

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("command", ["train-detector", "train-refine", "train-state"])
def test_a_folder_in_which_another_run_is_at_work_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow")
    from convert.cli import main

    if command == "train-state":
        given = ["--data", str(data_folder(tmp_path / "data", n=8))]
    else:
        people = archive(
            tmp_path / "portraits.npz", [portrait(f"P{k}_1", seed=k) for k in range(8)]
        )
        places = archive(tmp_path / "scenes.npz", [peopled(k) for k in range(8)])
        given = ["--portraits", str(people), "--scenes", str(places)]
    busy = tmp_path / "busy"
    with alone_in(busy):
        assert main([command, *given, "--out", str(busy), "--steps", "1"]) == 69
    assert "another run writes to it" in capsys.readouterr().err
    assert [p.name for p in busy.iterdir()] == [".lock"]
