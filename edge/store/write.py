"""Stores events: each once, many in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from edge.store.database import Store
from edge.store.incoming import COLUMNS, NewEvent, values
from edge.store.models import Batch, Device, Event
from edge.store.rows import copy_in
from edge.store.turns import part

_ALL = ("device_id", "batch", *COLUMNS)
_NAMES = ", ".join(_ALL)
_MAKE = text("CREATE TEMP TABLE IF NOT EXISTS incoming (LIKE events) ON COMMIT DELETE ROWS")
_MOVE = text(
    f"INSERT INTO events ({_NAMES}) SELECT {_NAMES} FROM incoming "
    "ORDER BY device_id, track, id ON CONFLICT DO NOTHING"
)
_IGNORE = sqlite.insert(Event).on_conflict_do_nothing()


class Writer:
    """Writes events; knows the devices' numbers. For one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: dict[str, int] = {}

    def write(self, events: Sequence[NewEvent]) -> int:
        """Store those that are new, and return how many: all of them or, by an exception, none.

        What they change in visits and sums waits for the digest, in the same transaction.

        Raises:
            DBAPIError: the database is away, or refuses one of them.
        """
        if not events:
            return 0
        ids = self.devices({e.device for e in events}, events[0].received)
        # In one order for all recorders: two with the same events would wait for each other.
        events = sorted(events, key=lambda e: (ids[e.device], e.track, e.id))
        with self._store.engine.connect() as connection, connection.begin() as transaction:
            batches = self._batches(connection, events, ids)
            put = _copy if self._store.postgresql else _insert
            new = put(connection, [(ids[e.device], batches[e.device], *values(e)) for e in events])
            if not new:
                transaction.rollback()
        return new

    def _batches(
        self, connection: Connection, events: Sequence[NewEvent], ids: Mapping[str, int]
    ) -> dict[str, int]:
        """Make a batch for each part of the devices; return their numbers by device."""
        parts = {d: part(ids[d], postgresql=self._store.postgresql) for d in ids}
        made = connection.execute(
            insert(Batch).returning(Batch.part, Batch.id),
            [
                {"received": events[0].received, "part": number, "events": count}
                for number, count in Counter(parts[e.device] for e in events).items()
            ],
        )
        numbers = {row.part: row.id for row in made}
        return {d: numbers[p] for d, p in parts.items()}

    def devices(self, names: Collection[str], now: datetime) -> dict[str, int]:
        """Return the numbers of devices by name; new ones are given one.

        Raises:
            DBAPIError: the database is away.
        """
        missing = sorted(n for n in names if n not in self._ids)
        if missing:
            kind = postgresql if self._store.postgresql else sqlite
            rows = [{"name": n, "first_seen": now, "last_seen": now, "tags": []} for n in missing]
            with self._store.begin() as c:
                c.execute(kind.insert(Device).on_conflict_do_nothing(), rows)
                found = c.execute(
                    select(Device.name, Device.id).where(Device.name.in_(missing))
                ).all()
            self._ids |= {row.name: row.id for row in found}  # only what is committed
        return {n: self._ids[n] for n in names}


def _insert(connection: Connection, rows: Sequence[tuple[object, ...]]) -> int:
    done = connection.execute(_IGNORE, [dict(zip(_ALL, row, strict=True)) for row in rows])
    return done.rowcount


def _copy(connection: Connection, rows: Sequence[tuple[object, ...]]) -> int:
    """COPY is the fastest way in; it knows no conflicts, so it goes by a table of its own."""
    connection.execute(_MAKE)
    copy_in(connection, "incoming", Event.__table__, _ALL, rows)
    return connection.execute(_MOVE).rowcount
