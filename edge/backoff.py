"""How long to wait before the next try: doubling, capped, random. For camera and broker."""

from __future__ import annotations

import random
from dataclasses import dataclass

SPREAD = 0.5  # a wait is shortened at random by up to this share, so that no fleet comes at once


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds between tries."""

    first_s: float = 1.0
    most_s: float = 60.0
    refused_s: float = 120.0  # a refused login will hardly be accepted a second later
    steady_s: float = 10.0  # a connection that lasted so long starts over with `first_s`


class Backoff:
    """Doubles the wait at each failure."""

    def __init__(self, waits: Waits, rng: random.Random) -> None:
        """Wait as `waits` says; `rng` shortens."""
        self._waits = waits
        self._rng = rng
        self._next = waits.first_s

    def reset(self) -> None:
        """It worked: begin again with the shortest wait."""
        self._next = self._waits.first_s

    def next(self, *, refused: bool = False) -> float:
        """Return seconds to wait after one more failure."""
        longest = self._waits.refused_s if refused else self._next
        self._next = min(self._next * 2, self._waits.most_s)
        return longest * self._rng.uniform(1 - SPREAD, 1.0)
