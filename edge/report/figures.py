"""A report: what may be told of a period and of the one before it. Views show it, none computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from msgspec import Struct

from edge.report.disclose import Shown, alone, nested, parts
from edge.report.facts import DeviceFacts, Facts, Sums
from edge.report.period import Period
from edge.store.buckets import quantile_s

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
QUARTILES = (0.25, 0.5, 0.75)


class Cell(Struct, frozen=True, kw_only=True):
    """The people of an hour of the day, a weekday, a day, a device, or of all of them.

    `shown`: `yes`; `few` where they were fewer than `k`; `hidden` where such a sum could be worked
    out from this one. Only with `yes` there are figures.
    """

    name: str
    shown: str
    visitors: int | None = None  # visits that began; who comes back counts again
    dwell_s: list[float] | None = None  # quartiles of these visits' length: 25, 50, 75 %
    attention: float | None = None  # share of the visits' length; None: nobody is known to look
    emotions: dict[str, float] = {}  # share of the time in view, adding up to 1
    emotions_s: float = 0.0  # s of observation behind `emotions`


class Side(Struct, frozen=True, kw_only=True):
    """One period."""

    first: str  # day
    last: str  # day, which belongs to it
    until: str | None  # RFC 3339, where the period is not over; nothing after it counts
    total: Cell
    looked: float | None  # share of the visitors who looked at the screen; None: not to be told
    hours: list[Cell]  # 24, hours of the day
    weekdays: list[Cell]  # 7, from Monday
    days: list[Cell]
    devices: list[Cell]


class DeviceRow(Struct, frozen=True, kw_only=True):
    """How far what a device says is complete."""

    device: str
    online: float | None  # share of the time in which that is known; None: never known
    working: float | None  # the same, of its camera running and not paused
    known: float  # share of the period in which that is known, 0-1
    events: int  # that came
    missing: int  # that never came: jumps of `seq`
    dropped: int  # of them: dropped by the device itself, its outbox being full
    gaps: int  # places where some are missing


class Report(Struct, frozen=True, kw_only=True):
    """What `emotion-edge report --json` prints."""

    made: str  # RFC 3339
    zone: str
    k: int  # sums of fewer people are not given out
    asked: list[str]  # devices that were asked for; empty: all
    now: Side
    before: Side
    devices: list[DeviceRow]
    events: int
    missing: int
    kept: list[str] | None = None  # first and last day on which these devices spoke


def report(
    period: Period,
    zone: str,
    read: Callable[[Period, float], Facts],
    *,
    k: int,
    asked: Iterable[str] = (),
    wall: float,
) -> Report:
    """Return the report of a period.

    Args:
        period: whole days.
        zone: how to call the period's time zone.
        read: gives what is known of a period up to a time, in seconds since 1970.
        k: sums of fewer people are not given out; 1: all are.
        asked: the devices that `read` looks at; empty: all.
        wall: now, in seconds since 1970. A period that is not over is compared with as much of the
            one before.
    """
    until = min(period.end, wall)
    over = until >= period.end
    facts = read(period, until)
    before = period.before
    # By the clock on the wall, up to the full hour, which is what the sums are of.
    passed = datetime.fromtimestamp(until, period.zone)
    then = before.end
    if not over:
        days = (passed.date() - period.first).days
        then = before.at(days, passed.hour)
    old = read(before, then)
    rows = [_device(d, until - period.start) for d in facts.rows]
    return Report(
        made=_rfc3339(wall, period),
        zone=zone,
        k=k,
        asked=sorted(asked),
        now=_side(period, None if over else until, facts, k),
        before=_side(before, None if over else then, old, k),
        devices=rows,
        events=sum(r.events for r in rows),
        missing=sum(r.missing for r in rows),
        kept=[datetime.fromtimestamp(t, period.zone).date().isoformat() for t in facts.kept]
        if facts.kept
        else None,
    )


def _side(period: Period, until: float | None, facts: Facts, k: int) -> Side:
    days = {d: facts.days.get(d, Sums()) for d in period.dates()}
    total, weekdays = Sums(), [Sums() for _ in range(7)]
    for day, sums in days.items():
        weekdays[day.weekday()].add(sums)
    for sums in weekdays:
        total.add(sums)
    hours = facts.hours
    visible = alone(total.visitors, k)
    of_hours = parts({i: s.visitors for i, s in enumerate(hours)}, k)
    of_weekdays, of_days = nested(
        {i: s.visitors for i, s in enumerate(weekdays)},
        k,
        [(d.weekday(), s.visitors) for d, s in days.items()],
    )
    of_devices = parts({name: s.visitors for name, s in facts.devices.items()}, k)
    watched = total.attention_ms > 0
    return Side(
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        until=None if until is None else _rfc3339(until, period),
        total=_cell("all", total, visible, k, watched),
        looked=_looked(total, k),
        hours=[_cell(f"{i:02}", s, of_hours[i], k, watched) for i, s in enumerate(hours)],
        weekdays=[
            _cell(WEEKDAYS[i], s, of_weekdays[i], k, watched) for i, s in enumerate(weekdays)
        ],
        days=[_cell(str(d), s, of_days[i], k, watched) for i, (d, s) in enumerate(days.items())],
        devices=[_cell(n, s, of_devices[n], k, watched) for n, s in facts.devices.items()],
    )


def _cell(name: str, sums: Sums, shown: Shown, k: int, watched: bool) -> Cell:
    if shown is not Shown.YES:
        return Cell(name=name, shown=shown.value)
    n = sums.visitors
    if n < max(k, 1):  # nobody came, though who came the hour before may have stayed
        return Cell(name=name, shown=shown.value, visitors=n)
    ms = sum(sums.emotions.values())
    enough = sums.left >= max(k, 1)
    known = sums.watched_left >= max(k, 1)
    quartiles = [quantile_s(sums.stays, q) or 0.0 for q in QUARTILES] if enough else None
    return Cell(
        name=name,
        shown=shown.value,
        visitors=n,
        dwell_s=[round(q, 1) for q in quartiles] if quartiles else None,
        attention=_share(sums.attention_ms, sums.watched_ms) if watched and known else None,
        emotions={e: round(m / ms, 3) for e, m in sorted(sums.emotions.items()) if ms},
        emotions_s=round(ms / 1000),
    )


def _looked(sums: Sums, k: int) -> float | None:
    """Return the share of those who looked, where neither they nor the others are few."""
    others = sums.watched - sums.looked
    if not sums.attention_ms or not sums.watched or others < 0:
        return None
    if any(alone(n, k) is not Shown.YES for n in (sums.watched, sums.looked, others)):
        return None
    return round(sums.looked / sums.watched, 3)


def _share(part: float, whole: float) -> float | None:
    return round(min(part / whole, 1.0), 4) if whole > 0 else None


def _device(d: DeviceFacts, length_s: float) -> DeviceRow:
    return DeviceRow(
        device=d.device,
        online=_share(d.online_s, d.known_s),
        working=_share(d.working_s, d.known_s),
        known=_share(d.known_s, length_s) or 0.0,
        events=d.events,
        missing=d.missing,
        dropped=d.dropped,
        gaps=d.gaps,
    )


def _rfc3339(t: float, period: Period) -> str:
    return datetime.fromtimestamp(t, UTC).astimezone(period.zone).isoformat(timespec="seconds")
