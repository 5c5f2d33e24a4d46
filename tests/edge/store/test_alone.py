"""Visits whose `face_left` never comes end when an event says that they are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, text

from edge.store import Store, open_store
from edge.store.alone import end_silent
from edge.store.digest import digest
from edge.store.incoming import read_event
from edge.store.models import Hour, Visit
from edge.store.visits import MISSING
from edge.store.write import Writer
from tests.broker import running
from tests.edge.store.sender import START, Device
from tests.edge.store.tables import go_back, keep
from tests.recorder import recording, send
from tests.waiting import wait_until


def visits(store: Store) -> dict[str, tuple[float | None, str | None]]:
    """Return by track when a visit ended, s after `START`, and why."""
    with store.connect() as c:
        rows = c.execute(select(Visit.track, Visit.ended, Visit.reason)).all()
    return {r.track: (_seconds(r.ended), r.reason) for r in rows}


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else (time - START).total_seconds()


def test_an_end_that_the_broker_drops_past_its_bound_leaves_no_visit_open(tmp_path: Path) -> None:
    history = str(tmp_path / "h.db")
    device = Device()
    # Of today: the recorder itself ends visits of which nothing was heard for a week.
    today = (datetime.now(UTC) - START) // timedelta(seconds=1) - 600.0
    with (
        running(tmp_path / "broker", queued=1) as broker,
        recording(tmp_path / "r", broker.port, history) as recorder,
        open_store(history) as store,
    ):
        device.tell(today, "face_appeared", "a")
        send(broker.port, "front", device.sent)
        wait_until(lambda: "a" in visits(store), "the visit has begun")
        recorder.kill()
        before = len(device.sent)
        for n in range(30):
            device.visit(today + 10 * n + 10, f"b{n}", [("happy", 5)])
        device.tell(today + 400, "face_left", "a", duration_s=400.0)
        send(broker.port, "front", device.sent[before:])
        recorder.start()
        before = len(device.sent)
        device.tell(today + 500, "face_appeared", "c")
        send(broker.port, "front", device.sent[before:])
        wait_until(lambda: "c" in visits(store), "somebody comes later")
        assert visits(store)["a"] == (today, MISSING)
        assert visits(store)["c"] == (None, None)


def test_who_is_alone_in_view_ends_the_visits_before(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a", "happy")
    device.tell(10, "emotion_changed", "a", "sad", "happy")
    device.in_view.clear()  # what says so is lost
    device.tell(20, "face_appeared", "b")
    keep(store, device, device.sent[:2])
    keep(store, device)
    assert visits(store) == {"a": (10, MISSING), "b": (None, None)}
    with store.connect() as c:
        lost = c.execute(select(Visit.dwell_ms, Visit.emotions).where(Visit.track == "a")).one()
        hour = c.execute(select(Hour.visitors, Hour.left, Hour.dwell_ms)).one()
    assert (lost.dwell_ms, lost.emotions) == (None, {"happy": 10_000})
    assert hour == (2, 0, 0)


def test_what_a_clock_that_was_ahead_has_said_ends_no_visit_later(store: Store) -> None:
    device, received = Device(), datetime.now(UTC)
    now = (received - START).total_seconds()
    device.tell(now + 3000, "face_appeared", "a")
    device.tell(now + 3001, "face_left", "a", duration_s=1.0)
    device.tell(now, "face_appeared", "b")
    for payload in device.sent:
        event = read_event(device.name, payload, received)
        assert event is not None
        Writer(store).write([event])
        digest(store)
    assert visits(store)["b"] == (None, None)


def test_nobody_in_view_ends_all_visits(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    device.tell(1, "face_appeared", "b")
    device.in_view.clear()
    device.tell(30, "face_left", "d", duration_s=20.0)
    keep(store, device)
    assert visits(store) == {"a": (0, MISSING), "b": (1, MISSING), "d": (30, None)}


def test_an_event_that_does_not_say_who_is_in_view_ends_no_other_visit(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    device.tell(10, "face_appeared", "b")  # two
    device.tell(20, "attention_ended", "b", seconds=1.0, faces=1)  # just as b leaves
    device.tell(20, "face_left", "b", duration_s=10.0)  # one
    device.tell(21, "window_opened", "", faces="many")
    device.tell(22, "face_appeared", "c", faces=None)
    keep(store, device)
    assert visits(store) == {"a": (None, None), "b": (20, None), "c": (None, None)}


def test_an_end_that_comes_after_all_counts(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    device.in_view.clear()
    late = device.tell(30, "face_left", "a", duration_s=25.0)
    device.visit(40, "b", [("happy", 5)])
    keep(store, device, [p for p in device.sent if p != late])
    assert visits(store)["a"] == (0, MISSING)
    keep(store, device, [late])
    assert visits(store)["a"] == (25, None)


def test_what_comes_late_of_a_visit_that_is_over_does_not_open_it_again(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    late = device.tell(10, "emotion_changed", "a", "sad", "neutral")
    device.in_view.clear()
    device.tell(20, "face_appeared", "b")
    keep(store, device, [p for p in device.sent if p != late])
    keep(store, device, [late])
    assert visits(store) == {"a": (10, MISSING), "b": (None, None)}


def test_after_a_week_of_silence_a_visit_has_ended(store: Store) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    device.tell(20, "face_appeared", "b")
    keep(store, device)
    assert end_silent(store, START + timedelta(days=7, seconds=10)) == 1
    assert visits(store) == {"a": (0, MISSING), "b": (None, None)}


def test_a_history_of_an_earlier_version_goes_on(address: str) -> None:
    device = Device()
    device.tell(0, "face_appeared", "a")
    with open_store(address) as store:
        keep(store, device)
        go_back(store, "0002")
    device.in_view.clear()
    device.tell(20, "face_appeared", "b")
    with open_store(address) as store:
        keep(store, device)
        assert visits(store) == {"a": (0, MISSING), "b": (None, None)}


def test_open_visits_are_found_by_an_index_of_their_own(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "h.db")) as store, store.connect() as c:
        for query in (
            "SELECT device_id, track, number, last FROM visits WHERE device_id IN (1, 2) "
            "AND ended IS NULL",
            "SELECT device_id, track, number, last FROM visits WHERE ended IS NULL",
        ):
            plan = str(c.execute(text(f"EXPLAIN QUERY PLAN {query}")).all())
            assert "ix_visits_open" in plan
