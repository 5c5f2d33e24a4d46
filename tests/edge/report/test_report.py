"""What is read out of a history, and what of it is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, update

from edge.errors import UsageError
from edge.report import terminal, words
from edge.report.figures import Report, report
from edge.report.period import Period
from edge.report.query import read
from edge.store import Store
from edge.store.models import Hour, HourDwell
from tests.edge.report.rows import device, gap, heard, hour, listened, week

MONDAY = "2026-11-09"
LATER = datetime(2026, 12, 1, tzinfo=UTC).timestamp()


def told(
    store: Store,
    first: str = MONDAY,
    last: str = "2026-11-15",
    *,
    zone: tzinfo = UTC,
    k: int = 5,
    names: tuple[str, ...] = (),
    wall: float = LATER,
) -> Report:
    period = Period(date.fromisoformat(first), date.fromisoformat(last), zone)
    return report(period, str(zone), lambda p, until: read(store, names, p, until), k=k, wall=wall)


def test_a_week_beside_the_week_before(store: Store) -> None:
    week(store, "2026-11-02", 10)
    week(store, MONDAY, 20, looked=5)
    r = told(store)
    assert r.before.first == "2026-11-02"
    assert r.now.total.visitors == 20 * 18
    assert r.before.total.visitors == 10 * 18
    assert [c.visitors for c in r.now.weekdays] == [60] * 6 + [0]
    assert {c.name: c.visitors for c in r.now.hours if c.visitors} == {
        "09": 120,
        "10": 120,
        "11": 120,
    }
    assert [c.visitors for c in r.now.days] == [60] * 6 + [0]
    assert r.now.total.emotions == {"happy": 0.25, "neutral": 0.75}
    assert r.now.total.emotions_s == 20 * 18 * 4
    low, median, high = r.now.total.dwell_s or ()
    assert 3.5 <= low <= median <= high <= 4.5  # all stayed for 4 s; the histogram has steps
    assert r.now.total.attention == pytest.approx(0.25)
    assert r.now.looked == pytest.approx(0.25)
    assert r.before.total.attention is None  # nobody is known to look: not measured
    assert r.before.looked is None
    assert (r.events, r.missing) == (2 * 20 * 18, 0)


def test_all_devices_or_those_that_are_asked_for(store: Store) -> None:
    week(store, MONDAY, 20)
    week(store, MONDAY, 7, "lobby")
    assert told(store).now.total.visitors == 27 * 18
    only = told(store, names=("lobby",))
    assert only.now.total.visitors == 7 * 18
    assert [c.name for c in only.now.devices] == [d.device for d in only.devices] == ["lobby"]
    with pytest.raises(UsageError, match=r"--device: got attic; allowed.*: kiosk, lobby"):
        told(store, names=("attic",))


def test_few_are_not_told_nor_to_be_worked_out(store: Store) -> None:
    hour(store, "2026-11-09T09:00", 30)
    hour(store, "2026-11-10T10:00", 3)
    hour(store, "2026-11-11T11:00", 12)
    r = told(store)
    assert [(c.name, c.shown) for c in r.now.hours[9:12]] == [
        ("09", "yes"),
        ("10", "few"),
        ("11", "hidden"),
    ]
    for cells in (r.now.hours, r.now.weekdays, r.now.days):
        assert sorted(c.visitors for c in cells if c.visitors) == [30]
        for c in cells:
            if c.shown != "yes":
                assert (c.visitors, c.dwell_s, c.attention, c.emotions) == (None, None, None, {})
    all_told = told(store, k=1)
    assert [c.visitors for c in all_told.now.hours[9:12]] == [30, 3, 12]


def test_a_total_of_few_is_not_told(store: Store) -> None:
    hour(store, "2026-11-09T09:00", 4, looked=2)
    r = told(store)
    assert (r.now.total.shown, r.now.total.visitors, r.now.looked) == ("few", None, None)
    assert not any(c.visitors for c in (*r.now.hours, *r.now.days, *r.now.devices))


def test_how_many_looked_is_told_only_where_neither_side_is_few(store: Store) -> None:
    hour(store, "2026-11-09T09:00", 30, looked=2)
    assert told(store).now.looked is None
    hour(store, "2026-11-09T10:00", 30, looked=28)
    assert told(store).now.looked == 0.5


def test_who_is_seen_by_a_device_that_tells_no_attention_is_not_counted_as_looking_away(
    store: Store,
) -> None:
    hour(store, "2026-11-09T09:00", 100, looked=50)
    hour(store, "2026-11-09T09:00", 100, "plain", dwell_s=40.0)
    r = told(store)
    assert (r.now.total.visitors, r.now.total.attention, r.now.looked) == (200, 0.5, 0.5)
    hour(store, "2026-11-10T09:00", 2, "few", looked=2)
    assert told(store, names=("plain", "few")).now.total.attention is None  # that of two people


def test_a_device_of_whose_lookers_none_has_left_yet_tells_of_looking_too(store: Store) -> None:
    hour(store, "2026-11-09T09:00", 100, looked=30)
    hour(store, "2026-11-09T09:00", 100, "still there", looked=30)
    there = Hour.device_id == device(store, "still there")
    with store.begin() as c:
        c.execute(update(Hour).where(there).values(left=0, dwell_ms=0, attention_ms=0))
    assert told(store).now.looked == pytest.approx(0.3)


@pytest.mark.parametrize(("k", "ended"), [(5, "5 visits have ended"), (1, "a visit has ended")])
def test_why_visits_that_go_on_have_no_dwell_is_said(store: Store, k: int, ended: str) -> None:
    hour(store, "2026-11-09T09:00", 30)
    assert not [note for note in words.notes(told(store, k=k)) if "Dwell" in note]
    with store.begin() as c:
        c.execute(delete(HourDwell))
    (note,) = (note for note in words.notes(told(store, k=k)) if "Dwell" in note)
    assert note == f"Dwell and attention are told where at least {ended}."


def test_who_stays_into_an_hour_in_which_nobody_came_is_not_told(store: Store) -> None:
    hour(store, "2026-11-09T09:00", 30)
    hour(store, "2026-11-09T10:00", 0, emotions={})
    hour(store, "2026-11-09T11:00", 0)
    assert told(store).now.hours[11].emotions == {}


def test_hours_are_those_of_the_clock_on_the_wall(store: Store) -> None:
    hour(store, "2026-03-28T08:00", 10)  # 9 in Berlin
    hour(store, "2026-03-29T07:00", 20)  # 9 too: summer began
    hour(store, "2026-03-29T22:00", 40)  # the next day
    r = told(store, "2026-03-28", "2026-03-29", zone=ZoneInfo("Europe/Berlin"))
    assert [c.visitors for c in r.now.days] == [10, 20]
    assert r.now.hours[9].visitors == 30
    half = told(store, "2026-03-28", "2026-03-29", zone=ZoneInfo("Asia/Kolkata"))
    assert half.now.hours[14].visitors == 10  # 13:30 to 14:30


def test_of_a_day_that_is_not_over_as_much_is_compared(store: Store) -> None:
    for day in ("2026-11-02", MONDAY):
        for h in (9, 10, 15):
            hour(store, f"{day}T{h:02}:00", 10)
    r = told(store, MONDAY, MONDAY, wall=datetime(2026, 11, 9, 11, 20, tzinfo=UTC).timestamp())
    assert (r.now.total.visitors, r.before.total.visitors) == (20, 20)
    assert r.now.until == "2026-11-09T11:20:00+00:00"
    assert r.before.until == "2026-11-02T11:00:00+00:00"


@pytest.mark.parametrize("minute", [0, 1, 29, 31, 59])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])  # the second is half an hour beside
def test_of_an_hour_that_is_not_over_all_there_is_counts(
    store: Store, zone: str, minute: int
) -> None:
    for h in (9, 10, 11) if minute else (9, 10):
        hour(store, f"{MONDAY}T{h:02}:00", 10)
    wall = datetime(2026, 11, 9, 11, minute, tzinfo=UTC).timestamp()
    r = told(store, MONDAY, MONDAY, zone=ZoneInfo(zone), wall=wall)
    assert r.now.total.visitors == (30 if minute else 20)
    assert r.events == 2 * r.now.total.visitors


def test_an_hour_whose_middle_is_tomorrow_is_not_todays(store: Store) -> None:
    hour(store, f"{MONDAY}T10:00", 20)
    hour(store, f"{MONDAY}T18:00", 50)  # from 23:30 to 0:30
    wall = datetime(2026, 11, 9, 18, 20, tzinfo=UTC).timestamp()
    r = told(store, MONDAY, MONDAY, zone=ZoneInfo("Asia/Kolkata"), wall=wall)
    assert [r.now.total.visitors, *(c.visitors for c in r.now.devices)] == [20, 20]
    assert sum(c.visitors or 0 for c in r.now.hours) == 20
    assert r.events == 2 * 20


def test_of_a_month_that_is_not_over_the_same_days_are_compared(store: Store) -> None:
    hour(store, "2026-10-12T09:00", 10)
    hour(store, "2026-11-09T09:00", 20)
    wall = datetime(2026, 11, 11, 14, 20, tzinfo=UTC).timestamp()
    r = told(store, "2026-11-09", "2026-11-30", wall=wall)
    assert words.compared(r) == "2026-10-12 to 2026-10-14, until 14:00"
    lines = terminal.lines(r)
    assert any(line.split()[:3] == ["2026-11-09", "20", "10"] for line in lines), lines


def test_of_the_time_before_only_whole_hours_are_compared(store: Store) -> None:
    for h in (9, 10, 11):
        hour(store, f"2026-11-02T{h:02}:00", 10)
    wall = datetime(2026, 11, 9, 11, 59, tzinfo=UTC).timestamp()
    assert told(store, MONDAY, MONDAY, wall=wall).before.total.visitors == 20


def test_what_is_missing_is_known(store: Store) -> None:
    week(store, MONDAY, 20)
    gap(store, "2026-11-10T09:00", 100, 109)
    gap(store, "2026-11-12T09:00", 200, 200)
    gap(store, "2026-11-20T09:00", 300, 399)  # not in this week
    r = told(store)
    assert (r.missing, r.devices[0].gaps, r.devices[0].dropped) == (11, 2, 2)


def test_a_device_is_online_as_far_as_somebody_listened(store: Store) -> None:
    listened(store, "2026-11-01", "2026-11-10")
    listened(store, "2026-11-09", "2026-11-11")  # two at a time count once
    listened(store, "2026-11-14", "2026-11-15")
    heard(store, "2026-11-05", True)  # before the week
    heard(store, "2026-11-10", False)
    heard(store, "2026-11-10T12:00", True, "camera_lost")
    d = told(store).devices[0]
    assert d.known == pytest.approx(3 / 7, abs=1e-4)  # 9, 10 and 14 November
    assert d.online == pytest.approx(2.5 / 3, abs=1e-4)
    assert d.working == pytest.approx(1 / 3, abs=1e-4)


def test_nothing_is_known_of_an_empty_history(store: Store) -> None:
    r = told(store)
    assert (r.now.total.visitors, r.devices, r.events) == (0, [], 0)
