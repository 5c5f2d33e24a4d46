"""A transfer architecture: trained, evaluated, explained, quantised, run by the device's code."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from convert.cli import main
from edge.classify import Model
from edge.config import Detect
from edge.detect import open_detector
from tests.conftest import DEMO_CLIP
from tests.convert.train.networks import need_keras

pytestmark = pytest.mark.slow
CLASSES = ("happy", "sad", "neutral")
# A few steps make no good network, and near ties flip: only what is converted is held here.
NO_BARS = (
    "--min-agreement", "0", "--max-shift", "1", "--max-moved", "1", "--max-accuracy-drop", "1",
    "--max-f1-drop", "1", "--max-recall-drop", "1", "--temperature", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:48, :48] / 48
    for split, n in (("train", 12), ("validation", 3), ("test", 4)):
        for k, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(n):
                wave = np.sin(2 * np.pi * (3 + k) * (x if k % 2 else y) + rng.uniform(0, 6))
                luma = 128 + 60 * wave + rng.normal(0, 20, (48, 48))
                cv2.imwrite(str(folder / f"{i}.png"), np.clip(luma, 0, 255).astype(np.uint8))
    return root


@pytest.mark.parametrize("name", ["vgg16"])
def test_from_training_to_the_device(
    name: str, faces: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    need_keras()
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    run, out = tmp_path / "run", tmp_path / "own"
    argv = ("--arch", name, "--epochs", "1", "--warmup", "0", "--batch", "18", "--rate", "0.001",
            "--backend", "tensorflow", "--averaging", "0")  # fmt: skip
    assert main(["train", str(faces), "--out", str(run), *argv]) == 0
    model = str(run / "model.keras")
    capfd.readouterr()
    assert main(["evaluate", model, str(faces), "--json", "--robustness", "0"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["model"]["labels"] == list(CLASSES) and found["counted"] == 12
    picture = tmp_path / "maps.png"
    method = ("--each", "1", "--method", "occlusion")
    assert main(["explain", model, str(faces), "--out", str(picture), *method]) == 0
    assert cv2.imread(str(picture)) is not None

    assert main(["quantize", model, "--data", str(faces), "--out", str(out), *NO_BARS]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["provenance"]["raw_luma"] is True
    assert (manifest["input"]["mean"], manifest["input"]["scale"]) == (0, 1)
    assert sum(manifest["prior"].values()) == pytest.approx(1, abs=1e-4)
    device = Model(out)
    scores = device.infer(first_face(device))
    assert scores.shape == (3,) and float(scores.sum()) == pytest.approx(1, abs=0.05)


def first_face(model: Model) -> np.ndarray:
    """Return the first face that the device's detector finds in the demo clip, cut out for it."""
    detector, video = open_detector(Detect()), cv2.VideoCapture(str(DEMO_CLIP))
    while True:
        found, picture = video.read()
        assert found, "no face in the demo clip"
        luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        for face in detector.detect(luma):
            return model.crop(luma, face.box)
