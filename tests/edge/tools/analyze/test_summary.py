"""Seconds of a recording whose frames do not come evenly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edge.analysis import Summary
from edge.messages import Frame
from edge.tools.analyze.summary import SummaryCollector
from tests.edge.tools.analyze.test_sightings import seen


def summed(times: Sequence[float]) -> Summary:
    """Return the summary of frames at `times` (s), each with a face just found."""
    collector = SummaryCollector(["happy"], 2.0)
    for n, t in enumerate(times):
        collector.frame(Frame(n, t, np.zeros((9, 9), np.uint8)), [seen("a", t)])
    return collector.finish([])


def test_of_a_gap_a_face_has_no_more_than_a_lost_one_and_nobody_the_rest() -> None:
    times = [n / 10 for n in range(30)]
    summary = summed([*times, *(t + 3602.9 for t in times)])
    assert summary.seconds == pytest.approx(3605.9)
    assert summary.face_seconds == pytest.approx(2.9 + 2.0 + 3.0)
    assert summary.nobody_seconds == pytest.approx(3600 - 2.0)
    assert summary.faces[0].seconds == summary.face_seconds


def test_a_gap_before_the_last_frame_counts_once() -> None:
    summary = summed([0.0, 0.1, 3600.1])
    assert summary.seconds == pytest.approx(3602.1)
    assert summary.face_seconds == pytest.approx(0.1 + 2.0 + 2.0)


def test_frames_that_always_come_seldom_are_no_gaps() -> None:
    summary = summed([5.0 * n for n in range(20)])
    assert summary.face_seconds == pytest.approx(97.0)  # the first interval alone may be one
    summary = summed([60.0 * n for n in range(20)])
    assert summary.face_seconds == pytest.approx(2.0 + 30.0 + 18 * 60.0)  # so may the second
