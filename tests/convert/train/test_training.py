"""Training for a few tiny steps: what is kept, and that a kill changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.data import DataError, open_dataset
from convert.train.prepare import Part, prepare
from convert.train.recipe import Recipe
from tests.convert.data.samples import mosaic
from tests.convert.train.networks import need_keras

need_keras()
from convert.train import loop  # noqa: E402 - only where there is a backend
from convert.train.checkpoint import STATE  # noqa: E402

RECIPE = Recipe(arch="mini_xception", epochs=3, batch=8, warmup_epochs=0.5, votes=1.0, holdout=0.3)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Part, Part]:
    data = open_dataset(mosaic(tmp_path_factory.mktemp("data"), n=48))
    train, choose, _ = prepare(data, votes=RECIPE.votes, holdout=RECIPE.holdout)
    return train, choose


class KilledError(Exception):
    """Stands for a kill in the middle of an epoch."""


def training_of(recipe: Recipe) -> loop.Training:
    """Return a training whose scale of the loss, in float16, grows after every other step."""
    training = loop.Training(recipe, 7)
    if recipe.precision == "mixed_float16":
        training.model.optimizer.dynamic_growth_steps = 2
    return training


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("mini_xception", "float32"),
        ("edge", "float32"),  # with dropout
        ("mini_xception", "mixed_float16"),  # with a scale of the loss
    ],
)
def test_going_on_after_a_cut_ends_at_the_same_weights(
    name: str, precision: str, parts: tuple[Part, Part], tmp_path: Path
) -> None:
    train, choose = parts
    recipe = replace(RECIPE, arch=name, precision=precision)
    whole = training_of(recipe)
    (tmp_path / "whole").mkdir()
    whole.run(train, choose, tmp_path / "whole")

    folder = tmp_path / "cut"
    folder.mkdir()
    first = training_of(recipe)
    average = first._average
    calls = 0

    def cut(step: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KilledError
        average(step)

    first._average = cut
    with pytest.raises(KilledError):
        first.run(train, choose, folder)
    second = training_of(recipe)
    assert second.resume(folder, train, choose)
    assert len(second.history) == 2
    second.run(train, choose, folder)

    for a, b in zip(whole.kept.get_weights(), second.kept.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(whole.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    without_time = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in t.history]
        for t in (whole, second)
    ]
    assert without_time[0] == without_time[1]


def command(data: Path, out: Path, *more: str) -> list[str]:
    code = (
        "import argparse, sys; from convert.train import command; p = argparse.ArgumentParser();"
        "command.add_parser(p.add_subparsers()); a = p.parse_args(sys.argv[1:]);"
        "sys.exit(a.run(a))"
    )
    options = ["--arch", "mini_xception", "--epochs", "4", "--warmup", "1", "--batch", "8"]
    options += ["--holdout", "0.3", "--averaging", "0.9", *more]
    return [sys.executable, "-c", code, "train", str(data), "--out", str(out), *options]


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    data = mosaic(tmp_path / "data", n=48)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(data, whole, "--test"), check=True, env=environment, timeout=900)

    child = subprocess.Popen(command(data, killed, "--test"), env=environment)
    deadline = time.monotonic() + 600
    while not (killed / STATE).exists():
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (killed / "model.keras").exists()
    subprocess.run(command(data, killed, "--test"), check=True, env=environment, timeout=900)

    import keras

    networks = [keras.saving.load_model(d / "model.keras", compile=False) for d in (whole, killed)]
    for a, b in zip(*(n.get_weights() for n in networks), strict=True):
        np.testing.assert_array_equal(a, b)
    record = json.loads((killed / "train.json").read_text())
    assert record["data"]["identical_to_test"] == 1
    assert record["recipe"]["votes"] == 1.0
    assert record["test"]["split"] == "public_test"
    assert record == {**json.loads((whole / "train.json").read_text()), **{
        k: record[k] for k in ("command", "seconds", "model_sha256")}}  # fmt: skip
    lines = (killed / "curves.csv").read_text().splitlines()
    assert len(lines) == 5 and lines[0].startswith("epoch,train_loss,train_accuracy")


@pytest.mark.slow
def test_a_state_of_another_training_is_refused(parts: tuple[Part, Part], tmp_path: Path) -> None:
    train, choose = parts
    short = replace(RECIPE, epochs=1, warmup_epochs=0.1)
    loop.Training(short, 7).run(train, choose, tmp_path)
    with pytest.raises(DataError, match=r"state\.npz: was made with epochs = 1, not 3"):
        loop.Training(RECIPE, 7).resume(tmp_path, train, choose)
    with pytest.raises(DataError, match="was made with faces = "):
        loop.Training(short, 7).resume(tmp_path, choose, choose)
    with pytest.raises(DataError, match="was made with validation_faces = "):
        loop.Training(short, 7).resume(tmp_path, train, train)
    with pytest.raises(DataError, match=r"was made with teachers = None, not \['ab12'\]"):
        loop.Training(short, 7, origin={"teachers": ["ab12"]}).resume(tmp_path, train, choose)
    whole = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a usable training state"):
        loop.Training(short, 7).resume(tmp_path, train, choose)


@pytest.mark.slow
def test_a_state_that_does_not_say_what_it_was_chosen_by_is_believed(
    parts: tuple[Part, Part], tmp_path: Path
) -> None:
    train, choose = parts
    short = replace(RECIPE, epochs=1, warmup_epochs=0.1)
    loop.Training(short, 7).run(train, choose, tmp_path)
    with np.load(tmp_path / STATE) as saved:
        arrays = dict(saved)
    record = json.loads(arrays["record"].tobytes())
    del record["purpose"]["validation_faces"]  # as states of before have it
    arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez(tmp_path / STATE, **arrays)
    assert loop.Training(short, 7).resume(tmp_path, train, choose)


@pytest.mark.slow
def test_a_state_without_the_scale_of_the_loss_is_refused(
    parts: tuple[Part, Part], tmp_path: Path
) -> None:
    train, choose = parts
    half = replace(RECIPE, epochs=1, warmup_epochs=0.1, precision="mixed_float16")
    loop.Training(half, 7).run(train, choose, tmp_path)
    with np.load(tmp_path / STATE) as saved:
        arrays = dict(saved)
    live = sorted((k for k in arrays if k.startswith("live_")), key=lambda k: int(k[5:]))
    assert [float(arrays.pop(k)) for k in live[-2:]][1] >= 1.0  # as states of before have it
    np.savez(tmp_path / STATE, **arrays)
    with pytest.raises(DataError, match=r"state\.npz: lacks .*; remove it to begin anew") as e:
        loop.Training(half, 7).resume(tmp_path, train, choose)
    assert len(str(e.value).splitlines()) == 1


@pytest.mark.slow
def test_a_teacher_takes_part(parts: tuple[Part, Part], tmp_path: Path) -> None:
    train, choose = parts
    shapes, steps = [], []

    def teacher(faces: np.ndarray, step: int) -> np.ndarray:
        shapes.append((faces.shape, faces.dtype))
        steps.append(step)
        return np.full((len(faces), 7), 1 / 7, np.float32)

    recipe = replace(RECIPE, epochs=1, warmup_epochs=0.1, teacher=0.5)
    history = loop.Training(recipe, 7).run(train, choose, tmp_path, teacher=teacher)
    assert shapes and set(shapes) == {((8, 48, 48), np.dtype(np.uint8))}
    assert steps == list(range(len(steps)))
    assert set(history[0]) == {
        "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy",
        "validation_mae", "seconds",
    }  # fmt: skip
