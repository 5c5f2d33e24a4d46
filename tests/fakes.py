"""Stand-ins for tests; only time is ever faked."""

from __future__ import annotations

import threading


class FakeClock:
    """A clock that stands still until it is told to go on, and refuses to go back.

    `sleep` goes on by what was asked for and returns at once, so that code that waits is tested
    in no time. `wall` moves along with `now` and can be set apart with `jump_wall`.
    """

    def __init__(self, now: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self._lock = threading.Lock()
        self._now = now
        self._wall = wall
        self.slept: list[float] = []  # every `sleep`, in order

    def now(self) -> float:
        with self._lock:
            return self._now

    def wall(self) -> float:
        with self._lock:
            return self._wall

    def sleep(self, seconds: float, /) -> None:
        self.advance(seconds)
        self.slept.append(seconds)

    def advance(self, seconds: float) -> None:
        """Let `seconds` go by, monotonic and wall alike."""
        if not seconds >= 0:  # also refuses NaN
            raise ValueError(f"time does not go back: got {seconds}; allowed: 0 and more")
        with self._lock:
            self._now += seconds
            self._wall += seconds

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock on (or back) without any monotonic time going by."""
        with self._lock:
            self._wall += seconds
