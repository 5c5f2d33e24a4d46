"""Events that wait a little for those before them, which another recorder of the group has.

Recorders that share have every other event of a visit each, and store some hundred at a time. What
one has stored and the other not yet makes holes in a device's numbers and half visits. Digested so,
each of these is worked out twice: gaps are written and deleted, visits made and made anew. So while
there is much to do, what is behind a hole stays as it is until the hole is filled, or is a gap.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, update

from edge.store.models import Batch, Event
from edge.store.rows import change
from edge.store.streams import JUMP, Stream

# What a hole is given. A recorder that stores and digests in turn, held to a quarter of a core, is
# behind the others by less than two seconds.
PATIENCE = timedelta(seconds=5)
NAME = (Event.device_id, Event.track, Event.id)  # the key of an event
DIGESTED = 0  # batch of events that are in the sums, of a batch that stays; no batch is called so

Key = tuple[int, str, str]


def key(row: Any) -> Key:
    """Return the key of an event in a row that begins with it."""
    return tuple(row[: len(NAME)])


def leave(
    connection: Connection,
    new: Sequence[Any],
    streams: Mapping[int, Stream],
    young: Collection[int],
) -> tuple[set[Key], set[int]]:
    """Leave the events that are to wait for a later digest; the others are for this one.

    Args:
        connection: to write by.
        new: rows of events that are in no sum yet, by device and number.
        streams: how far each device got before.
        young: batches that were written lately.

    Returns:
        The events, and the batches that have any, which stay.

    Raises:
        DBAPIError: the database is away.
    """
    waiting = _early(new, streams, young)
    if not waiting:
        return set(), set()
    left = {key(row) for row in waiting}
    stay = Counter(row.batch for row in waiting)
    done = [key(row) for row in new if row.batch in stay and key(row) not in left]
    if done:
        change(connection, NAME, done, {"batch": DIGESTED})
        connection.execute(
            update(Batch.__table__).where(Batch.id == bindparam("of")),  # type: ignore[arg-type]
            [{"of": number, "events": count} for number, count in sorted(stay.items())],
        )
    return left, set(stay)


def _early(new: Sequence[Any], streams: Mapping[int, Stream], young: Collection[int]) -> list[Any]:
    """Return those that are behind a hole which may still be filled."""
    found: list[Any] = []
    for device, some in itertools.groupby(new, key=lambda row: row.device_id):
        rows = list(some)
        eras = streams[device].eras if device in streams else []
        last = eras[-1].last.seq if eras else rows[0].seq
        found += rows[behind(last, [r.seq for r in rows], [r.batch in young for r in rows]) :]
    return found


def behind(last: int, numbers: Sequence[int], young: Sequence[bool]) -> int:
    """Return where in `numbers` those begin that are behind a hole which may still be filled.

    Args:
        last: the highest number before.
        numbers: what came of a device, rising.
        young: of each, whether it came so lately that what is missing before it may come.

    Returns:
        An index; the length of `numbers` where there is no such hole.
    """
    first = next((n for n in range(len(young), 0, -1) if not young[n - 1]), 0)
    before = max(last, numbers[first - 1]) if first else last
    for n in range(first, len(numbers)):
        if numbers[n] - before >= JUMP:  # the counter was lost: nothing is missing
            break
        if numbers[n] > before + 1:
            return n
        before = max(before, numbers[n])
    return len(numbers)
