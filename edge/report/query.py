"""Reads a period out of a store: sums of hours, never single visits, so memory is bounded."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, case, func, select, type_coerce
from sqlalchemy.types import NullType

from edge.errors import UsageError
from edge.report.facts import DeviceFacts, Facts, Sums
from edge.report.online import Change, Span, add_up, joined
from edge.report.period import Period
from edge.store import Store
from edge.store.database import unavailable
from edge.store.models import (
    Availability,
    Device,
    Gap,
    Hour,
    HourDwell,
    HourEmotion,
    HourKind,
    Loss,
    Recorder,
)

HALF_HOUR = timedelta(minutes=30)
ROWS = 10_000  # held at once
_NUMBERS = (
    *("visitors", "looked", "dwell_ms", "attention_ms"),
    *("watched", "watched_left", "watched_ms"),
)


def read(store: Store, names: Sequence[str], period: Period, until: float) -> Facts:
    """Return what is known of a period.

    Args:
        store: where.
        names: the devices; empty: all.
        period: an hour belongs to it if its middle does, for where clocks differ from UTC by half
            hours, no hour is wholly in a day.
        until: nothing from here on counts; seconds since 1970. Of an hour that is not over by then
            all there is counts.

    Raises:
        UsageError: a device is not known.
        UnavailableError: the database does not answer.
    """
    with unavailable(store.name), store.connect() as c:
        return _Period(c, devices_of(c, names), bool(names), period, until).facts()


def devices_of(c: Connection, names: Sequence[str]) -> dict[int, str]:
    """Return numbers and names of devices, by name; all of them where none is named.

    Raises:
        UsageError: one is not known.
    """
    known = {row.id: row.name for row in c.execute(select(Device.id, Device.name))}
    unknown = sorted(set(names) - set(known.values()))
    if unknown:
        some = ", ".join(sorted(known.values())[:10]) or "none yet"
        raise UsageError(f"--device: got {', '.join(unknown)}; allowed, of this history: {some}")
    return {i: n for i, n in sorted(known.items(), key=lambda x: x[1]) if not names or n in names}


class _Period:
    """The queries of one period."""

    def __init__(
        self, c: Connection, devices: dict[int, str], some: bool, period: Period, end: float
    ) -> None:
        self._c = c
        self._devices = devices
        self._some = some
        self._zone = period.zone
        self._start, self._end = period.start, end
        # An hour belongs to where its middle is, also the one that goes on.
        self._hours_end = min(_time(end), _time(period.end) - HALF_HOUR)
        local = datetime.fromtimestamp(end, period.zone)
        if local == local.replace(minute=0, second=0, microsecond=0):
            self._hours_end = _time(end) - HALF_HOUR
        self._watching: set[int] = set()  # devices that tell of attention
        self._by_hour = [Sums() for _ in range(24)]
        self._by_day: dict[date, Sums] = {}
        self._places: dict[object, tuple[Sums, Sums]] = {}

    def facts(self) -> Facts:
        """Return all of it."""
        totals = {name: Sums() for name in self._devices.values()}
        # How long is known of those alone who have left: whoever looked tells of attention too.
        tells = func.sum(Hour.attention_ms + Hour.looked)
        query = select(Hour.device_id, func.sum(Hour.visitors), tells).group_by(Hour.device_id)
        for device_id, visitors, told in self._of_hours(query, Hour):
            totals[self._devices[device_id]].visitors = int(visitors)
            if told:
                self._watching.add(device_id)
        self._sums()
        return Facts(
            hours=self._by_hour,
            days=self._by_day,
            devices=totals,
            rows=self._how_complete(),
            kept=self._kept(),
        )

    def _kept(self) -> tuple[float, float] | None:
        """Return when the devices first and last spoke, whatever the period."""
        if not self._devices:
            return None
        query = select(func.min(Device.first_seen), func.max(Device.last_seen))
        ends = self._c.execute(query.where(Device.id.in_(list(self._devices)))).one()
        return ends[0].timestamp(), ends[1].timestamp()

    def _sums(self) -> None:
        of_them: tuple[Any, ...] = (Hour.visitors, Hour.left, Hour.dwell_ms)
        if not self._watching >= self._devices.keys():
            them = Hour.device_id.in_(sorted(self._watching))
            of_them = tuple(case((them, n), else_=0) for n in of_them)
        numbers = (Hour.visitors, Hour.looked, Hour.dwell_ms, Hour.attention_ms, *of_them)
        for hour, *found in self._added(Hour, (), numbers):
            for sums in self._place(hour):
                for name, n in zip(_NUMBERS, found, strict=True):
                    setattr(sums, name, getattr(sums, name) + int(n))
        dwells = self._added(HourDwell, (HourDwell.bucket,), (HourDwell.visits,))
        for hour, bucket, visits in dwells:
            for sums in self._place(hour):
                sums.stays[bucket] = sums.stays.get(bucket, 0) + int(visits)
        emotions = self._added(HourEmotion, (HourEmotion.emotion,), (HourEmotion.ms,))
        for hour, emotion, ms in emotions:
            for sums in self._place(hour):
                sums.emotions[emotion] = sums.emotions.get(emotion, 0) + int(ms)

    def _added(self, table: Any, keys: Sequence[Any], numbers: Sequence[Any]) -> Iterator[Any]:
        """Yield numbers by hour and `keys`, all devices together."""
        hour = type_coerce(table.hour, NullType())  # read as the driver has it: see `_place`
        if len(self._devices) == 1:  # nothing to add, and so nothing to sort
            return self._of_hours(select(hour, *keys, *numbers), table)
        sums = [func.sum(n) for n in numbers]
        return self._of_hours(select(hour, *keys, *sums).group_by(table.hour, *keys), table)

    def _place(self, hour: object) -> tuple[Sums, Sums]:
        """Return where an hour belongs. There are a hundred rows of each: it is looked up once."""
        found = self._places.get(hour)
        if found is None:
            time = datetime.fromisoformat(hour) if isinstance(hour, str) else hour
            assert isinstance(time, datetime)
            if time.tzinfo is None:
                time = time.replace(tzinfo=UTC)
            local = (time + HALF_HOUR).astimezone(self._zone)
            day = self._by_day.setdefault(local.date(), Sums())
            found = self._places[hour] = self._by_hour[local.hour], day
        return found

    def _how_complete(self) -> list[DeviceFacts]:
        rows = {i: DeviceFacts(name) for i, name in self._devices.items()}
        kinds = select(HourKind.device_id, func.sum(HourKind.events)).group_by(HourKind.device_id)
        for device_id, events in self._of_hours(kinds, HourKind):
            rows[device_id].events = int(events)
        numbers = func.sum(Gap.last_seq - Gap.first_seq + 1)
        gaps = select(Gap.device_id, func.count(), numbers).group_by(Gap.device_id)
        for device_id, count, missing in self._within(gaps, Gap):
            rows[device_id].gaps, rows[device_id].missing = int(count), int(missing)
        losses = select(Loss.device_id, func.sum(Loss.events)).group_by(Loss.device_id)
        for device_id, dropped in self._within(losses, Loss):
            rows[device_id].dropped = int(dropped)
        heard = joined(Span(r.began.timestamp(), r.seen.timestamp()) for r in self._recorders())
        for device_id, changes in self._changes().items():
            add_up(rows[device_id], changes, heard, self._start, self._end)
        return list(rows.values())

    def _recorders(self) -> Iterable[Any]:
        query = select(Recorder.began, Recorder.seen)
        query = query.where(Recorder.seen > _time(self._start))
        return self._c.execute(query.where(Recorder.began < _time(self._end)))

    def _changes(self) -> dict[int, list[Change]]:
        """Return what each device was, from the last word before the period on."""
        last = select(func.max(Availability.time).label("time"), Availability.device_id)
        last = last.where(Availability.time < _time(self._start))
        of = last.group_by(Availability.device_id).subquery()
        query = select(
            Availability.device_id, Availability.time, Availability.online, Availability.status
        ).outerjoin(of, of.c.device_id == Availability.device_id)
        query = query.where(
            Availability.time < _time(self._end),
            Availability.time >= func.coalesce(of.c.time, _time(self._start)),
        )
        query = query.order_by(Availability.device_id, Availability.time, Availability.id)
        found: dict[int, list[Change]] = {}
        for device_id, time, online, status in self._of_devices(query, Availability):
            change = Change(time.timestamp(), online, status in (None, "running"))
            found.setdefault(device_id, []).append(change)
        return found

    def _of_hours(self, query: Select[*tuple[Any, ...]], table: Any) -> Iterator[Any]:
        """Run a query of a table of hours."""
        query = query.where(table.hour >= _time(self._start) - HALF_HOUR)
        return self._of_devices(query.where(table.hour < self._hours_end), table)

    def _within(self, query: Select[*tuple[Any, ...]], table: Any) -> Iterator[Any]:
        """Run a query of a table with single times."""
        query = query.where(table.time >= _time(self._start), table.time < _time(self._end))
        return self._of_devices(query, table)

    def _of_devices(self, query: Select[*tuple[Any, ...]], table: Any) -> Iterator[Any]:
        if self._some:
            query = query.where(table.device_id.in_(list(self._devices)))
        result = self._c.execution_options(yield_per=ROWS).execute(query)
        return itertools.chain.from_iterable(result.partitions())


def _time(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)
