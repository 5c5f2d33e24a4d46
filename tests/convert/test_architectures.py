"""Every architecture: trained, evaluated, explained, quantised, and run by the daemon on a clip."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from convert.arch import NAMES
from convert.cli import main
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


@pytest.fixture(scope="module", autouse=True)
def eagerly() -> Iterator[None]:
    """Run TensorFlow's functions as they are: compiling large ones takes longer than two steps."""
    need_keras()
    tensorflow = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.mark.parametrize("name", NAMES)
def test_from_training_to_the_device(
    name: str, faces: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run", tmp_path / "own"
    argv = ("--arch", name, "--epochs", "1", "--warmup", "0", "--batch", "18", "--rate", "0.001",
            "--backend", "tensorflow", "--averaging", "0", "--size", "32x32")  # fmt: skip
    assert main(["train", str(faces), "--out", str(run), *argv]) == 0
    model = str(run / "model.keras")
    capfd.readouterr()
    assert main(["evaluate", model, str(faces), "--json", "--robustness", "0"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["model"]["labels"] == list(CLASSES) and found["counted"] == 12
    picture = tmp_path / "maps.png"
    method = ("--each", "1", "--method", "Grad-CAM")
    assert main(["explain", model, str(faces), "--out", str(picture), *method]) == 0
    assert cv2.imread(str(picture)) is not None

    assert main(["quantize", model, "--data", str(faces), "--out", str(out), *NO_BARS]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["provenance"]["raw_luma"] is True
    assert (manifest["input"]["mean"], manifest["input"]["scale"]) == (0, 1)
    assert sum(manifest["prior"].values()) == pytest.approx(1, abs=1e-4)
    rates = ("--set", "classify.rate=2", "--set", "detect.rate=2", "--set", "track.confirm=1")
    command = [sys.executable, "-m", "edge", "replay", str(DEMO_CLIP), *rates]
    done = subprocess.run(
        [*command, "--set", f"classify.model={out}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    scores = [json.loads(line)["data"]["scores"] for line in done.stdout.splitlines()]
    assert any(set(found) == set(CLASSES) for found in scores), done.stdout
