"""Ends visits whose `face_left` has not come and which cannot be open any more.

An event says how many faces are in view after it. Where that is none, or only the face that the
event is of, all other visits are over, whatever was lost on the way. Nothing is known of their
length, as of those that the device lost, so no sum changes: a visit ends with its last event, and
should one come after all, it is made anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from edge.store.database import Store
from edge.store.models import Alone, Visit
from edge.store.rows import change, put
from edge.store.turns import LOCK
from edge.store.visits import APPEARED, CHANGED, MAX_VISIT_MS, MISSING

SILENCE = timedelta(milliseconds=MAX_VISIT_MS)  # nobody stands there for longer
_KEY = (Visit.device_id, Visit.track, Visit.number)
_END = {"ended": Visit.last, "reason": MISSING}


def end_missed(connection: Connection, new: Mapping[int, Sequence[Any]]) -> None:
    """End the visits that are over by what was told so far.

    Args:
        connection: to write by.
        new: rows of events that are in the visits since now, of each device.

    Raises:
        DBAPIError: the database is away.
    """
    query = select(Alone.device_id, Alone.time, Alone.track).where(Alone.device_id.in_(new))
    known = {device: (time, track) for device, time, track in connection.execute(query)}
    # What a clock that was ahead has said, the device's or ours, is not the last word.
    now = datetime.now(UTC)
    told = {device: said for device, said in known.items() if said[0] <= now}
    for device, rows in new.items():
        said = [(row.time, row.track) for row in rows if _is_alone(row)]
        if said:
            told[device] = max([*said, told.get(device, said[0])])
    changed = [
        {"device_id": device, "time": time, "track": track}
        for device, (time, track) in sorted(told.items())
        if known.get(device) != (time, track)
    ]
    put(connection, Alone.__table__, changed, replace=("time", "track"))
    still = select(*_KEY, Visit.last).where(Visit.device_id.in_(told), Visit.ended.is_(None))
    over = [
        (device, track, number)
        for device, track, number, last in connection.execute(still)
        if last < told[device][0] and track != told[device][1]
    ]
    change(connection, _KEY, over, _END)


def _is_alone(row: Any) -> bool:
    # What begins and ends of a face is told while it is in view, and just as it leaves.
    return row.faces == 0 or (row.faces == 1 and row.kind in (APPEARED, CHANGED))


def end_silent(store: Store, now: datetime) -> int:
    """End the visits of which nothing was heard for a week; return how many.

    Raises:
        DBAPIError: the database is away.
    """
    with store.begin() as c:
        if store.postgresql:  # not in the middle of a digest
            c.execute(select(func.pg_advisory_xact_lock(LOCK)))
        # Asked for all, or SQLite would read all visits of earlier weeks.
        still = c.execute(select(*_KEY, Visit.last).where(Visit.ended.is_(None)))
        silent = [tuple(key) for *key, last in still if last < now - SILENCE]
        change(c, _KEY, silent, _END)
    return len(silent)
