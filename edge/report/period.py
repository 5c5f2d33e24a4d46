"""From when to when, in whose clock."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.errors import UsageError

DAY = timedelta(days=1)
MOST_DAYS = 3660  # ten years


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days by a clock on the wall: `first` and `last` belong to it."""

    first: date
    last: date
    zone: tzinfo

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> float:
        """Its beginning; seconds since 1970."""
        return self._midnight(self.first)

    @property
    def end(self) -> float:
        """Its end, which does not belong to it; seconds since 1970."""
        return self._midnight(self.last + DAY)

    @property
    def before(self) -> Period:
        """The same weekdays before: as many days, or whole weeks back where it is no whole week."""
        back = timedelta(days=-(-self.days // 7) * 7)
        return Period(self.first - back, self.last - back, self.zone)

    def at(self, day: int, hour: int) -> float:
        """Return when an hour of its so-many-eth day begins; seconds since 1970."""
        return datetime.combine(self.first + day * DAY, time(hour), self.zone).timestamp()

    def dates(self) -> list[date]:
        """Return each day."""
        return [self.first + i * DAY for i in range(self.days)]

    def __str__(self) -> str:
        if self.days == 1:
            return f"{self.first:%a} {self.first}"
        return f"{self.first:%a} {self.first} to {self.last:%a} {self.last}"

    def _midnight(self, day: date) -> float:
        return datetime.combine(day, time(), self.zone).timestamp()


def parse(first: str | None, last: str | None, zone: tzinfo, today: date) -> Period:
    """Return the period that two options name; by default the seven days before today.

    Args:
        first: `--from`: a date, `today`, `yesterday`, or `7d`: so many days back.
        last: `--to`, the same; that day belongs to the period. Default: yesterday, or today where
            `first` is today.
        zone: whose days.
        today: the day in `zone`.

    Raises:
        UsageError: one is no date, or there is no day between them.
    """
    begin = _date("--from", first, today) if first else None
    end = _date("--to", last, today) if last else None
    if end is None:
        end = today if begin is not None and begin >= today else today - DAY
    if begin is None:
        begin = end - 6 * DAY
    if begin > end:
        raise UsageError(f"--from: got {begin}, after --to, {end}; allowed: a day up to it")
    if begin > today:
        raise UsageError(f"--from: got {begin}; allowed: no later than today, {today}")
    if (end - begin).days >= MOST_DAYS:
        raise UsageError(f"--from: got {begin}; allowed: at most {MOST_DAYS} days before --to")
    return Period(begin, end, zone)


def _date(option: str, text: str, today: date) -> date:
    if text in ("today", "yesterday"):
        return today - DAY * (text == "yesterday")
    if back := re.fullmatch(r"(\d{1,4})d", text):
        return today - int(back[1]) * DAY
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        found = date.fromisoformat(text)
        if not 1971 <= found.year <= 9000:  # what every clock and every zone can hold
            raise ValueError
        return found
    except ValueError:
        raise UsageError(
            f"{option}: got {text!r}; allowed: a date such as {today}, 'today', 'yesterday', or "
            "'7d' for seven days ago"
        ) from None


def zone(name: str | None) -> tuple[tzinfo, str]:
    """Return a time zone and its name; None: that of this machine.

    Raises:
        UsageError: there is none of this name, or `TZ` of the environment is not understood.
    """
    if name is None:
        return _local()
    if name == "UTC":
        return UTC, name  # also where no time zones are installed
    try:
        return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"--zone: got {name!r}; allowed: a name such as Europe/Berlin or UTC"
        ) from None


def _local() -> tuple[tzinfo, str]:
    """Return the machine's own zone, with its rules for summer where they can be found."""
    said = os.environ.get("TZ", "").removeprefix(":")
    if said and not said.startswith("/"):
        try:
            return zone(said)
        except UsageError:
            raise UsageError(
                f"TZ: got {said!r}; allowed: a name such as Europe/Berlin, or say --zone"
            ) from None
    file = Path(said or "/etc/localtime")
    link = os.path.realpath(file)
    if "/zoneinfo/" in link:
        with contextlib.suppress(UsageError):
            return zone(link.split("/zoneinfo/", 1)[1])
    try:
        with file.open("rb") as f:
            return ZoneInfo.from_file(f), "local time"
    except (ValueError, OSError) as e:
        if said:
            raise UsageError(
                f"TZ: got {said!r}: {e}; allowed: a name such as Europe/Berlin, or say --zone"
            ) from e
    return UTC, "UTC"
