"""The queue before the outbox: whoever counts what waits, at any instant, counts all of it."""

from __future__ import annotations

import collections
import threading
from collections.abc import Sequence

import pytest

from edge.contract import Event
from edge.publish import writer as module
from edge.publish.frames import Row
from edge.publish.writer import Writer
from tests.edge.publish.conftest import Box
from tests.edge.publish.rig import change
from tests.waiting import PATIENCE_S, wait_until


class Counted(collections.deque[tuple[Event, float]]):
    """A queue that notes how many events the writer says are waiting once it is emptied."""

    def __init__(self) -> None:
        super().__init__()
        self.writer: Writer | None = None
        self.said: list[int] = []
        self.held: list[int] = []

    def clear(self) -> None:
        self.held.append(len(self))
        super().clear()
        assert self.writer is not None
        self.said.append(self.writer.waiting)


def test_no_event_is_out_of_sight_on_its_way_to_the_outbox(box: Box) -> None:
    put: list[Event] = []

    def append(events: Sequence[tuple[Event, float]]) -> list[Row]:
        put.extend(event for event, _ in events)
        return box.outbox.append(events)

    writer = Writer(box.outbox, append, lambda rows: None, lambda state: None)
    queue = Counted()
    queue.writer = writer
    with writer._changed:
        writer._events = queue
    for _ in range(50):
        writer.event(box._builder.event(change(0.0)), 0.0)
    assert writer.close(PATIENCE_S)
    assert len(put) == 50
    assert queue.said == queue.held
    assert sum(queue.said) == 50 and writer.waiting == 0


def test_lost_events_stay_counted_while_the_outbox_hangs(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_MOST", 2)
    hanging, goes_on, entered, more = (threading.Event() for _ in range(4))
    lose = box.outbox.lose

    def append(events: Sequence[tuple[Event, float]]) -> list[Row]:
        hanging.set()
        assert goes_on.wait(PATIENCE_S)
        return box.outbox.append(events)

    def lose_later(count: int) -> None:
        entered.set()
        assert more.wait(PATIENCE_S)
        lose(count)

    monkeypatch.setattr(box.outbox, "lose", lose_later)
    writer = Writer(box.outbox, append, lambda rows: None, lambda state: None)
    writer.event(box._builder.event(change(0.0)), 0.0)
    assert hanging.wait(PATIENCE_S)
    for _ in range(2 + 5):
        writer.event(box._builder.event(change(0.0)), 0.0)
    assert writer.overflow == 5
    goes_on.set()
    assert entered.wait(PATIENCE_S)
    assert (writer.overflow, box.outbox.stats().lost) == (5, 0)  # a counter must not go back
    more.set()
    wait_until(lambda: writer.overflow == 0, "the outbox has them")
    assert box.outbox.stats().lost == 5
    assert writer.close(PATIENCE_S)
