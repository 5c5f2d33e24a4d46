"""A publisher in a process of its own, to be killed: events at a rate until it is stopped.

python -m tests.edge.publish.child PORT OUTBOX EVENTS_A_SECOND [key=value ...]
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from pathlib import Path

from tests.edge.publish.rig import change, estimate, publishing


def main(port: str, outbox: str, rate: str, *more: str) -> None:
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    keys = dict(item.split("=", 1) for item in more)
    path = None if outbox == "memory" else Path(outbox)
    with publishing(int(port), path, **keys) as publisher:
        print("running", flush=True)
        while not stopping:
            now = time.monotonic()
            if float(rate) > 0:
                publisher.publish(change(now))
            publisher.state(now, [estimate(t=now)], "running")
            time.sleep(1 / float(rate) if float(rate) > 0 else 0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
