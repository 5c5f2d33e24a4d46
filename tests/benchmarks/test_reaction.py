"""What `benchmarks.reaction` counts, on sequences that are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.reaction.__main__ import figures, mode_of_ten, smoother
from benchmarks.reaction.morph import SIDE, Morph, Portrait
from benchmarks.reaction.streams import Sample, Stream
from edge.config_emotion import Smooth

LABELS = ["happy", "neutral"]


def stream(source: str = "lfw", hz: float = 10.0) -> Stream:
    """Neutral, then happy from 3 s (apex at 3.5 s) to 6.5 s, then neutral to 9 s."""
    samples = []
    for n in range(round(9 * hz)):
        t = n / hz
        happy = 0.95 if 3 <= t < 6.5 else 0.05
        samples.append(Sample(t, "a" if t >= 0.2 else None, [happy, 1 - happy]))
    return Stream("one", source, "happy", 3.0, 3.5, 6.5, 7.0, samples)


def test_times_are_from_the_apex_and_changes_are_counted() -> None:
    row = figures([stream()], mode_of_ten(LABELS), lambda scores: scores)
    assert (row["before"], row["right"]) == ("1 of 1", "1 of 1")
    assert row["announced_s"] == pytest.approx(0.0, abs=0.11)  # six of ten labels, 0.5 s after 3 s
    assert (row["changes"], row["wrong"]) == (2, 0)
    ours = figures([stream()], smoother(LABELS, Smooth()), lambda scores: scores)
    alone = figures([stream()], smoother(LABELS, Smooth(react_s=0)), lambda scores: scores)
    assert ours["announced_s"] < alone["announced_s"] - 0.2
    assert ours["changes"] == alone["changes"] == 2


def test_people_who_rest_count_as_changes_a_minute_only() -> None:
    row = figures([stream(), stream("rest")], mode_of_ten(LABELS), lambda scores: scores)
    assert row["before"] == "1 of 1"
    assert row["restless"] == pytest.approx(2 * 60 / 8.9)


def test_a_morph_begins_with_one_portrait_and_ends_with_the_other() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (SIDE, SIDE)).astype(np.uint8) for _ in range(2))
    marks = np.array([[60, 60], [100, 60], [80, 80], [65, 100], [95, 100]], np.float32)
    morph = Morph(Portrait(a, marks, 50), Portrait(b, marks + 3, 50))
    assert (morph.at(0) == a).all()
    assert (morph.at(1) == b).all()
    assert morph.at(0.5).shape == (SIDE, SIDE)
