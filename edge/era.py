"""Where a device's numbers of events (`seq`) jump because its counter was lost, not its events.

A device that cannot use its disk counts on from the clock's milliseconds (`edge.publish.keeper`).
One that has no disk at any start does so each time: from the second start on the jump is as many as
milliseconds have gone by.
"""

from __future__ import annotations

JUMP = 1_000_000_000  # from a number that was counted to one of the clock, or years of the clock
CLOCK = 10**12  # a number from here on is the clock's: its milliseconds have 13 digits since 2001
RATE = 100.0  # 1/s: ten times less than the clock counts, and more events than a device ever makes
SOME = 1000  # numbers: less than go by of the clock in a restart (2 s), more than a burst of events


def jumped(last: int, seq: int, elapsed_s: float) -> bool:
    """Return whether no event is missing between the numbers `last` and `seq`, for all their jump.

    `elapsed_s` is the time between the two events, s: by the uptime within a boot.
    """
    ahead = seq - last
    return ahead >= JUMP or (last >= CLOCK and ahead > SOME + RATE * max(elapsed_s, 0.0))
