"""`python -m benchmarks.scale.events`: events a second into one Mosquitto, more and more.

Fifty devices' real publishing code; a subscriber gets everything. Needs no camera, model or clip.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import publish
from benchmarks.fleet.workers import Workers
from benchmarks.mosquitto import Mosquitto

DEVICES = 50
HEALTH_S = 30.0
SETTLE_S = 3.0  # until the rate is steady
COLUMNS = (
    ("asked", "events/s asked for"),
    ("made", "events/s made"),
    ("arrived", "events/s at the subscriber"),
    ("waiting", "in the outboxes at the end"),
    ("messages", "messages/s at the subscriber"),
    ("broker", "broker's share of one core"),
    ("broker_us", "broker's microseconds a message"),
    ("devices", "devices' share of one core"),
)


class Subscriber:
    """Mosquitto's own, which costs little; writes down one topic a message."""

    def __init__(self, port: int, folder: Path) -> None:
        program = shutil.which("mosquitto_sub")
        if program is None:
            raise SystemExit("mosquitto_sub is not installed (apt-get install mosquitto-clients)")
        self._heard = folder / "heard"
        asked = ["-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", "fleet/#", "-F", "%t"]
        with self._heard.open("wb") as file:
            self._process = subprocess.Popen([program, *asked], stdout=file)

    def heard(self) -> tuple[int, int]:
        """Return how many messages, and how many events among them, have come so far."""
        text = self._heard.read_bytes()
        return text.count(b"\n"), text.count(b"/event\n")

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def measure(rate: float, seconds: float) -> dict[str, Any]:
    """Return what came of asking for `rate` events a second of all devices together."""
    with (
        tempfile.TemporaryDirectory(prefix="events-") as name,
        contextlib.ExitStack() as clean_up,
    ):
        folder = Path(name)
        broker = Mosquitto(folder)
        clean_up.callback(broker.kill)
        broker.start()
        subscriber = Subscriber(broker.port, folder)
        clean_up.callback(subscriber.end)
        workers = Workers(
            DEVICES, rate / DEVICES, broker.port, None, health_s=HEALTH_S, logs=folder
        )
        clean_up.callback(workers.kill)
        workers.wait_online()
        workers.go()
        started = time.monotonic()
        time.sleep(SETTLE_S)
        began, broker_s, devices_s = time.monotonic(), broker.cost()[1], workers.cpu_s()
        messages, events = subscriber.heard()
        time.sleep(seconds)
        took = time.monotonic() - began
        broker_s, devices_s = broker.cost()[1] - broker_s, workers.cpu_s() - devices_s
        later_messages, later_events = subscriber.heard()
        workers.go()  # stop
        ran = time.monotonic() - started
        results = workers.results()
        workers.end()
    return {
        "asked": rate,
        "made": sum(r["published"] for r in results) / ran,
        "arrived": (later_events - events) / took,
        "waiting": sum(r["backed_up"] for r in results),
        "messages": (later_messages - messages) / took,
        "broker": broker_s / took,
        "broker_us": broker_s / max(later_messages - messages, 1) * 1e6,
        "devices": devices_s / took,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.events", description=__doc__)
    parser.add_argument("--rates", type=float, nargs="*", default=[100, 500, 1000, 2000, 4000])
    parser.add_argument("--seconds", type=float, default=20.0, help="each (default: 20)")
    args = parser.parse_args()
    rows = []
    for rate in args.rates:
        rows.append(measure(rate, args.seconds))
        print(rows[-1], file=sys.stderr, flush=True)
    publish(
        "events",
        "Events a second into one broker",
        COLUMNS,
        rows,
        [
            f"{DEVICES} devices in one process, with the daemon's publishing code and outboxes in "
            "memory; Mosquitto and a subscriber of everything beside them.",
            "Each event comes with a state. Of states that come faster than the broker "
            "acknowledges only the newest is sent: there are fewer messages than twice the events.",
            "One process of Python makes the events. Where it makes fewer than it was asked for, "
            "the devices are at their end, not the broker.",
        ],
    )


if __name__ == "__main__":
    main()
