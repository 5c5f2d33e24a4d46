"""Whose turn it is: work that is done less often than once a frame."""

from __future__ import annotations

import math

# s: camera timestamps jitter and 30 frames/s are not exact thirtieths; a frame that comes this
# much early still has the turn, else a rate of 10 at 30 frames/s would become 7.5.
SLACK_S = 5e-4


class Turn:
    """Says when something of a given rate is due."""

    def __init__(self, rate: float) -> None:
        """Make the first call due at once, further ones `rate` times a second on average."""
        self._period = 1 / rate
        self._due = -math.inf

    def due(self, t: float) -> bool:
        """Return whether it is time at `t` (s); saying yes takes the turn."""
        if t < self._due - SLACK_S:
            return False
        # From the plan rather than from `t`, so that the mean rate holds; missed turns are gone.
        planned = self._due + self._period
        self._due = planned if planned > t else t + self._period
        return True
