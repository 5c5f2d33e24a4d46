"""What is deleted as too old, and what comes of it afterwards."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from edge.store import Store, open_store
from edge.store.alone import SILENCE, end_silent
from edge.store.models import Event, Hour, Visit
from edge.store.purge import purge
from tests.broker import Broker
from tests.edge.store.sender import START, Device
from tests.edge.store.tables import keep
from tests.recorder import recording, send
from tests.waiting import wait_until


def visitors(store: Store) -> int:
    with store.connect() as c:
        return c.scalar(select(func.sum(Hour.visitors))) or 0


def tracks(store: Store, model: type[Event] | type[Visit]) -> set[str]:
    with store.connect() as c:
        return set(c.scalars(select(model.track)))


def reboot(device: Device, after_s: float) -> None:
    """Have a device that was killed come back: it ends the visits that it left open."""
    device.boot_id, device.booted = "boot-2", START + timedelta(seconds=after_s - 20)
    for track in sorted(device.in_view):
        device.tell(after_s, "attention_ended", track, "unknown", reason="lost")
        device.tell(after_s, "face_left", track, "unknown", reason="lost")


def test_who_was_in_view_when_the_device_was_killed_for_long_counts_once(
    broker: Broker, tmp_path: Path
) -> None:
    history = str(tmp_path / "h.db")
    device = Device()
    device.visit(0, "a", [("happy", 5)])
    device.tell(20, "face_appeared", "b")
    with (
        recording(tmp_path / "r", broker.port, history, "--keep", "1d") as recorder,
        open_store(history) as store,
    ):
        send(broker.port, "front", device.sent)
        wait_until(lambda: visitors(store) == 2, "both are counted")
        recorder.stop()
        recorder.start()
        wait_until(lambda: "a" not in tracks(store, Event), "what is too old is deleted")
        before = len(device.sent)
        reboot(device, 3 * 86_400)
        device.visit(3 * 86_400 + 60, "c", [("sad", 5)])
        send(broker.port, "front", device.sent[before:])
        wait_until(lambda: "c" in tracks(store, Visit), "somebody comes later")
        assert visitors(store) == 3


def test_who_is_in_view_for_longer_than_is_kept_counts_once(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    device.tell(5, "emotion_changed", "a", "sad", "neutral")
    keep(store, device)
    assert purge(store, START + timedelta(hours=1)) == (0, 0)
    left = device.tell(7200, "face_left", "a", "sad", duration_s=7198.0)
    keep(store, device, [left])
    with store.connect() as c:
        hour = c.execute(select(Hour.visitors, Hour.left, Hour.dwell_ms)).one()
    assert hour == (1, 1, 7_198_000)
    assert purge(store, START + timedelta(hours=3)) == (3, 1)


def test_what_a_device_ends_of_a_visit_that_was_deleted_is_no_visitor(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    keep(store, device)
    later = START + SILENCE + timedelta(days=1)
    assert end_silent(store, later) == 1
    assert purge(store, later) == (1, 1)
    before = len(device.sent)
    reboot(device, 10 * 86_400)
    keep(store, device, device.sent[before:])
    assert visitors(store) == 1
    assert tracks(store, Visit) == set()


def test_of_a_visit_that_the_device_lost_any_order_gives_the_same(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a", "happy")
    reboot(device, 7200)
    keep(store, device, device.sent[1:])
    assert visitors(store) == 0
    keep(store, device, device.sent[:1])
    assert visitors(store) == 1
    with store.connect() as c:
        visit = c.execute(select(Visit.ended, Visit.dwell_ms, Visit.reason)).one()
    assert visit.reason == "lost"
    assert visit.dwell_ms is None
