"""A device that counts an audience, in a process of its own, to be killed; its hours go by at once.

python -m tests.edge.publish.hours_child PORT OUTBOX FIRST HOURS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from edge.publish.audience import HOUR_S, SUFFIX
from tests.edge.publish.rig import change, estimate, publishing
from tests.fakes import FakeClock
from tests.waiting import wait_until


def main(port: str, outbox: str, first: str, hours: str) -> None:
    """Watch one visitor more in each hour than in the one before; say so when all is kept."""
    path, begins = Path(outbox), int(first)
    clock = FakeClock(now=time.monotonic(), wall=begins + 1.0)
    file = path.with_name(path.name + SUFFIX)
    sets = {"state__enabled": True, "audience__enabled": True}
    with publishing(int(port), path, clock=clock, **sets) as p:
        for n in range(int(hours) + 1):
            t = clock.now()
            p.state(t, [estimate(track=f"{n}-{m}", t=t) for m in range(n + 1)], "running")
            p.publish(change(t))
            wait_until(lambda n=n: kept_hour(file) == begins + n * HOUR_S, "the hour is kept")
            clock.advance(HOUR_S)
        print("kept", flush=True)
        sys.stdin.read()


def kept_hour(file: Path) -> int | None:
    """Return which hour is counted in a file of the counter."""
    try:
        return int(msgspec.json.decode(file.read_bytes())["hour"])
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    main(*sys.argv[1:])
