"""Hours of an audience that end while the broker is away come when it is back."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.publish.audience import HOUR_S
from tests.broker import Broker, Subscriber, subscribed
from tests.edge.publish.rig import estimate, publishing
from tests.fakes import FakeClock
from tests.waiting import wait_until

FIRST = 1_700_000_000 // HOUR_S * HOUR_S  # s since 1970


@contextlib.contextmanager
def device(port: int, outbox: Path, first: int, hours: int) -> Iterator[subprocess.Popen[bytes]]:
    """A device that has counted so many hours by now; killed (SIGKILL) at the end of the `with`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.edge.publish.hours_child"]
        + [str(x) for x in (port, outbox, first, hours)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"kept\n"
        yield process
    finally:
        process.kill()
        process.wait()


def told(s: Subscriber) -> list[tuple[str, int]]:
    """Return the hours that came: which, and how many were seen."""
    return [(m.json["begin"][11:16], m.json["seen"]) for m in s.on("audience")]


@pytest.mark.faults
def test_hours_that_end_without_a_broker_outlive_kill_9_and_come_in_order(tmp_path: Path) -> None:
    late = Broker(tmp_path)
    outbox = tmp_path / "outbox.db"
    with device(late.port, outbox, FIRST, 2):
        pass
    late.start()
    try:
        with subscribed(late) as s, device(late.port, outbox, FIRST + 2 * HOUR_S, 0):
            wait_until(lambda: len(told(s)) >= 2, "both hours")
        assert told(s) == [("22:00", 1), ("23:00", 2)]
        with subscribed(late, "emotion/kiosk/audience") as afterwards:
            wait_until(lambda: told(afterwards), "what is retained")
            assert told(afterwards) == [("23:00", 2)]
    finally:
        late.kill()


def test_hours_that_end_without_a_broker_come_one_after_the_other(tmp_path: Path) -> None:
    late = Broker(tmp_path)
    late.start()
    clock = FakeClock(now=time.monotonic(), wall=float(FIRST))
    sets = {"state__enabled": True, "audience__enabled": True}
    try:
        # Frozen, not away: who subscribes when it is back may come after the device.
        with subscribed(late) as s, publishing(late.port, clock=clock, **sets) as p:
            wait_until(lambda: s.on("info"), "the device is there")
            late.signal(signal.SIGSTOP)
            for n in range(4):
                p.state(clock.now(), [estimate(track=str(n))], "running")
                clock.advance(HOUR_S)
            late.signal(signal.SIGCONT)
            wait_until(lambda: len(told(s)) >= 3, "the hours")
            late.kill()
            wait_until(lambda: "broker_away" in p.stats().problems, "the loss is noticed")
            late.start()
            wait_until(lambda: len(told(s)) >= 4, "the last is retained again")
            assert told(s) == [("22:00", 1), ("23:00", 1), ("00:00", 1), ("00:00", 1)]
    finally:
        late.kill()
