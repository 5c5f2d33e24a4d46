"""Fills a history with what kiosks would have published, by the recorder's own code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import insert

from benchmarks.history.kiosk import Kiosk
from edge.store import Store
from edge.store.digest import digest
from edge.store.incoming import NewEvent, read_event
from edge.store.models import Availability, Recorder
from edge.store.write import Writer

AT_ONCE = 2000  # events a transaction


def fill(
    store: Store,
    kiosks: Iterable[Kiosk],
    first: datetime,
    days: int,
    visitors: float,
    lost: Callable[[int], bool] = lambda seq: False,
) -> int:
    """Write some days of several devices; return how many events.

    Args:
        store: with its tables.
        kiosks: the devices.
        first: a midnight by the kiosks' clock.
        days: how many.
        visitors: a day and device.
        lost: whether the event with this number never comes.
    """
    writer, events = Writer(store), 0
    names = []
    for kiosk in kiosks:
        names.append(kiosk.device)
        for batch in _batches(_events(kiosk, first, days, visitors, lost)):
            events += writer.write(batch)
    while digest(store):
        pass
    last = first + timedelta(days=days)
    ids = writer.devices(names, first)
    with store.begin() as c:
        c.execute(insert(Recorder).values(name="one", began=first, seen=last))
        row = {"online": True, "status": "running", "reasons": []}
        c.execute(
            insert(Availability), [row | {"device_id": i, "time": first} for i in ids.values()]
        )
    return events


def _events(
    kiosk: Kiosk, first: datetime, days: int, visitors: float, lost: Callable[[int], bool]
) -> Iterator[NewEvent]:
    for event, message in kiosk.days(first, days, visitors):
        if lost(event.data.seq):
            continue
        found = read_event(kiosk.device, message, datetime.fromisoformat(event.time))
        assert found is not None
        yield found


def _batches(events: Iterable[NewEvent]) -> Iterator[list[NewEvent]]:
    batch: list[NewEvent] = []
    for event in events:
        batch.append(event)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    yield batch
