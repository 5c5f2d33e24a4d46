"""The budget, against a process whose work costs processor time by a simple rule."""

from __future__ import annotations

import logging

import pytest

from edge.config import Budget
from edge.rates import LEAST, BudgetKeeper, RateLimiter, RateScale, corrected


class Process:
    """Uses `base` of a core, and `work` more at full rates; `seconds` go by in frames of 30/s."""

    def __init__(self, base: float, work: float, cpu: float = 0.4) -> None:
        self.base, self.work = base, work
        self.scale = RateScale()
        self.now = self.used = 0.0
        self.temperature: float | None = None
        self.throttled: bool | None = None
        self.keeper = BudgetKeeper(
            Budget(cpu=cpu, max_temperature_c=78),
            self.scale,
            lambda: self.used,
            lambda: self.temperature,
            lambda: self.throttled,
        )

    def run(self, seconds: float) -> float:
        """Return the share of a core that was used."""
        before = self.used
        for _ in range(round(30 * seconds)):
            self.now += 1 / 30
            self.used += (self.base + self.work * self.scale.factor) / 30
            self.keeper.update(self.now)
        return (self.used - before) / seconds


def test_cheap_work_is_done_at_full_rates() -> None:
    process = Process(base=0.02, work=0.1)
    process.run(20)
    assert process.scale.factor == 1


@pytest.mark.parametrize("work", [0.5, 1.0, 3.0])
def test_dear_work_is_brought_under_the_budget_and_not_far_under(work: float) -> None:
    process = Process(base=0.05, work=work)
    process.run(10)
    assert 0.3 < process.run(10) <= 0.4


def test_the_pace_does_not_swing() -> None:
    process = Process(base=0.05, work=0.9)
    process.run(10)
    seen = set()
    for _ in range(20):
        process.run(1)
        seen.add(process.scale.factor)
    assert len(seen) == 1


def test_more_faces_slow_it_down_and_when_they_leave_it_is_back_at_full_rates() -> None:
    process = Process(base=0.05, work=0.2)
    process.run(5)
    process.work = 0.8  # four faces instead of one
    process.run(10)
    assert process.scale.factor < 0.5
    process.work = 0.2
    process.run(10)
    assert process.scale.factor == 1


def test_what_cannot_be_slowed_leaves_a_least_pace() -> None:
    process = Process(base=0.9, work=0.1)
    process.run(30)
    assert process.scale.factor == LEAST


def test_heat_shrinks_the_budget_until_it_is_cool_again() -> None:
    process = Process(base=0.05, work=0.3)
    process.temperature = 82.0
    process.run(20)
    assert process.run(5) <= 0.11  # a quarter of 0.4, and what rounding leaves
    process.temperature = 77.0  # below the limit, not yet cool
    process.run(20)
    assert process.run(5) <= 0.11
    process.temperature = 70.0
    process.run(60)
    assert process.scale.factor == 1


def test_a_firmware_that_throttles_counts_as_heat_without_a_thermometer() -> None:
    process = Process(base=0.05, work=0.3)
    process.throttled = True
    process.run(20)
    assert process.scale.factor < 0.5


def test_a_replay_never_adapts() -> None:
    scale = RateScale()
    keeper = BudgetKeeper(Budget(cpu=0.01), scale, None, lambda: 200.0, lambda: True)
    for second in range(100):
        keeper.update(float(second))
    assert scale.factor == 1


def test_being_slowed_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    process = Process(base=0.05, work=0.9)
    process.run(20)
    process.work = 0.1
    process.run(20)
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]
    assert "budget.cpu is 0.4" in caplog.text


@pytest.mark.parametrize(
    ("scale", "share", "expected"),
    [(1.0, 0.39, 1.0), (1.0, 4.0, 0.5), (0.5, 0.38, 0.5), (0.5, 0.0, 0.625), (0.9, 0.1, 1.0)],
)
def test_a_correction_is_bounded(scale: float, share: float, expected: float) -> None:
    assert corrected(scale, share, 0.4) == pytest.approx(expected)


def test_a_rate_limiter_slows_with_the_scale_and_keeps_its_minimum() -> None:
    scale = RateScale()
    limiter = RateLimiter(10, scale, minimum=2)
    assert sum(limiter.due(k / 100) for k in range(200)) == 20
    scale.factor = 0.5
    assert sum(limiter.due(2 + k / 100) for k in range(200)) == 10
    scale.factor = 0.01
    assert sum(limiter.due(4 + k / 100) for k in range(200)) == 4
    slow = RateLimiter(0.5, scale, minimum=2)  # never faster than configured
    assert sum(slow.due(k / 100) for k in range(400)) == 2


def test_a_turn_that_is_needed_more_comes_at_once() -> None:
    limiter = RateLimiter(10)
    assert limiter.due(0.0, 0.4)
    assert not limiter.due(0.2, 0.4)
    assert limiter.due(0.2)
