from __future__ import annotations

import numpy as np
import pytest

from benchmarks.crops.boxes import HEIGHT, SIDE, WIDTH, best_face, emotion_figures, frame_with
from convert.data.dataset import Dataset
from convert.detector.under_test import DetectorUnderTest
from edge.classify import Model
from edge.geometry import Box
from edge.messages import Face
from tests.conftest import ROOT

MODEL = ROOT / "tests" / "models" / "tiny-int8"
MIDDLE = Box((WIDTH - SIDE) / 2, (HEIGHT - SIDE) / 2, SIDE, SIDE)


class Fixed:
    def __init__(self, *faces: Face) -> None:
        self._faces = faces

    def detect(self, _luma: np.ndarray, /) -> tuple[Face, ...]:
        return self._faces


def test_the_face_stands_in_the_middle_and_its_border_goes_on() -> None:
    face = np.zeros((48, 48), np.uint8)
    face[24:] = 200
    frame = frame_with(face)
    assert frame.shape == (HEIGHT, WIDTH)
    assert frame[0].max() == 0 and frame[-1].min() == 200
    assert frame[HEIGHT // 2 - 20].max() < 20 and frame[HEIGHT // 2 + 20].min() > 180


def test_only_a_face_around_the_middle_counts() -> None:
    boxes = [Box(0, 0, 50, 50), Box(100, 60, 120, 120), Box(110, 70, 90, 90)]
    faces = [Face(b, s) for b, s in zip(boxes, (0.9, 0.8, 0.7), strict=True)]
    assert best_face(faces, 0.3) is faces[1]
    assert best_face(faces, 0.85) is None


def test_figures_are_over_the_faces_that_both_find() -> None:
    model = Model(MODEL)
    rng = np.random.default_rng(3)
    faces = rng.integers(0, 256, (20, 48, 48)).astype(np.uint8)
    answers = [int(model.infer(model.crop(frame_with(f), MIDDLE)).argmax()) for f in faces]
    data = Dataset(
        classes=tuple(model.labels),
        names=tuple(f"f{i}" for i in range(20)),
        splits=("test",) * 20,
        size=(48, 48),
        loader=lambda wanted: faces[wanted],
        labels=np.array(answers),
    )
    right = DetectorUnderTest("right", 0.7, Fixed(Face(MIDDLE, 0.9)))
    blind = DetectorUnderTest("blind", 0.7, Fixed())
    got = emotion_figures([right, blind], right, model, data)
    assert got["right"] == {
        "faces": 20, "found": 1.0, "found_by_reference": 1.0, "compared": 20,
        "accuracy": pytest.approx(1.0), "accuracy_of_reference": pytest.approx(1.0),
    }  # fmt: skip
    assert got["blind"]["compared"] == 0 and got["blind"]["accuracy"] is None
