"""Recorders that share leave holes in a device's numbers for each other to fill."""

from __future__ import annotations

import random

from sqlalchemy import event

from edge.store import Store
from edge.store.models import Gap
from tests.edge.store.sender import Device
from tests.edge.store.tables import keep, rows


def statements_for(store: Store, visits: int, name: str) -> int:
    """Store every other event of a device, then the rest; return how many statements that took."""
    device = Device(name)
    device.crowd(visits, random.Random(4))
    keep(store, device, device.sent[::2])
    assert len(rows(store, Gap)) >= visits
    count = 0

    def executed(*_: object) -> None:
        nonlocal count
        count += 1

    event.listen(store.engine, "before_cursor_execute", executed)
    keep(store, device, device.sent[1::2])
    event.remove(store.engine, "before_cursor_execute", executed)
    assert rows(store, Gap) == []
    return count


def test_filling_holes_takes_no_statement_for_each_of_them(store: Store) -> None:
    few, many = statements_for(store, 20, "few"), statements_for(store, 150, "many")
    assert many < few + 15
