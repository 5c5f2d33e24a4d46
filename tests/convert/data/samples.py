"""Small real data sets on disk, in every layout that the readers know."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from convert.data.dataset import EMOTIONS
from convert.data.mosaic import TILES_PER_ROW, VOTES
from tests.conftest import data_folder


def faces(n: int, side: int = 48, seed: int = 3) -> np.ndarray:
    """Return n different smooth pictures, (n, side, side) uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 6, 6)).astype(np.uint8)
    return np.stack([cv2.resize(c, (side, side), interpolation=cv2.INTER_CUBIC) for c in coarse])


def write_rows(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as f:
        table = csv.writer(f)
        table.writerow(header)
        table.writerows(rows)
    return path


def mosaic(folder: Path, n: int = 40, n_test: int = 10) -> Path:
    """Write FER2013-like mosaics with votes; the first test face is the first training face."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = faces(n, seed=1), faces(n_test, seed=2)
    if n_test:
        test[0] = train[0]
    rng = np.random.default_rng(0)
    rows: list[list[object]] = []
    for split, pictures in (("training", train), ("public_test", test)):
        sheet = np.zeros((48, 48 * TILES_PER_ROW), np.uint8)
        for k, face in enumerate(pictures):
            sheet[:, k * 48 : k * 48 + 48] = face
            votes = rng.multinomial(10, np.full(7, 1 / 7) if k % 2 else np.eye(7)[k % 7])
            rows.append([f"{split}-0.webp", k, f"{split}{k}.png", split, EMOTIONS[k % 7], *votes])
        quality = [cv2.IMWRITE_WEBP_QUALITY, 101]  # above 100 is lossless
        assert cv2.imwrite(str(folder / f"{split}-0.webp"), sheet, quality)
    write_rows(folder / "labels.csv", ["file", "tile", "name", "split", "label", *VOTES], rows)
    return folder


def kaggle_rows(n: int = 6) -> list[list[object]]:
    usages = ("Training", "Training", "PublicTest", "PrivateTest")
    return [
        [i % 7, " ".join(map(str, face.ravel())), usages[i % 4]] for i, face in enumerate(faces(n))
    ]


def kaggle(folder: Path, n: int = 6) -> Path:
    return write_rows(folder / "fer2013.csv", ["emotion", "pixels", "Usage"], kaggle_rows(n))


FERPLUS = ["Usage", "Image name", "neutral", "happiness", "surprise", "sadness", "anger"]
FERPLUS += ["disgust", "fear", "contempt", "unknown", "NF"]


def real_data(name: str) -> Path:
    """Return a folder of the project's training data, or skip the test."""
    root = data_folder()
    if not (root / name).exists():
        pytest.skip(f"no {name} in {root}; set EMOTION_EDGE_DATA to the data's folder")
    return root / name
