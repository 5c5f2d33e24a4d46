"""Hours of an audience outlive a broker that is away, and a disk that comes late."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge.publish.audience import HOUR_S, SUFFIX
from edge.publish.disk import RETRY_DISK_S
from edge.publish.mqtt import MqttPublisher
from tests.broker import Broker, Subscriber, subscribed
from tests.edge.publish.rig import change, estimate, publishing
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


@pytest.mark.parametrize("ended", [False, True])
def test_a_state_folder_that_comes_late_is_gone_on_with_and_no_hour_follows_a_later_one(
    broker: Broker, tmp_path: Path, ended: bool
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    outbox = folder / "outbox.db"
    clock = FakeClock(now=time.monotonic(), wall=float(FIRST))
    sets = {"state__enabled": True, "audience__enabled": True}

    def seen(p: MqttPublisher, *names: str) -> None:
        p.state(clock.now(), [estimate(track=n, t=clock.now()) for n in names], "running")

    with publishing(broker.port, outbox, clock=clock, **sets) as p:
        seen(p, "a")
    folder.rename(tmp_path / "away")
    with subscribed(broker) as s, publishing(broker.port, outbox, clock=clock, **sets) as p:
        assert "outbox_memory" in p.stats().problems
        seen(p, "b", "c")
        if ended:
            clock.advance(HOUR_S)
            seen(p, "d")
            wait_until(lambda: told(s), "an hour without the first visitor")
        (tmp_path / "away").rename(folder)
        clock.advance(RETRY_DISK_S)
        wait_until(lambda: "outbox_memory" not in p.stats().problems, "the disk is back")
        file = outbox.with_name(outbox.name + SUFFIX)
        present = FIRST + HOUR_S * ended

        def kept() -> bool:
            seen(p, "e")
            p.publish(change(clock.now()))
            kept = msgspec.json.decode(file.read_bytes())
            return bool(kept["hour"] == present and kept["seen"] == (2 if ended else 4))

        wait_until(kept, "what is counted now is kept")
    with subscribed(broker) as s, publishing(broker.port, outbox, clock=clock, **sets) as p:
        clock.advance(HOUR_S)
        seen(p)
        last = ("23:00", 2) if ended else ("22:00", 4)
        wait_until(lambda: told(s) and told(s)[-1] == last, "the next healthy start goes on")
        assert set(told(s)) <= {("22:00", 2), last}
