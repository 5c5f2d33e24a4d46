"""What is behind a hole that another recorder may still fill is digested when it is filled."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from edge.store import Store, open_store
from edge.store.digest import digest
from edge.store.holes import PATIENCE, behind
from edge.store.incoming import NewEvent
from edge.store.models import Batch, Gap, HourKind, Visit
from edge.store.turns import LITTLE
from edge.store.visits import Figures, TrackEvent, figures
from edge.store.write import Writer
from tests.edge.store.sender import START, Device, read
from tests.edge.store.tables import SUMS, chunks, keep, rows

VISITS = 400


@pytest.mark.parametrize(
    ("last", "numbers", "at"),
    [
        (4, [5, 6, 7], 3),
        (4, [5, 7, 8], 1),
        (4, [6, 7], 0),
        (4, [1, 3, 5, 6], 4),  # holes that are known
        (4, [1, 3, 7], 2),
        (4, [3, 3, 5, 5, 6], 5),
        (4, [5, 2_000_000_000], 2),  # a counter that was lost
        (4, [], 0),
    ],
)
def test_events_wait_from_the_first_hole_on(last: int, numbers: list[int], at: int) -> None:
    assert behind(last, numbers, lambda _: True) == at


def test_a_hole_behind_which_something_has_waited_long_is_a_gap() -> None:
    assert behind(4, [6, 8, 10, 12], [True, False, True, True].__getitem__) == 2
    assert behind(4, [6, 7], [False, True].__getitem__) == 2
    assert behind(4, [6, 8], [True, False].__getitem__) == 2


def halves(device: Device, received: datetime) -> list[list[NewEvent]]:
    """Give two recorders every other event, as a shared subscription does."""
    events = [read(device.name, p, received) for p in device.sent]
    assert len(events) > 2 * LITTLE
    return [events[::2], events[1::2]]


def crowd() -> Device:
    device = Device()
    device.crowd(VISITS, random.Random(5), span_s=3600.0)
    return device


def expected(device: Device, folder: Path) -> list[object]:
    with open_store(str(folder / "alone.db")) as alone:
        keep(alone, device)
        return rows(alone, Visit, Gap, *SUMS)


def waiting(store: Store) -> int:
    with store.connect() as c:
        return c.scalar(select(func.count()).select_from(Batch)) or 0


def counted(store: Store) -> int:
    with store.connect() as c:
        return c.scalar(select(func.sum(HourKind.events))) or 0


def finish(store: Store) -> None:
    for _ in range(100):
        if not waiting(store):
            return
        digest(store, PATIENCE)
    pytest.fail("some events are never digested")


def test_of_two_that_share_few_visits_are_made_twice_and_no_gap_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = crowd()
    one, two = halves(device, datetime.now(UTC))
    made = 0

    def counting(events: Iterable[TrackEvent]) -> list[Figures]:
        nonlocal made
        made += 1
        return figures(events)

    monkeypatch.setattr("edge.store.digest.figures", counting)
    monkeypatch.setattr("edge.store.turns.LITTLE", 0)
    writers = [Writer(store), Writer(store)]
    for mine, theirs in zip(chunks(one, 100), chunks(two, 100), strict=True):
        for writer, some in zip(writers, (mine, theirs), strict=True):
            writer.write(some)
            digest(store, PATIENCE)
            assert rows(store, Gap) == []
    finish(store)
    assert made < 1.5 * VISITS
    assert rows(store, Visit, Gap, *SUMS) == expected(device, tmp_path)
    assert counted(store) == len(device.sent)


def test_what_one_has_waits_for_the_other(store: Store, tmp_path: Path) -> None:
    device = crowd()
    one, two = halves(device, datetime.now(UTC))
    writer = Writer(store)
    writer.write(one)
    assert digest(store, PATIENCE) == 0  # and is not asked for again and again
    assert counted(store) == 1
    assert rows(store, Gap) == []
    middle = len(two) // 2
    writer.write(two[:middle])
    digest(store, PATIENCE)
    assert middle < counted(store) < len(device.sent)
    assert rows(store, Gap) == []
    writer.write(two[middle:])
    finish(store)
    assert rows(store, Visit, Gap, *SUMS) == expected(device, tmp_path)


@pytest.mark.parametrize("received", [-2 * PATIENCE, timedelta(hours=1)])
def test_what_does_not_come_is_a_gap(store: Store, received: timedelta) -> None:
    """So it is, too, where the clock of the recorder that wrote it is wrong."""
    device = crowd()
    one, _ = halves(device, datetime.now(UTC) + received)
    Writer(store).write(one)
    while digest(store, PATIENCE):
        pass
    assert counted(store) == len(one)
    assert len(rows(store, Gap)) == len(one) - 1
    assert waiting(store) == 0


def test_what_came_just_now_is_left_while_much_is_waiting(store: Store, tmp_path: Path) -> None:
    device = crowd()
    now = datetime.now(UTC)
    middle = len(device.sent) // 2
    writer = Writer(store)
    writer.write([read("front", p, now - timedelta(seconds=9)) for p in device.sent[:middle]])
    writer.write([read("front", p, now) for p in device.sent[middle:]])
    digest(store, PATIENCE, timedelta(minutes=1))
    assert counted(store) == 0
    digest(store, PATIENCE, timedelta(seconds=8))
    assert counted(store) == middle
    finish(store)
    assert rows(store, Visit, Gap, *SUMS) == expected(device, tmp_path)


def test_a_few_events_do_not_wait(store: Store) -> None:
    device = Device()
    for n in range(9):
        device.tell(n, "face_appeared", f"t{n}")
    Writer(store).write([read("front", p, datetime.now(UTC)) for p in device.sent[::2]])
    digest(store, PATIENCE, timedelta(minutes=1))
    assert counted(store) == 5
    assert len(rows(store, Gap)) == 4


def test_any_order_with_patience_gives_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.store.turns.LITTLE", 0)
    device, rng = crowd(), random.Random(8)
    now = datetime.now(UTC)
    events = [read(device.name, p, now) for p in device.sent]
    # As far out of order as recorders that share, and some things twice.
    events += rng.sample(events, 200)
    events.sort(key=lambda e: e.seq + rng.uniform(0, 300))
    writer = Writer(store)
    writer.devices(["front"], START)
    for some in chunks(events, 150):
        writer.write(some)
        digest(store, PATIENCE if rng.random() < 0.8 else timedelta(0))
    finish(store)
    assert rows(store, Visit, Gap, *SUMS) == expected(device, tmp_path)
    assert counted(store) == len(device.sent)
