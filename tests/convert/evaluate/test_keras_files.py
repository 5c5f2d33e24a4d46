"""Keras files as people have them: of another size, in a training's folder, with a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from convert.cli import main
from convert.data import open_dataset
from convert.evaluate.source import wanted_truth
from convert.load import load_float, use_tensorflow
from tests.convert.data.samples import faces, mosaic

pytestmark = pytest.mark.slow
pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


def save(folder: Path, side: int, classes: int) -> Path:
    """Save a network of random weights that looks at single pixels; return its file."""
    use_tensorflow()
    import keras

    keras.utils.set_random_seed(3)
    layers: list[Any] = [
        keras.Input((side, side, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    folder.mkdir(exist_ok=True)
    keras.Sequential(layers).save(folder / "model.keras")
    return folder / "model.keras"


def test_a_model_of_another_size_is_judged_alike_by_evaluate_and_compare(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for k, kind in enumerate(("happy", "sad", "neutral")):  # larger than what the model takes
        folder = tmp_path / "big" / kind
        folder.mkdir(parents=True)
        for i, face in enumerate(faces(12, side=144, seed=k)):
            cv2.imwrite(str(folder / f"{i}.png"), face)
    file = save(tmp_path / "run", 96, 3)
    run, big = str(file.parent), str(tmp_path / "big")
    assert main(["evaluate", run, big, "--json", "--robustness", "0"]) == 0  # a training's folder
    alone = json.loads(capfd.readouterr().out)
    caplog.clear()
    argv = ["compare", run, str(file), "--data", big, "--rounds", "1", "--json"]
    assert main(argv) == 0
    assert [r.message for r in caplog.records if "no test split" in r.message] == [
        f"{big} has no test split: figures are of all its faces, and flatter a model that was "
        "trained on them"
    ]
    rows = json.loads(capfd.readouterr().out)["models"]
    assert [r["name"] for r in rows] == argv[1:3]  # both are called run
    for row in rows:
        assert row["against"]["labels"]["log_loss"] == alone["against"]["labels"]["log_loss"]
    for more in (["evaluate", run, big], ["quantize", run, "--data", big, "--out", run + "8"]):
        assert main([*more, "--range=-1..1"]) == 78
        assert "--range: got -1..1;" in capfd.readouterr().err


def test_a_keras_file_is_judged_by_what_it_learnt(tmp_path: Path) -> None:
    file = save(tmp_path / "run", 48, 7)
    data = open_dataset(mosaic(tmp_path / "faces", n=14))
    for votes, kind in ((0.0, "labels"), (1.0, "votes"), (0.5, "votes")):
        record = {"recipe": {"votes": votes, "holdout": 0.05}, "labels": list(data.classes)}
        (file.parent / "train.json").write_text(json.dumps(record))
        scorer = load_float(file)
        assert wanted_truth(scorer, "auto", data) == kind
        assert wanted_truth(scorer, "labels", data) == "labels"
