"""How long to wait before the next try: capped, doubling, random."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds between tries."""

    first_s: float = 1.0
    most_s: float = 60.0
    refused_s: float = 120.0  # a refused login will hardly be accepted a second later
    steady_s: float = 10.0  # a connection that lasted so long starts over with `first_s`


class Backoff:
    """Doubles the wait at each failure; the random part keeps a fleet from coming back at once."""

    def __init__(self, waits: Waits, rng: random.Random) -> None:
        self._waits = waits
        self._rng = rng
        self._failures = 0

    def reset(self) -> None:
        """It worked."""
        self._failures = 0

    def next(self, *, refused: bool = False) -> float:
        """Return seconds to wait after one more failure: half to all of the doubled wait."""
        w = self._waits
        longest = w.refused_s if refused else min(w.most_s, w.first_s * 2.0**self._failures)
        self._failures = min(self._failures + 1, 30)  # 2^30 s is beyond any cap
        return longest * self._rng.uniform(0.5, 1.0)
