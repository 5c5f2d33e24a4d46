"""A disk that is full, read-only or hangs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.publish import disk as disks
from edge.publish import writer
from edge.publish.mqtt import MqttPublisher
from tests import broker as brokers
from tests.broker import Subscriber, running, subscribed
from tests.edge.publish.rig import change, estimate, kept, publishing
from tests.waiting import wait_until

pytestmark = pytest.mark.faults


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[Path]:
    """A tmpfs of its own; needs root."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small tmpfs needs root")
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_means_memory_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(disks, "RETRY_DISK_S", 0.3)
    monkeypatch.setattr(writer, "FLUSH_S", 0.5)
    late = brokers.Broker(tmp_path)
    with small_disk(tmp_path / "disk") as disk:
        with publishing(late.port, disk / "outbox.db") as p:
            for _ in range(20):
                for _ in range(100):
                    p.publish(change(time.monotonic()))
                time.sleep(0.02)
            wait_until(lambda: p.stats().depth == 2000, "all is kept")
            wait_until(lambda: "outbox_memory" in p.stats().problems, "the disk is full")
            assert "database or disk is full; events are kept in memory" in caplog.text
            assert p.stats().lost == 0
            late.start()
            try:
                with subscribed(late, "emotion/+/event") as s:
                    before = 2000 - p.stats().depth
                    wait_until(lambda: p.stats().depth == 0, "all is sent")
                    wait_until(lambda: len(s.seqs()) >= 2000 - before - 64, "they arrive")
                # What was acknowledged makes room: the disk works again by itself.
                wait_until(lambda: "outbox_memory" not in p.stats().problems, "the disk again")
            finally:
                late.kill()
        assert kept(disk / "outbox.db") == (set(), 2000)


def test_a_read_only_disk_means_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with small_disk(tmp_path / "disk") as disk, running(tmp_path / "b") as b:
        with publishing(b.port, disk / "outbox.db") as p:
            p.publish(change(time.monotonic()))
            wait_until(lambda: p.stats().problems == (), "it is online")
            wait_until(lambda: p.stats().depth == 0, "all is acknowledged")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with subscribed(b) as s, publishing(b.port, disk / "outbox.db") as p:
            p.publish(change(time.monotonic()))
            wait_until(lambda: len(s.events()) == 1, "it is published")
            assert "outbox_memory" in p.stats().problems
            # No later run will know of this number: it is beyond all that were counted.
            assert s.seqs()[0] > 1_000_000_000_000
        assert "events are kept in memory" in caplog.text


def first_is_delivered(publisher: MqttPublisher, subscriber: Subscriber) -> None:
    """Wait for the first event to arrive, and for its acknowledgement: two ways, in any order."""
    wait_until(lambda: subscriber.seqs() == [1], "the first event")
    wait_until(lambda: publisher.stats().depth == 0, "its acknowledgement")


def test_a_disk_that_hangs_does_not_hold_the_loop_and_what_is_lost_is_told(
    broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "QUEUE_MOST", 100)
    with subscribed(broker) as s, publishing(broker.port, tmp_path / "outbox.db") as p:
        p.publish(change(time.monotonic()))
        first_is_delivered(p, s)
        with p._outbox._lock:  # as a write that does not return would hold it
            p.publish(change(time.monotonic()))
            wait_until(lambda: p._writer._in_hand == 1, "the writer hangs in the outbox")
            for _ in range(150):
                p.publish(change(time.monotonic()))  # would hang here
            assert p.stats().lost == 50
        wait_until(lambda: len(s.seqs()) == 102, "what was kept")
        p.publish(change(time.monotonic()))
        wait_until(lambda: len(s.seqs()) == 103, "one more")
        assert s.seqs() == [*range(1, 103), 153]  # what was lost has numbers: a gap is a loss
        assert sum(e["data"]["lost_before"] for e in s.events()) == 50
        assert p.stats().lost == 50


def test_while_a_disk_hangs_states_take_no_room_from_events(
    broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUEUE_MOST", 250)
    monkeypatch.setattr(writer, "STALLED_S", 0.2)
    with subscribed(broker) as s, publishing(broker.port, tmp_path / "outbox.db") as p:
        p.publish(change(time.monotonic()))
        first_is_delivered(p, s)
        with p._outbox._lock:
            p.publish(change(time.monotonic()))
            wait_until(lambda: p._writer._in_hand == 1, "the writer hangs in the outbox")
            for n in range(200):
                p.publish(change(time.monotonic()))
                for emotion in ("happy", "sad") * 5:
                    p.state(n, [estimate(emotion, track=f"{n}")], "running")
            assert (p.stats().lost, p.stats().depth) == (0, 201)
            wait_until(lambda: "outbox_stalled" in p.stats().problems, "it is said")
            # The present goes on, and the connection with it.
            p.state(300.0, [estimate("fear")], "running")
            wait_until(lambda: s.on("state") and s.on("state")[-1].json["emotion"] == "fear", "it")
            assert s.on("state")[-1].json["seq"] == 1
        wait_until(lambda: len(s.seqs()) == 202, "every event")
        assert s.seqs() == list(range(1, 203))
        wait_until(lambda: p.stats().problems == (), "it works again")
