"""A digest costs what is new, not what the history has grown to."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event

from edge.store import Store, open_store
from edge.store.digest import digest
from edge.store.purge import purge
from edge.store.write import Writer
from tests.edge.store.sender import START, Device, read
from tests.edge.store.tables import chunks, keep

STEP = 100  # instructions of SQLite's machine between two counts


def steps_of_a_digest(folder: Path, visits: int) -> int:
    """Return how much SQLite does for a visit that follows `visits` of the same device.

    Its first event came before, another came again after it was deleted, and one fills a hole.
    """
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += STEP
        return 0

    device = Device()
    device.visit(-90_000, "deleted", [("happy", 1)])
    device.crowd(visits, random.Random(1))
    device.visit(90_000, "new", [("happy", 5), ("sad", 5)])
    *before, hole, again, one, two = device.sent
    with open_store(str(folder / f"{visits}.db")) as store:
        for some in chunks([*before, again], 500):
            keep(store, device, some)
        purge(store, START - timedelta(hours=1))
        writer = Writer(store)
        writer.write([read(device.name, p) for p in (before[0], hole, one, two)])
        event.listen(store.engine, "checkout", lambda c, *_: c.set_progress_handler(step, STEP))
        assert digest(store) == 0
        taken = steps
        assert left(store) == 0
    return taken


def left(store: Store) -> int:
    """Return how many events are there that were deleted before."""
    with store.connect() as c:
        return c.exec_driver_sql("SELECT count(*) FROM events WHERE track = 'deleted'").scalar_one()


def test_a_grown_history_makes_no_digest_slower(tmp_path: Path) -> None:
    few, many = steps_of_a_digest(tmp_path, 10), steps_of_a_digest(tmp_path, 1000)
    assert many < 2 * few
