"""What Grafana's dashboard asks of a history, asked of a real PostgreSQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from edge.store import Store, open_store
from tests.edge.report.rows import at, gap, heard, hour, week
from tests.postgresql import PostgreSQL

DASHBOARD = Path(__file__).parents[2] / "examples/grafana/history.json"
PANELS = json.loads(DASHBOARD.read_text())["panels"]


@pytest.fixture(scope="module")
def store(server: PostgreSQL) -> Iterator[Store]:
    with open_store(server.create("grafana")) as opened:
        week(opened, "2026-11-09", 20, looked=5)
        week(opened, "2026-11-09", 10, "lobby")
        hour(opened, "2026-11-15T23:00", 3)  # Monday in Berlin
        gap(opened, "2026-11-10T09:00", 100, 109)
        heard(opened, "2026-11-10", True)
        heard(opened, "2026-11-11", False, name="lobby")
        yield opened


def ask(store: Store, title: str, devices: str = "'kiosk', 'lobby'", few: int = 5) -> Any:
    """Return the rows of a panel; Grafana's macros and variables as Grafana fills them in."""
    panel = next(p for p in PANELS if p["title"] == title)
    (target,) = panel["targets"]
    sql = re.sub(
        r"\$__timeFilter\(([^)]+)\)",
        r"\1 BETWEEN '2026-11-01T00:00:00Z' AND '2026-11-30T00:00:00Z'",
        target["rawSql"],
    )
    for name, value in (("device", devices), ("zone", "Europe/Berlin"), ("few", str(few))):
        sql = sql.replace(f"${name}", value)
    assert "$" not in sql
    with store.connect() as c:
        rows = c.execute(text(sql)).mappings().all()
    if target["format"] == "time_series":
        assert all(row["time"].tzinfo is not None for row in rows)
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    return [{k: float(v) if isinstance(v, Decimal) else v for k, v in r.items()} for r in rows]


def test_every_panel_has_something_to_show(store: Store) -> None:
    assert len(PANELS) > 8
    for panel in PANELS:
        if panel["title"] != "Devices online":  # who is online now is the recorder's to say
            assert ask(store, panel["title"]), panel["title"]
    assert ask(store, "Devices online") == [{"devices": 0}]


def test_they_say_what_is_there(store: Store) -> None:
    assert ask(store, "Visitors") == [{"visitors": 18 * 30 + 3}]
    assert ask(store, "Visitors", "'lobby'") == [{"visitors": 180}]
    (dwell,) = ask(store, "Dwell, median")
    assert 4 <= dwell["seconds"] < 4 * 1.2
    assert ask(store, "Events missing") == [{"events": 10}]
    shares = ask(store, "Emotions by day, share of the time in view")
    assert {(r["metric"], round(r["share"], 2)) for r in shares} == {
        ("happy", 0.25),
        ("neutral", 0.75),
    }
    days = ask(store, "Visitors by day", "'lobby'")
    assert [r["visitors"] for r in days] == [30] * 6
    assert days[0]["time"] == at("2026-11-08T23:00")  # midnight in Berlin
    weekdays = ask(store, "Visitors by weekday", "'lobby'")
    assert [r["weekday"].strip() for r in weekdays] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]


def test_few_are_left_out(store: Store) -> None:
    hours = {r["hour"]: r["visitors"] for r in ask(store, "Visitors by hour of the day")}
    assert hours == {"10": 180, "11": 180, "12": 180}  # but not the three at midnight
    assert "00" in {r["hour"] for r in ask(store, "Visitors by hour of the day", few=1)}
    assert ask(store, "Visitors", few=1000) == []
    assert ask(store, "Dwell, median", few=1000) == []
    attention = "Attention, share of dwell"
    assert ask(store, attention, few=364) == []  # 363 of the 543 were where attention is told
    assert ask(store, attention, few=363)
