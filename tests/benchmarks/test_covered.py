"""Sequences of `benchmarks.covered`."""

from __future__ import annotations

import numpy as np

from benchmarks.covered import LENGTH, covered, wrong
from edge.geometry import Box

FRAMES = [np.full((100, 200), 90, np.uint8)] * LENGTH
PHOTOGRAPH = np.full((30, 30), 250, np.uint8)


def test_a_photograph_is_before_the_face_for_a_while() -> None:
    shown = covered(FRAMES, Box(100, 40, 20, 30), PHOTOGRAPH, 110, 15)
    assert [n for n, frame in enumerate(shown) if (frame == 250).any()] == [*range(110, 125)]
    rows, columns = np.nonzero(shown[110] == 250)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (94, 125, 31, 78)


def test_or_in_its_place_to_the_end() -> None:
    shown = covered(FRAMES, Box(100, 40, 20, 30), PHOTOGRAPH, 120, None)
    assert len(shown) == LENGTH
    assert [n for n, frame in enumerate(shown) if (frame == 250).all()] == [*range(120, LENGTH)]


def test_nothing_happens_for_comparison() -> None:
    shown = covered(FRAMES, Box(100, 40, 20, 30), PHOTOGRAPH, 120, 0)
    assert all((frame == 90).all() for frame in shown)


def test_only_other_emotions_count() -> None:
    assert wrong(["happy", "happy", "sad", "happy", "fear"]) == 2
    assert wrong(["neutral"]) == wrong([]) == 0
