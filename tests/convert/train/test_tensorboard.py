"""`--tensorboard`: the event files, read by TensorBoard itself, hold what the tables hold."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from convert.cli import main
from convert.detector import checkpoint
from convert.train.tensorboard import FOLDER, event_files
from edge.errors import UnavailableError
from tests.convert.data.samples import mosaic

Curves = dict[str, list[tuple[int, float]]]
BACKENDS = ("tensorflow", "torch")


def curves(out: Path) -> Curves:
    """Return step and value of every curve, by `folder/tag`."""
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found: Curves = {}
    for side in ("train", "validation"):
        # Not the usual sample of each curve, but all of it.
        events = module.EventAccumulator(str(out / FOLDER / side), size_guidance={"tensors": 0})
        events.Reload()
        for tag in events.Tags()["tensors"]:
            found[f"{side}/{tag}"] = [
                (e.step, e.tensor_proto.float_val[0]) for e in events.Tensors(tag)
            ]
    return found


def table(out: Path) -> Curves:
    """Return the same out of curves.csv."""
    with (out / "curves.csv").open() as f:
        rows = list(csv.DictReader(f))
    names = {
        "train_loss": "train/loss", "train_accuracy": "train/accuracy", "seconds": "train/seconds",
        "validation_loss": "validation/loss", "validation_accuracy": "validation/accuracy",
        "validation_mae": "validation/mae",
    }  # fmt: skip
    assert set(rows[0]) == {"epoch", *names}
    return {
        names[k]: [(int(row["epoch"]), float(row[k])) for row in rows]
        for k in rows[0]
        if k != "epoch"
    }


def same(found: Curves, expected: Curves) -> None:
    assert set(found) == set(expected)
    for name, points in expected.items():
        assert [step for step, _ in found[name]] == [step for step, _ in points]
        values = [value for _, value in points]
        assert [value for _, value in found[name]] == pytest.approx(values, rel=1e-5, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_event_files_hold_the_curves_of_the_table(backend: str, tmp_path: Path) -> None:
    for needed in ("keras", "tensorboard", backend):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    data, out = mosaic(tmp_path / "data", n=24), tmp_path / "run"
    argv = ("--arch", "mini_xception", "--epochs", "3", "--warmup", "0", "--batch", "8",
            "--size", "32x32", "--holdout", "0.3", "--backend", backend)  # fmt: skip
    command = [sys.executable, "-m", "convert.cli", "train", str(data), "--out", str(out), *argv]

    def train(*more: str) -> None:
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    train("--tensorboard")
    assert len(table(out)["validation/loss"]) == 3
    same(curves(out), table(out))
    for file in (out / FOLDER).glob("*/*"):
        file.unlink()
    train("--tensorboard")  # finished long ago: its curves can still be had
    same(curves(out), table(out))


def test_a_training_that_goes_on_has_each_step_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    rows = [{"step": float(k), "loss": 1 / k, "validation_loss": 2 / k} for k in (1, 2, 3)]
    with pytest.raises(KeyboardInterrupt), event_files(True, tmp_path, (), "step") as log:
        log(rows[0])
        log(rows[1])
        raise KeyboardInterrupt
    with event_files(True, tmp_path, rows[:1], "step") as log:  # killed before 2 was kept
        log(rows[1])
        log(rows[2])
        while_it_runs = curves(tmp_path)
    expected = {
        "train/loss": [(1, 1.0), (2, 0.5), (3, 1 / 3)],
        "validation/loss": [(1, 2.0), (2, 1.0), (3, 2 / 3)],
    }
    same(while_it_runs, expected)
    same(curves(tmp_path), expected)


def test_nothing_is_written_unless_it_is_asked_for(tmp_path: Path) -> None:
    with event_files(False, tmp_path, (), "step") as log:
        log({"step": 1, "loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_without_tensorboard_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with (
        pytest.raises(UnavailableError, match="pip install tensorboard"),
        event_files(True, tmp_path, (), "step"),
    ):
        pass


def test_the_history_of_detector_and_state_is_what_they_log(tmp_path: Path) -> None:
    rows = [{"step": 10, "seconds": 1.5, "loss": 2.0}, {"step": 20, "seconds": 1.0, "loss": 1.0}]
    assert list(checkpoint.rows(tmp_path)) == []
    for row in rows:
        checkpoint.note(tmp_path, row)
    assert list(checkpoint.rows(tmp_path)) == rows
    (tmp_path / checkpoint.HISTORY).write_text(json.dumps(rows[0])[:9] + "\n")
    with pytest.raises(checkpoint.ConfigError, match="a line of JSON"):
        list(checkpoint.rows(tmp_path))


@pytest.mark.parametrize("command", ["train", "train-detector", "train-state"])
def test_every_training_command_has_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([command, "--help"])
    assert "--tensorboard" in capsys.readouterr().out
