"""Events that wait a little for those before them, which another recorder of the group has.

Recorders that share have every other event of a visit each, and store some hundred at a time. What
one has stored and the other not yet makes holes in a device's numbers and half visits. Digested so,
each of these is worked out twice: gaps are written and deleted, visits made and made anew. So while
there is much to do, what is behind a hole stays as it is until the hole is filled, or is a gap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, update

from edge.era import JUMP
from edge.store.models import Batch, Event
from edge.store.rows import change
from edge.store.streams import Stream

# What a hole is given. A recorder that stores and digests in turn, held to a quarter of a core, is
# behind the others by less than two seconds.
PATIENCE = timedelta(seconds=5)
# How long events are left alone that others of the group may be about to fill holes between: one
# that digests stores nothing meanwhile.
DELAY = timedelta(seconds=2)
NAME = (Event.device_id, Event.track, Event.id)  # the key of an event
DIGESTED = 0  # batch of events that are in the sums, of a batch that stays; no batch is called so

Key = tuple[int, str, str]


def key(row: Any) -> Key:
    """Return the key of an event in a row that begins with it."""
    name: Key = row[: len(NAME)]
    return name


def leave(
    connection: Connection,
    new: Mapping[int, Sequence[Any]],
    streams: Mapping[int, Stream],
    young: Collection[int],
) -> tuple[set[Key], set[int]]:
    """Leave the events that are to wait for a later digest; the others are for this one.

    Args:
        connection: to write by.
        new: rows of events that are in no sum yet, by number, of each device.
        streams: how far each device got before.
        young: batches that were written lately.

    Returns:
        The events, and the batches that have any, which stay.

    Raises:
        DBAPIError: the database is away.
    """
    left: set[Key] = set()
    stay: Counter[int] = Counter()
    for device, rows in new.items():
        eras = streams[device].eras if device in streams else []
        numbers = [row.seq for row in rows]
        last = eras[-1].last.seq if eras else numbers[0]
        for row in rows[behind(last, numbers, lambda n, rows=rows: rows[n].batch in young) :]:  # type: ignore[misc]  # mypy takes no default in a lambda
            left.add(key(row))
            stay[row.batch] += 1
    if not left:
        return left, set()
    done = [
        key(row)
        for rows in new.values()
        for row in rows
        if row.batch in stay and key(row) not in left
    ]
    change(connection, NAME, done, {"batch": DIGESTED})
    connection.execute(
        update(Batch.__table__).where(Batch.id == bindparam("of")),  # type: ignore[arg-type]
        [{"of": number, "events": count} for number, count in sorted(stay.items())],
    )
    return left, set(stay)


def behind(last: int, numbers: Sequence[int], young: Callable[[int], bool]) -> int:
    """Return where in `numbers` those begin that are behind a hole which may still be filled.

    Args:
        last: the highest number before.
        numbers: what came of a device, rising.
        young: tells of an index whether it came so lately that what is missing before may come.

    Returns:
        An index; the length of `numbers` where there is no such hole.
    """
    n = 0
    while n < len(numbers):
        if numbers[n] > last + 1:
            if numbers[n] - last >= JUMP:  # the counter was lost: nothing is missing
                break
            old = next((m for m in range(len(numbers) - 1, n - 1, -1) if not young(m)), None)
            if old is None:
                return n
            n = old
        last = max(last, numbers[n])
        n += 1
    return len(numbers)
