from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.errors import UsageError
from edge.report.period import Period, parse, zone

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 21)


def days(first: str | None, last: str | None) -> tuple[str, str]:
    p = parse(first, last, UTC, TODAY)
    return str(p.first), str(p.last)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, ("2026-11-14", "2026-11-20")),
        ("today", None, ("2026-11-21", "2026-11-21")),
        ("yesterday", None, ("2026-11-20", "2026-11-20")),
        ("28d", None, ("2026-10-24", "2026-11-20")),
        ("2026-11-01", "2026-11-03", ("2026-11-01", "2026-11-03")),
        (None, "2026-11-08", ("2026-11-02", "2026-11-08")),
        ("28d", "today", ("2026-10-24", "2026-11-21")),
    ],
)
def test_what_days_are_meant(first: str | None, last: str | None, expected: object) -> None:
    assert days(first, last) == expected


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-11-31", None, "--from: got '2026-11-31'"),
        ("20261101", None, "--from: got '20261101'"),
        ("tomorrow", None, "--from: got 'tomorrow'"),
        ("2026-11-01", "x", "--to: got 'x'"),
        ("0001-01-01", None, "--from: got '0001-01-01'"),
        ("9999-12-31", None, "--from: got '9999-12-31'"),
        ("2026-11-10", "2026-11-09", "--from: got 2026-11-10, after --to"),
        ("2026-12-01", "2026-12-02", "no later than today, 2026-11-21"),
        ("2001-01-01", "2026-11-01", "at most 3660 days"),
    ],
)
def test_days_that_are_none_are_refused_by_name(first: str, last: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        days(first, last)


def test_a_day_has_23_or_25_hours_when_clocks_change() -> None:
    assert (
        Period(date(2026, 3, 29), date(2026, 3, 29), BERLIN).end
        - Period(date(2026, 3, 29), date(2026, 3, 29), BERLIN).start
        == 23 * 3600
    )
    autumn = Period(date(2026, 10, 25), date(2026, 10, 25), BERLIN)
    assert autumn.end - autumn.start == 25 * 3600


@pytest.mark.parametrize(("days", "back"), [(1, 7), (7, 7), (10, 14), (28, 28), (365, 371)])
def test_it_is_compared_with_the_same_weekdays_before(days: int, back: int) -> None:
    last = date(2026, 11, 20)
    now = Period(date.fromordinal(last.toordinal() - days + 1), last, UTC)
    assert now.days == now.before.days == days
    assert (now.first - now.before.first).days == back
    assert now.before.last < now.first
    assert now.before.first.weekday() == now.first.weekday()


def test_a_zone_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert zone("Europe/Berlin")[0] == BERLIN
    assert zone("UTC")[0] is UTC
    monkeypatch.setenv("TZ", ":Asia/Kolkata")
    found, name = zone(None)
    assert name == "Asia/Kolkata"
    assert datetime(2026, 1, 1, tzinfo=found).utcoffset().total_seconds() == 5.5 * 3600  # type: ignore[union-attr]


def test_a_zone_that_is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TZ", ":/usr/share/zoneinfo/Asia/Kolkata")
    assert zone(None) == (ZoneInfo("Asia/Kolkata"), "Asia/Kolkata")
    copy = tmp_path / "clock"
    copy.write_bytes(Path("/usr/share/zoneinfo/Asia/Kolkata").read_bytes())
    monkeypatch.setenv("TZ", str(copy))
    found, name = zone(None)
    assert name == "local time"
    assert datetime(2026, 1, 1, tzinfo=found).utcoffset().total_seconds() == 5.5 * 3600  # type: ignore[union-attr]


@pytest.mark.parametrize("said", ["CET-1CEST,M3.5.0,M10.5.0/3", "Berlin", "/nowhere", "/etc/hosts"])
def test_a_zone_of_the_environment_that_is_not_understood_is_not_utc(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", said)
    with pytest.raises(UsageError, match=f"TZ: got '{said}'.*--zone"):
        zone(None)


@pytest.mark.parametrize("name", ["Berlin", "", "../../etc/passwd", "a\0b", "Europe"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--zone: got"):
        zone(name)
