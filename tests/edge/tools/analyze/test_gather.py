"""Curves of a recording: their length in memory and on the page."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest

from edge.messages import Frame
from edge.tools.analyze.gather import MOST_STEPS, STEP_S, Gatherer
from edge.tools.analyze.job import Part
from edge.tools.analyze.summary import SummaryCollector
from tests.edge.tools.analyze.test_sightings import seen


def gathered(*times: float) -> Part:
    """Return what is gathered of frames at `times` (s), each with a face just found."""
    gatherer, luma = Gatherer(["happy"]), np.zeros((9, 9), np.uint8)
    for n, t in enumerate(times):
        face = dataclasses.replace(seen("a", t), scores={"happy": 0.8})
        gatherer.frame(Frame(n, t, luma), [face])
    return gatherer.part("a.mp4", SummaryCollector(["happy"], 2.0).finish([]))


def test_one_wrong_time_takes_no_memory() -> None:
    gathered(0.0)  # what is made once
    tracemalloc.start()
    part = gathered(0.0, 0.1, 95_443.7)  # as where the 33 bits of MPEG-TS overflow
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1e6
    assert len(part.present) == len(part.curves["happy"]) == MOST_STEPS
    assert part.present[0] == part.present[-1] == 1.0 and sum(part.present) == 2.0


@pytest.mark.parametrize(("step_s", "many"), [(0.25, 8), (0.25, 2000), (0.5, 8)])
def test_a_curve_has_the_length_of_its_recording(step_s: float, many: int) -> None:
    part = gathered(*(n * step_s for n in range(many)))
    assert len(part.present) <= MOST_STEPS
    assert len(part.present) * part.step_s == pytest.approx(many * step_s, rel=0.05, abs=STEP_S)
    assert set(part.curves["happy"]) == ({0.8, 0.0} if step_s > STEP_S else {0.8})
