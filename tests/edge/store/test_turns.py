"""Several recorders digest beside each other: each part of the devices by one at a time."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from edge.store import Store, open_store
from edge.store.digest import digest
from edge.store.models import Batch, Gap, Hour, Visit
from edge.store.turns import LITTLE, LOCK, PARTS, part, take
from edge.store.write import Writer
from tests import postgresql
from tests.edge.store.sender import START, Device, read
from tests.edge.store.tables import SUMS, chunks, go_back, keep, rows


@pytest.fixture
def shared(server: postgresql.PostgreSQL) -> Iterator[Store]:
    """A history in PostgreSQL, which alone has parts."""
    with open_store(server.create(f"h{uuid.uuid4().hex[:12]}")) as store:
        yield store


def crowd(visits: int) -> list[Device]:
    """Return devices of which two are of the same part."""
    devices = [Device(f"d{n}") for n in range(PARTS + 1)]
    for n, device in enumerate(devices):
        device.crowd(visits, random.Random(n))
    return devices


def write(store: Store, devices: list[Device]) -> dict[str, int]:
    writer = Writer(store)
    ids = writer.devices([d.name for d in devices], START)
    writer.write([read(d.name, p) for d in devices for p in d.sent])
    return ids


def counted(store: Store) -> set[int]:
    """Return the devices whose visits are in the sums."""
    with store.connect() as c:
        return set(c.scalars(select(Hour.device_id)))


def waiting(store: Store) -> int:
    with store.connect() as c:
        return c.scalar(select(func.count()).select_from(Batch)) or 0


def test_one_at_a_part_keeps_nobody_from_the_others(shared: Store) -> None:
    ids = write(shared, crowd(2))
    with shared.begin() as other:
        other.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
        other.execute(select(func.pg_advisory_xact_lock(LOCK + 1 + 3)))
        while digest(shared):
            pass
        theirs = {i for i in ids.values() if part(i, postgresql=True) == 3}
        assert counted(shared) == set(ids.values()) - theirs
        assert waiting(shared) == 1
    while digest(shared):
        pass
    assert counted(shared) == set(ids.values())
    assert waiting(shared) == 0


def test_of_many_events_each_takes_some(shared: Store) -> None:
    devices = crowd(40)
    assert sum(len(d.sent) for d in devices) > LITTLE
    write(shared, devices)
    with shared.begin() as one, shared.begin() as two:
        mine, theirs = take(one), take(two)
        assert mine.batches and theirs.batches
        assert not mine.batches.keys() & theirs.batches.keys()
        assert mine.left == waiting(shared) - len(mine.batches)


def test_who_needs_all_devices_is_alone(shared: Store) -> None:
    write(shared, crowd(2))
    with shared.begin() as purging:
        purging.execute(select(func.pg_advisory_xact_lock(LOCK)))
        assert digest(shared) == 0
        assert counted(shared) == set()
    assert digest(shared) == 0
    assert waiting(shared) == 0


def test_batches_that_do_not_tell_their_part_are_for_one_that_is_alone(shared: Store) -> None:
    ids = write(shared, crowd(2))
    with shared.begin() as c:
        c.execute(update(Batch).values(part=None, events=None))
    with shared.begin() as other:
        other.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
        assert digest(shared) == 0
        assert counted(shared) == set()
    while digest(shared):
        pass
    assert counted(shared) == set(ids.values())


def test_what_waited_when_the_tables_were_brought_up_to_date_is_counted(address: str) -> None:
    device = Device()
    device.visit(0, "a", [("happy", 10)])
    with open_store(address) as store:
        Writer(store).write([read("front", p) for p in device.sent])
        go_back(store, "0001")
    with open_store(address) as store:
        assert digest(store) == 0
        with store.connect() as c:
            assert c.scalar(select(func.sum(Hour.visitors))) == 1


def test_recorders_that_store_and_digest_beside_each_other_come_to_the_same(
    shared: Store, tmp_path: Path
) -> None:
    devices = crowd(12)
    names = [d.name for d in devices]
    with open_store(str(tmp_path / "alone.db")) as alone:
        Writer(alone).devices(names, START)
        for device in devices:
            keep(alone, device)
        expected = rows(alone, Visit, Gap, *SUMS)
    Writer(shared).devices(names, START)
    events = [read(d.name, p) for d in devices for p in d.sent]
    random.Random(3).shuffle(events)
    failed: list[BaseException] = []

    def recorder(number: int) -> None:
        try:
            writer = Writer(shared)
            for some in chunks(events[number::3], 40):
                writer.write(some)
                digest(shared)
        except BaseException as e:
            failed.append(e)

    threads = [threading.Thread(target=recorder, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failed == []
    while digest(shared):
        pass
    assert waiting(shared) == 0
    assert rows(shared, Visit, Gap, *SUMS) == expected
