"""What a frame costs, in instructions: a change that makes it dearer has to say so.

After a wanted change: `python -m benchmarks.cost --record`.
"""

from __future__ import annotations

import pytest

from benchmarks import cost


@pytest.mark.slow
@pytest.mark.parametrize("detector", sorted(cost.baseline()["instructions_a_frame"]))
def test_a_frame_costs_no_more_instructions_than_recorded(detector: str) -> None:
    if why := cost.missing():
        pytest.skip(why)
    recorded = cost.baseline()
    same = recorded["machine"] == cost.machine_class()
    tolerance = cost.TOLERANCE if same else cost.TOLERANCE_ELSEWHERE
    before = recorded["instructions_a_frame"][detector]
    now = cost.instructions_a_frame(detector)
    change = now / before - 1
    assert change <= tolerance, f"{detector}: {now / 1e6:.2f} million a frame, {change:+.1%}"
    assert change >= -tolerance, "cheaper than recorded: record it, so that it stays so"
