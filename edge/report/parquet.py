"""Single events and visits as Parquet files, one a device and day. Needs the extra [parquet].

The folders are Hive's: `events/device=kiosk/date=2026-11-16/events.parquet`. A file is whole or not
there: it is written beside its place and moved. Exported again, a day's file is replaced; rows that
the store has deleted since (`record --keep`) are taken over from the file that was there.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection, Select, select

from edge.errors import StorageError
from edge.report.period import Period
from edge.report.query import ROWS, devices_of
from edge.store import Store
from edge.store.database import unavailable
from edge.store.digest import PURGED
from edge.store.models import Event, Setting, Visit

_TIME = pa.timestamp("us", tz="UTC")
_TEXT = pa.string()
EVENTS = pa.schema(
    [
        ("id", _TEXT),
        ("time", _TIME),  # when it happened
        ("received", _TIME),
        ("seq", pa.int64()),
        ("event_type", _TEXT),
        ("track", _TEXT),
        ("emotion", _TEXT),
        ("previous", _TEXT),
        ("reason", _TEXT),
        ("duration_s", pa.float64()),
        ("attention_s", pa.float64()),
        ("lost_before", pa.int64()),
        ("time_synced", pa.bool_()),
        ("replayed", pa.bool_()),
        ("boot_id", _TEXT),
        ("uptime_s", pa.float64()),
        ("message", _TEXT),  # the whole CloudEvent, JSON: scores, box and all the rest
    ]
)
VISITS = pa.schema(
    [
        ("track", _TEXT),
        ("started", _TIME),
        ("ended", _TIME),  # empty: still there
        ("dwell_s", pa.float64()),
        ("attention_s", pa.float64()),
        ("emotions_s", pa.map_(_TEXT, pa.float64())),  # seconds of each
        ("reason", _TEXT),  # of face_left; `missing`: that has not come
        ("events", pa.int64()),
    ]
)
_COLUMNS = {"event_type": "kind", "message": "raw"}  # called otherwise in the table


@dataclass(slots=True)
class Done:
    """What was written."""

    events: int = 0
    visits: int = 0
    files: int = 0


def export(store: Store, folder: Path, names: Sequence[str], period: Period) -> Done:
    """Write the events and visits of a period; memory stays that of some thousand rows.

    Args:
        store: where they are.
        folder: made where it is not there.
        names: of the devices; empty: all.
        period: by its days the files are named.

    Raises:
        UsageError: a device is not known.
        UnavailableError: the database does not answer.
        StorageError: a file cannot be written.
    """
    done = Done()
    try:
        with unavailable(store.name), store.connect() as c:
            devices = devices_of(c, names)
            told = c.scalar(select(Setting.value).where(Setting.name == PURGED))
            purged = datetime.fromisoformat(told) if told else None
            for day in period.dates():
                span = _span(day, period)
                lost = purged if purged and span[0] < purged else None
                done.events += _events(c, folder, devices, day, span, lost, done)
                done.visits += _visits(c, folder, devices, day, span, lost, done)
    except OSError as e:
        raise StorageError(f"--export: {e.filename or folder}: {e.strerror or e}") from e
    return done


def _span(day: date, period: Period) -> tuple[datetime, datetime]:
    one = Period(day, day, period.zone)
    return datetime.fromtimestamp(one.start, UTC), datetime.fromtimestamp(one.end, UTC)


def _events(
    c: Connection,
    folder: Path,
    devices: dict[int, str],
    day: date,
    span: tuple[datetime, datetime],
    lost: datetime | None,
    done: Done,
) -> int:
    columns = [getattr(Event, _COLUMNS.get(name, name)) for name in EVENTS.names]
    query = select(Event.device_id, *columns).where(Event.time >= span[0], Event.time < span[1])
    query = query.order_by(Event.device_id, Event.time, Event.seq)
    rows = _of(c, query, devices, Event)
    return _write(rows, folder / "events", devices, day, EVENTS, ("id", "time"), lost, done)


def _visits(
    c: Connection,
    folder: Path,
    devices: dict[int, str],
    day: date,
    span: tuple[datetime, datetime],
    lost: datetime | None,
    done: Done,
) -> int:
    columns = (Visit.track, Visit.started, Visit.ended, Visit.dwell_ms, Visit.attention_ms)
    query = select(Visit.device_id, *columns, Visit.emotions, Visit.reason, Visit.events)
    query = query.where(Visit.started >= span[0], Visit.started < span[1])
    query = query.order_by(Visit.device_id, Visit.started, Visit.track)
    rows = (
        (
            *(v.device_id, v.track, v.started, v.ended),
            None if v.dwell_ms is None else v.dwell_ms / 1000,
            v.attention_ms / 1000,
            [(emotion, ms / 1000) for emotion, ms in sorted(v.emotions.items())],
            *(v.reason, v.events),
        )
        for v in _of(c, query, devices, Visit)
    )
    return _write(rows, folder / "visits", devices, day, VISITS, ("track", "started"), lost, done)


def _of(
    c: Connection, query: Select[*tuple[Any, ...]], devices: dict[int, str], table: Any
) -> Iterator[Any]:
    query = query.where(table.device_id.in_(list(devices)))
    result = c.execution_options(yield_per=ROWS).execute(query)
    return itertools.chain.from_iterable(result.partitions())


def _write(
    rows: Iterable[Sequence[Any]],
    folder: Path,
    devices: dict[int, str],
    day: date,
    schema: Any,
    keys: tuple[str, str],
    lost: datetime | None,
    done: Done,
) -> int:
    """Write rows that come device after device; their first column is the device.

    Where the store has deleted rows of this day, those before `lost`, they stay as they were
    written before. `keys` name the column that tells rows apart, and that of their time.
    """
    written = 0
    name, when = (schema.get_field_index(key) for key in keys)
    for device, some in itertools.groupby(rows, key=lambda row: row[0]):
        # As Hive writes what a folder's name cannot hold, and as readers of it read it.
        place = folder / f"device={quote(devices[device], safe='')}" / f"date={day}"
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{folder.name}.parquet"
        aside = place / f".{folder.name}.parquet.new"
        have: list[str] = []  # of what is before `lost`: only visits that go on, and their events
        with _new(aside, path) as f, pq.ParquetWriter(f, schema, compression="zstd") as writer:
            while part := list(itertools.islice(some, ROWS)):
                columns = list(zip(*part, strict=True))[1:]
                arrays = [pa.array(v, t.type) for v, t in zip(columns, schema, strict=True)]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                written += len(part)
                if lost is not None:
                    times = zip(columns[name], columns[when], strict=True)
                    have += [key for key, time in times if time < lost]
            if lost is not None and path.exists():
                for batch in _batches(path, schema):
                    known = pc.is_in(batch[keys[0]], value_set=pa.array(have, _TEXT))
                    gone = pc.less(batch[keys[1]], pa.scalar(lost, _TIME))
                    writer.write_batch(batch.filter(pc.and_not(gone, known)))
        done.files += 1
    return written


@contextlib.contextmanager
def _new(aside: Path, path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of `path` once it is whole, and on the disk."""
    try:
        with aside.open("wb") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _batches(path: Path, schema: Any) -> Iterator[Any]:
    """Yield the rows of a file of before.

    Raises:
        StorageError: it is damaged, or not of ours.
    """
    try:
        file = pq.ParquetFile(path)
        if file.schema_arrow.names != schema.names:
            raise pa.ArrowInvalid(f"its columns are {', '.join(file.schema_arrow.names)}")
        yield from file.iter_batches(ROWS)
    except (pa.ArrowException, OSError) as e:
        # Not replaced: what the store has deleted may be nowhere else.
        raise StorageError(
            f"--export: {path}: cannot be read ({e}), and has rows that the history has deleted; "
            "allowed: a whole file, from a copy, or none: moved away"
        ) from e
