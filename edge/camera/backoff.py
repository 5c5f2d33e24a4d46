"""How long to wait before the next try."""

from __future__ import annotations

import random


class Backoff:
    """Waits that double up to a cap, each shortened at random by up to a half."""

    def __init__(self, shortest_s: float, longest_s: float, rng: random.Random) -> None:
        self._shortest = shortest_s
        self._longest = longest_s
        self._rng = rng
        self._next = shortest_s

    def next(self) -> float:
        """Return seconds to wait now."""
        wait = self._next
        self._next = min(self._longest, self._next * 2)
        return wait * self._rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin again with the shortest wait."""
        self._next = self._shortest
