"""The queue before the outbox: whoever counts what waits, at any instant, counts all of it."""

from __future__ import annotations

import collections
from collections.abc import Sequence

from edge.contract import Event
from edge.publish.frames import Row
from edge.publish.writer import Writer
from tests.edge.publish.conftest import Box
from tests.edge.publish.rig import change
from tests.waiting import PATIENCE_S


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
