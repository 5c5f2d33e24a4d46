"""Eyes of FER2013 that were looked at by hand, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.data.mosaic import read_mosaic
from convert.state import material
from convert.state.faces import Faces
from convert.state.labelled import eyes
from convert.state.outputs import EYE_LEFT, EYE_RIGHT, N
from convert.state.predict import Said
from tests.convert.data.samples import real_data

KNOWN_BELOW = np.full(N, 0.2, np.float32)


def test_all_of_them_are_in_the_public_test() -> None:
    folder = real_data("fer2013")
    by_hand = material.eyes_by_hand(folder)
    assert by_hand is not None
    faces, shut, weights = by_hand
    assert faces.shape == (315, 48, 48)
    assert (shut.sum(), (~shut).sum()) == (98, 217)
    data = read_mosaic(folder)
    public = np.flatnonzero(np.array(data.splits) == "public_test")
    # What was drawn stands for what it was drawn from; half of it was neither open nor shut.
    assert 1 < weights.min() < weights.max() < 20
    assert weights.sum() < len(public)
    tests = {face.tobytes() for face in data.faces(public)}
    assert all(face.tobytes() in tests for face in faces)


def test_a_folder_of_something_else_has_none(tmp_path: Path) -> None:
    assert material.eyes_by_hand(tmp_path) is None


class _Model:
    """Calls each face's right eye shut where its first pixel is dark, and the left one unknown."""

    size = 4

    def say(self, crops: np.ndarray) -> Said:
        value, sigma = np.ones((len(crops), N), np.float32), np.zeros((len(crops), N), np.float32)
        value[:, EYE_RIGHT] = crops[:, 0, 0] > 100
        sigma[:, EYE_LEFT] = 1.0
        return Said(value, sigma)


def test_each_face_counts_what_it_stands_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = np.zeros((4, 48, 48), np.uint8)
    tiles[[1, 3]] = 255  # looks open
    shut = np.array([True, True, False, False])
    weights = np.array([6.0, 3.0, 1.0, 9.0], np.float32)
    monkeypatch.setattr(material, "eyes_by_hand", lambda folder: (tiles, shut, weights))
    none = Faces(*([np.zeros((0, N))] * 4), *([np.zeros(0)] * 2), *([np.zeros(0, str)] * 2))
    out = eyes(_Model(), KNOWN_BELOW, none, none, tmp_path)["fer2013_by_hand"]
    assert out["told"] == 0.5
    assert out["of_told"]["f1"] == pytest.approx(2 / 4)
    assert out["f1_of_told_weighted"] == pytest.approx(12 / 16)
