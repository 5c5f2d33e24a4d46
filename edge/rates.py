"""How often work is done: rate limiters, and how far the budget and heat slow it down.

Windows and hold times are seconds and mean the same at every rate; there are fewer samples in them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from edge.config import Budget as Limits

log = logging.getLogger(__name__)

PERIOD_S = 1.0  # s between two corrections: long enough to be a mean over some detections
AIM = 0.95  # of the budget: what a correction aims at, so that the mean stays under it
SLACK = 0.85  # of the budget: only below it the rates rise, so that it does not swing
STEP_DOWN, STEP_UP = 0.5, 1.25  # most that one correction changes the scale
LEAST = 0.05  # the scale is never less; rate limiters have their own minimum besides
COOLER, WARMER = 0.8, 1.05  # factor on the budget, each period, while too hot and afterwards
MOST_COOLED = 0.25  # of the budget remains at least
COOL_C = 3.0  # degrees below the limit at which the budget is given back
# s: camera timestamps jitter and 30 frames/s are not exact thirtieths; a frame that comes this
# much early still counts, else a rate of 10 at 30 frames/s would become 7.5.
EARLY_S = 5e-4


@dataclass(slots=True)
class RateScale:
    """Fraction of the configured rates that is used now; one for all rate limiters."""

    factor: float = 1.0  # (0, 1]


class RateLimiter:
    """Lets something happen at a given rate, on average."""

    def __init__(self, rate: float, scale: RateScale | None = None, minimum: float = 0.0) -> None:
        """Make the first call due at once, further ones `rate` times a second on average.

        Args:
            rate: 1/s, at full scale.
            scale: slows it down with all others.
            minimum: 1/s that stay, whatever the scale; `rate` where that is less.
        """
        self.rate = rate
        self._scale = scale or RateScale()
        self._minimum = minimum
        self._plan = -math.inf  # s: when it was last due

    def due(self, t: float, demand: float = 1.0) -> bool:
        """Return whether it is time at `t` (s); saying yes uses it up.

        Args:
            t: seconds, never decreasing.
            demand: fraction of the rate that is needed now, in (0, 1].
        """
        period = 1 / max(self.rate * demand * self._scale.factor, min(self.rate, self._minimum))
        planned = self._plan + period
        if t < planned - EARLY_S:
            return False
        # From the plan rather than from `t`, so that the mean rate holds; what was missed stays so.
        self._plan = planned if planned + period > t else t
        return True


class BudgetKeeper:
    """Sets a `RateScale` by what the process used of its budget and how hot the processor is."""

    def __init__(
        self,
        limits: Limits,
        scale: RateScale,
        used: Callable[[], float] | None,
        temperature_c: Callable[[], float | None] = lambda: None,
        throttled: Callable[[], bool | None] = lambda: None,
    ) -> None:
        """Keep to `limits`.

        Args:
            limits: the section `budget`.
            scale: what is set.
            used: seconds of processor time so far, all threads of the process; None: a replay,
                which does every bit of work so that it is the same on every machine.
            temperature_c: of the processor, degrees Celsius; None where it is not known.
            throttled: whether the firmware holds the processor back.
        """
        self._limits = limits
        self._scale = scale
        self._used = used
        self._temperature_c = temperature_c
        self._throttled = throttled
        self._since: float | None = None  # s: when the period began
        self._before = 0.0  # s of processor time then
        self._cooled = 1.0  # fraction of the budget that heat leaves
        self._slow_since: float | None = None

    def configure(self, limits: Limits) -> None:
        """Keep to other limits."""
        self._limits = limits

    def scale(self) -> float:
        """Return the fraction of the configured rates that is used now, in (0, 1]."""
        return self._scale.factor

    def update(self, now: float) -> None:
        """Correct the scale when a period is over.

        Args:
            now: seconds, monotonic, of the same kind as `used`: not a recording's.
        """
        if self._used is None or (self._since is not None and now - self._since < PERIOD_S):
            return
        used = self._used()
        if self._since is not None:
            self._correct((used - self._before) / (now - self._since), now)
        self._since, self._before = now, used

    def _correct(self, load: float, now: float) -> None:
        self._cooled = self._cool()
        allowed = self._limits.cpu * self._cooled
        self._scale.factor = corrected(self._scale.factor, load, allowed)
        if self._scale.factor < 1 and self._slow_since is None:
            self._slow_since = now
            why = "too hot" if self._cooled < 1 else f"budget.cpu is {self._limits.cpu:g}"
            log.warning("%.2f of a core used, %s: detecting and scoring less often", load, why)
        elif self._scale.factor == 1 and self._slow_since is not None:
            log.info("back at full rates after %.0f s", now - self._slow_since)
            self._slow_since = None

    def _cool(self) -> float:
        """Return the fraction of the budget that heat leaves."""
        temperature = self._temperature_c()
        degrees = -1.0 if temperature is None else temperature - self._limits.max_temperature_c
        if degrees > 0 or self._throttled():
            return max(self._cooled * COOLER, MOST_COOLED)
        if temperature is None or degrees < -COOL_C:
            return min(self._cooled * WARMER, 1.0)
        return self._cooled


def corrected(scale: float, load: float, allowed: float) -> float:
    """Return the scale for the next period.

    Args:
        scale: of the last one, in (0, 1].
        load: fraction of a core that was used.
        allowed: fraction of a core that may be used, > 0.
    """
    if SLACK * allowed <= load <= allowed:
        return scale
    step = AIM * allowed / max(load, 1e-3)
    return min(max(scale * min(max(step, STEP_DOWN), STEP_UP), LEAST), 1.0)
