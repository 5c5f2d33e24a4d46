"""Deletes what is older than one wants to keep; sums, gaps and losses stay."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite

from edge.store.database import Store
from edge.store.digest import PURGED
from edge.store.models import Batch, Event, Setting, Visit
from edge.store.turns import LOCK


def purge(store: Store, before: datetime) -> tuple[int, int]:
    """Delete events and visits that ended before this instant; return how many of each.

    What is in no sum yet stays, and so do the events of a visit that stays. A visit that is open
    stays: what comes of it later would count it again. `edge.store.alone` ends it within a week.

    Raises:
        DBAPIError: the database is away.
    """
    kind = postgresql if store.postgresql else sqlite
    with store.begin() as c:
        if store.postgresql:  # not in the middle of a digest
            c.execute(select(func.pg_advisory_xact_lock(LOCK)))
        visits = c.execute(
            delete(Visit).where(Visit.last < before, Visit.ended.is_not(None))
        ).rowcount
        goes_on = exists().where(
            and_(
                Visit.device_id == Event.device_id,
                Visit.track == Event.track,
                Visit.started <= Event.time,
            )
        )
        events = c.execute(
            delete(Event).where(Event.time < before, Event.batch.not_in(select(Batch.id)), ~goes_on)
        ).rowcount
        put = kind.insert(Setting).values(name=PURGED, value=before.isoformat())
        c.execute(
            put.on_conflict_do_update(index_elements=["name"], set_={"value": put.excluded.value})
        )
    return events, visits
