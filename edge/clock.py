"""The real clock. Only the loop and what publishes hold one; stages get `t`."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Monotonic and wall time of this machine."""

    def now(self) -> float:
        """Seconds, monotonic; does not stand still or jump when the wall clock is set."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        time.sleep(seconds)


def rfc3339(wall: float) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
