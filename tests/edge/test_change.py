"""A change is believed the sooner, the stronger the evidence."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.change import ChangeDetector

REST, OTHER = 2, 0


def scores(other: float) -> NDArray[np.float32]:
    """What OTHER gets; REST gets what is left of it, but for a little."""
    return np.array([other, 0.02, 0.98 - other], np.float32)


def seconds_until_sure(other: float, *, hz: float, react_s: float = 0.4) -> float:
    detector = ChangeDetector()
    for n in range(round(2 * hz)):
        assert detector.update(n / hz, scores(0.02), REST, react_s) is None
    for n in range(round(60 * hz)):
        since = detector.update(2 + n / hz, scores(other), REST, react_s)
        if since is not None:
            assert since == pytest.approx(2.0)
            return (n + 1) / hz
    return np.inf


def test_strong_evidence_takes_react_s_weak_evidence_longer_and_none_for_ever() -> None:
    strong, middling, weak, none = (seconds_until_sure(s, hz=10) for s in (0.95, 0.7, 0.55, 0.4))
    assert strong == pytest.approx(0.4, abs=0.01)
    assert strong < middling < weak < 8
    assert none == np.inf


@pytest.mark.parametrize("hz", [5, 10, 30])
def test_it_is_a_matter_of_seconds_not_of_samples(hz: float) -> None:
    assert seconds_until_sure(0.95, hz=hz) == pytest.approx(0.4, abs=0.5 / hz + 0.01)
    assert seconds_until_sure(0.7, hz=hz) == pytest.approx(seconds_until_sure(0.7, hz=10), rel=0.3)


@pytest.mark.parametrize("gap_s", [0.1, 1.0, 3600.0])
def test_one_sample_never_decides_however_long_ago_the_last_was(gap_s: float) -> None:
    detector = ChangeDetector()
    detector.update(0.0, scores(0.02), REST, 0.4)
    assert detector.update(gap_s, scores(0.98), REST, 0.4) is None


def test_evidence_to_the_contrary_takes_it_back() -> None:
    detector = ChangeDetector()
    for n in range(600):
        assert detector.update(n / 10, scores(0.9 if n % 3 == 0 else 0.05), REST, 0.4) is None


def test_all_is_forgotten_with_a_change_and_on_request() -> None:
    detector = ChangeDetector()
    found = [detector.update(n / 10, scores(0.95), REST, 0.4) for n in range(10)]
    # The first sample has no time before it; then four, and four again.
    assert [n for n, since in enumerate(found) if since is not None] == [4, 8]
    detector.update(1.0, scores(0.95), REST, 0.4)
    detector.reset()
    assert not detector.evidence.any()
