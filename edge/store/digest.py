"""Turns events that were stored into visits, sums and gaps; each event counts once.

Events are stored first and acknowledged; which of them are in no sum yet is in the table `batches`,
written with them. A digest takes some of these batches, works out what they change, and removes
them, all in one transaction: killed at any moment, it is done or not done. Each part of the devices
is for one digest at a time, of whichever recorder comes first (`edge.store.turns`); so several
store events without waiting for each other's sums, and share the work on these too.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, delete, or_, select
from sqlalchemy.orm import aliased

from edge.store.alone import end_missed
from edge.store.database import Store
from edge.store.holes import NAME, Key, key, leave
from edge.store.models import (
    Base,
    Batch,
    Event,
    Gap,
    Hour,
    HourDwell,
    HourEmotion,
    HourKind,
    Loss,
    Setting,
    Visit,
)
from edge.store.models import Stream as StreamRow
from edge.store.rows import put, remove
from edge.store.streams import Era, Step, Stream
from edge.store.turns import take
from edge.store.visits import HOUR_MS, Figures, Sums, TrackEvent, figures

KEYS = 100  # devices in one query
PURGED = "purged"  # setting: events before this time were deleted
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE = len(NAME) + 2  # columns that a visit does not need
_OF_TRACK = [getattr(Event, name) for name in TrackEvent._fields]
_TOLD = ("first_seq", "last_seq", "boot_id", "uptime_s", "time")  # of a stream, columns

_device = attrgetter("device_id")
_T = TypeVar("_T")
_Track = tuple[int, str]  # device, track


def digest(
    store: Store, patience: timedelta = timedelta(0), delay: timedelta = timedelta(0)
) -> int:
    """Work on some batches; return how many are still waiting, or 0 when others are at them.

    Args:
        store: the history.
        patience: where much is waiting, leave what is behind a hole alone for so long.
        delay: where much is waiting, leave what came later than so long ago.

    Raises:
        DBAPIError: the database is away.
    """
    with store.begin() as connection:
        turn = take(connection, datetime.now(UTC) - delay if delay else None)
        if not turn.batches:
            return 0
        done = _Digest(connection, turn.batches, patience if turn.many else timedelta(0)).run()
        return turn.left if done else 0


class _Digest:
    def __init__(
        self, connection: Connection, batches: Mapping[int, datetime], patience: timedelta
    ) -> None:
        self._c = connection
        self._ids = set(batches)
        self._now = datetime.now(UTC)
        # Clocks of other recorders may be wrong.
        self._young = {n for n, at in batches.items() if abs(self._now - at) < patience}
        self._sums = Sums()

    def run(self) -> bool:
        """Do it, and return whether there was anything to do; the caller commits."""
        events = self._events()
        new = [row for row in events if row.batch in self._ids]
        of_device = {d: list(rows) for d, rows in itertools.groupby(new, _device)}
        streams = self._streams(of_device)
        left: set[Key] = set()
        stay: set[int] = set()
        if self._young:
            left, stay = leave(self._c, of_device, streams, self._young)
        done = self._ids - stay
        self._c.execute(delete(Batch).where(Batch.id.in_(done)))
        if left:
            events = [row for row in events if key(row) not in left]
            new = [row for row in events if row.batch in self._ids]
            of_device = {d: list(rows) for d, rows in itertools.groupby(new, _device)}
        before = self._follow(of_device, streams)
        again = self._again(new, before)
        if again:
            new = [r for r in new if key(r) not in again]
            events = [r for r in events if key(r) not in again]
        for row in new:
            self._sums.add_event(row.device_id, row.time, row.kind)
        self._losses(new)
        self._visits(events, {(row.device_id, row.track) for row in new if row.track})
        end_missed(self._c, {d: list(rows) for d, rows in itertools.groupby(new, _device)})
        self._write_sums()
        return bool(new or done)

    def _events(self) -> Sequence[Any]:
        """Return the new events, and all others of their tracks, by device and number."""
        columns = (*NAME, Event.lost_before, Event.faces, *_OF_TRACK)
        new, other = Event.batch.in_(self._ids), aliased(Event)
        # Joined, not `in`: SQLite would read all events of the device, PostgreSQL does the same.
        tracks = (
            select(other.device_id, other.track)
            .where(other.batch.in_(self._ids), other.track != "")
            .distinct()
            .subquery()
        )
        of_tracks = select(*columns).join(
            tracks, and_(tracks.c.device_id == Event.device_id, tracks.c.track == Event.track)
        )
        others = select(*columns).where(new, Event.track == "")
        found = self._c.execute(of_tracks.union_all(others)).all()
        return sorted(found, key=lambda row: (row.device_id, row.seq))

    # Numbers

    def _follow(
        self, new: Mapping[int, Sequence[Any]], known: Mapping[int, Stream]
    ) -> dict[int, Stream]:
        """Note which numbers came; return the streams as they were before."""
        before: dict[int, Stream] = {}
        after: dict[int, Stream] = {}
        for device, rows in new.items():
            stream = known.get(device, Stream())
            before[device] = Stream(
                Era(e.number, e.first, e.last, list(e.gaps)) for e in stream.eras
            )
            stream.take(Step(r.seq, r.boot_id, r.uptime_s, r.time) for r in rows)
            after[device] = stream
        self._write_streams(before, after)
        return before

    def _streams(self, new: Mapping[int, Sequence[Any]]) -> dict[int, Stream]:
        """Return how far the events' devices got, with the gaps that the events may be of.

        A recorder that is behind another of its group finds thousands of gaps that are not its own.
        """
        asked = {device: (rows[0].seq, rows[-1].seq) for device, rows in new.items()}
        gaps: dict[tuple[int, int], list[tuple[int, int, datetime]]] = defaultdict(list)
        eras: dict[int, list[Era]] = defaultdict(list)
        for keys in _chunks(asked):
            near = [
                and_(Gap.device_id == d, Gap.last_seq >= low, Gap.first_seq <= high)
                for d, (low, high) in ((d, asked[d]) for d in keys)
            ]
            for g in self._c.execute(
                select(Gap.device_id, Gap.era, Gap.first_seq, Gap.last_seq, Gap.time)
                .where(or_(*near))
                .order_by(Gap.first_seq)
            ):
                gaps[g.device_id, g.era].append((g.first_seq, g.last_seq, g.time))
            for s in self._c.execute(
                select(StreamRow.__table__).where(StreamRow.device_id.in_(keys))
            ):
                last = Step(s.last_seq, s.boot_id, s.uptime_s, s.time)
                eras[s.device_id].append(
                    Era(s.era, s.first_seq, last, gaps.get((s.device_id, s.era), []))
                )
        return {device: Stream(found) for device, found in eras.items()}

    def _write_streams(self, before: dict[int, Stream], after: dict[int, Stream]) -> None:
        """Write what has changed: of recorders that share, thousands of short-lived gaps."""
        eras: list[dict[str, Any]] = []
        gone: list[tuple[int, int, int]] = []
        more: list[dict[str, Any]] = []
        for device, stream in after.items():
            old = {e.number: e for e in before[device].eras}
            for era in stream.eras:
                was = old.get(era.number)
                key = {"device_id": device, "era": era.number}
                if was is None or (was.first, was.last) != (era.first, era.last):
                    eras.append(key | _told(era))
                had = {g[:2] for g in was.gaps} if was else set()
                has = {g[:2] for g in era.gaps}
                gone += [(device, era.number, first) for first, _ in sorted(had - has)]
                more += [
                    key | {"first_seq": f, "last_seq": n, "time": t, "noticed": self._now}
                    for f, n, t in era.gaps
                    if (f, n) not in had
                ]
        put(self._c, StreamRow.__table__, eras, replace=_TOLD)
        remove(self._c, (Gap.device_id, Gap.era, Gap.first_seq), gone)
        put(self._c, Gap.__table__, more)

    def _again(self, new: Sequence[Any], before: dict[int, Stream]) -> set[Key]:
        """Delete again what came a second time after the first was deleted; return the keys."""
        told = self._c.scalar(select(Setting.value).where(Setting.name == PURGED))
        if told is None:
            return set()
        purged = datetime.fromisoformat(told)
        again = {key(r) for r in new if r.time < purged and before[r.device_id].seen(r.seq)}
        remove(self._c, NAME, sorted(again))
        return again

    def _losses(self, new: Sequence[Any]) -> None:
        rows = [
            {
                "device_id": r.device_id,
                "event_id": r.id,
                "seq": r.seq,
                "time": r.time,
                "events": r.lost_before,
            }
            for r in new
            if r.lost_before
        ]
        put(self._c, Loss.__table__, rows, ignore=True)

    # Visits

    def _visits(self, events: Sequence[Any], tracks: set[_Track]) -> None:
        found: dict[_Track, list[TrackEvent]] = defaultdict(list)
        for row in events:
            if (row[0], row[1]) in tracks:
                found[row[0], row[1]].append(TrackEvent(*row[_BEFORE:]))
        remove(self._c, (Visit.device_id, Visit.track), sorted(tracks))
        # Asked after the events: what another recorder stored meanwhile is among these.
        others = set(self._c.scalars(select(Batch.id))) - self._ids
        rows = []
        for (device, track), seen in sorted(found.items()):
            mine = [e for e in seen if e.batch not in others]
            known = [e for e in mine if e.batch not in self._ids]
            visits = figures(mine)
            if known:
                self._sums.add(device, figures(known), -1)
            self._sums.add(device, visits)
            rows += [_row(device, track, n, v) for n, v in enumerate(visits)]
        put(self._c, Visit.__table__, rows)

    # Sums

    def _write_sums(self) -> None:
        s = self._sums
        self._add(Hour, ("device_id", "hour"), Sums.COLUMNS, ((*k, *v) for k, v in s.hours.items()))
        for model, last, value, counter in (
            (HourDwell, "bucket", "visits", s.dwells),
            (HourEmotion, "emotion", "ms", s.emotions),
            (HourKind, "kind", "events", s.kinds),
        ):
            rows = ((*key, count) for key, count in counter.items() if count)
            self._add(model, ("device_id", "hour", last), (value,), rows)

    def _add(
        self,
        model: type[Base],
        key: tuple[str, ...],
        columns: tuple[str, ...],
        rows: Iterable[tuple[Any, ...]],
    ) -> None:
        # In one order, so that reading plans and locks are the same each time.
        made = [dict(zip((*key, *columns), row, strict=True)) for row in sorted(rows, key=str)]
        for row in made:
            row["hour"] = _EPOCH + timedelta(milliseconds=row["hour"] * HOUR_MS)
        put(self._c, model.__table__, made, add=columns)


def _told(era: Era) -> dict[str, Any]:
    last = era.last
    told = (era.first, last.seq, last.boot_id, last.uptime_s, last.time)
    return dict(zip(_TOLD, told, strict=True))


def _row(device: int, track: str, number: int, v: Figures) -> dict[str, Any]:
    return {
        "device_id": device,
        "track": track,
        "number": number,
        "started": _time(v.started),
        "ended": None if v.ended is None else _time(v.ended),
        "last": _time(v.last),
        "dwell_ms": v.dwell_ms,
        "attention_ms": v.attention_ms,
        "emotions": v.emotions,
        "reason": v.reason,
        "events": v.events,
    }


def _time(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _chunks(items: Collection[_T]) -> Iterator[list[_T]]:
    every = list(items)
    for at in range(0, len(every), KEYS):
        yield every[at : at + KEYS]
