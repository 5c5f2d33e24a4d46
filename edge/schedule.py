"""Whose turn it is: work that is done less often than once a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

# s: camera timestamps jitter and 30 frames/s are not exact thirtieths; a frame that comes this
# much early still has the turn, else a rate of 10 at 30 frames/s would become 7.5.
SLACK_S = 5e-4


@dataclass(slots=True)
class Pace:
    """Share of the configured rates that is being used; one for all turns. See `edge.budget`."""

    factor: float = 1.0  # (0, 1]


class Turn:
    """Says when something of a given rate is due."""

    def __init__(self, rate: float, pace: Pace | None = None, least: float = 0.0) -> None:
        """Make the first call due at once, further ones `rate` times a second on average.

        Args:
            rate: times a second, at full pace.
            pace: slows the turns that follow.
            least: times a second that stay, whatever the pace; no more than `rate`.
        """
        self.rate = rate
        self._pace = pace or Pace()
        self._least = least
        self._plan = -math.inf  # s: when the last turn was due

    def due(self, t: float, share: float = 1.0) -> bool:
        """Return whether it is time at `t` (s); saying yes takes the turn.

        Args:
            t: seconds, never decreasing.
            share: of the rate that is needed now, in (0, 1].
        """
        period = 1 / max(self.rate * share * self._pace.factor, min(self.rate, self._least))
        planned = self._plan + period
        if t < planned - SLACK_S:
            return False
        # From the plan rather than from `t`, so that the mean rate holds; missed turns are gone.
        self._plan = planned if planned + period > t else t
        return True
