"""Which of the waiting batches a digest takes, so that several recorders digest side by side.

All that a digest changes belongs to devices. So the devices are divided into parts, a batch has
events of one part, and a part is for one digest at a time: in PostgreSQL by an advisory lock that
ends with its transaction. Batches of an earlier version may have events of any device: they are for
a digest that is alone. SQLite has one writer at a time, and one part.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from edge.store.models import Batch

# PostgreSQL's advisory lock: shared by the digests of parts, exclusive for whoever needs all
# devices: an earlier version's digest, and what deletes. The locks of the parts are those behind.
LOCK = 0x64696765737400
PARTS = 8  # more recorders than that digest no faster
EVENTS = 5_000  # in one transaction, about: they are in memory, and nothing is stored meanwhile
LITTLE = 500  # events that are not worth to be divided, or to be waited with
_UNTOLD = 500  # events of a batch that does not say how many


def part(device: int, *, postgresql: bool) -> int:
    """Return the part that a device belongs to, by its number."""
    return device % PARTS if postgresql else 0


class Turn(NamedTuple):
    """Batches that are for one transaction alone, the oldest first."""

    batches: dict[int, datetime]  # by number: when they were received
    left: int = 0  # how many others are waiting
    many: bool = False  # whether so many events wait that it counts what they cost


def take(connection: Connection, before: datetime | None = None) -> Turn:
    """Return batches to digest; none, and 0 left, where others are at all that is waiting.

    Args:
        connection: of the transaction that is to digest them.
        before: leave those that were received later, where many are waiting.
    """
    events = func.sum(func.coalesce(Batch.events, _UNTOLD))
    waiting = connection.execute(
        select(Batch.part, func.count(), events).group_by(Batch.part).order_by(events.desc())
    ).all()
    if not waiting:
        return Turn({})
    # Asked again under the locks: who held them before may be done with some.
    size = func.coalesce(Batch.events, _UNTOLD)
    batches = select(Batch.id, Batch.received, size).order_by(Batch.id)
    if connection.dialect.name == "postgresql":
        if any(number is None for number, *_ in waiting):
            if not connection.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
                return Turn({})
        else:
            parts = [(number, total) for number, _, total in waiting if number is not None]
            mine = _lock(connection, parts)
            if not mine:
                return Turn({})
            batches = batches.where(Batch.part.in_(mine))
    many = sum(events for *_, events in waiting) > LITTLE
    taken: dict[int, datetime] = {}
    total = 0
    for number, received, count in connection.execute(batches):
        if before is not None and many and received > before:
            continue
        if taken and total + count > EVENTS:
            break
        taken[number] = received
        total += count
    left = sum(count for _, count, _ in waiting) - len(taken)
    return Turn(taken, max(0, left), many)


def _lock(connection: Connection, waiting: list[tuple[int, int]]) -> list[int]:
    """Lock as many parts as one digest works on, and leave some to others; return them."""
    if not connection.scalar(select(func.pg_try_advisory_xact_lock_shared(LOCK))):
        return []
    mine: list[int] = []
    events = 0
    all_events = sum(total for _, total in waiting)
    for number, total in waiting:
        if events >= EVENTS or (all_events > LITTLE and 2 * len(mine) >= len(waiting)):
            break
        if connection.scalar(select(func.pg_try_advisory_xact_lock(LOCK + 1 + number))):
            mine.append(number)
            events += total
    return mine
