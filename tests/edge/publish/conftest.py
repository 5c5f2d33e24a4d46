"""What the tests of the outbox share."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config_publish import Outbox as Limits
from edge.publish.event_builder import EventBuilder
from edge.publish.outbox import Outbox
from tests.edge.publish.rig import WHO, change
from tests.fakes import FakeClock


class Box:
    """An outbox, its clock and its file, which can be opened again."""

    def __init__(self, path: Path | None, **limits: float) -> None:
        self.clock = FakeClock()
        self.path = path
        self.limits = Limits(**limits)
        self.boot = WHO.boot_id
        self.synced = True  # what events say of the clock
        self.trusted = True  # and what holds now
        self._builder = EventBuilder(WHO, self.clock, random.Random(1), lambda: self.synced)
        self.open()

    def open(self) -> None:
        self.outbox = Outbox(self.path, self.limits, self.boot, self.clock, lambda: self.trusted)

    def append(self, count: int = 1) -> list[int]:
        now = self.clock.now()
        events = [(self._builder.event(change(now)), now) for _ in range(count)]
        return [row.seq for row in self.outbox.append(events)]

    def waiting(self) -> list[int]:
        """`seq` of all that waits, in order; nothing stays in flight."""
        rows = self.outbox.lease(1_000_000)
        self.outbox.requeue(r.seq for r in rows)
        return [r.seq for r in rows]

    def acknowledge(self, count: int) -> list[int]:
        rows = self.outbox.lease(count)
        for row in rows:
            self.outbox.ack(row)
        return [r.seq for r in rows]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    b = Box(tmp_path / "outbox.db")
    yield b
    b.outbox.close()
