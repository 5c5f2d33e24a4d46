"""From what a device publishes, by the recorder's own code, to what a report says of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from benchmarks.history.fill import fill
from benchmarks.history.kiosk import Kiosk
from edge.messages import EventType
from edge.report.figures import report
from edge.report.period import Period
from edge.report.query import read
from edge.store import open_store

FIRST = datetime(2026, 11, 9, tzinfo=UTC)


def test_a_report_says_what_the_devices_said(tmp_path: Path) -> None:
    said = Counter[str]()
    hours = Counter[int]()
    for name in ("kiosk-1", "kiosk-2"):
        for event, _ in Kiosk(name).days(FIRST, 2, 30):
            said["events"] += 1
            if event.data.event_type == EventType.FACE_APPEARED:
                said[name] += 1
                hours[datetime.fromisoformat(event.time).hour] += 1
    lost = {100, 101, 140}
    with open_store(str(tmp_path / "history.db")) as store:
        kiosks = [Kiosk("kiosk-1"), Kiosk("kiosk-2")]
        stored = fill(store, kiosks, FIRST, 2, 30, lost=lambda seq: seq in lost)
        period = Period(date(2026, 11, 9), date(2026, 11, 10), UTC)
        r = report(
            period,
            "UTC",
            lambda p, until: read(store, (), p, until),
            k=1,
            wall=FIRST.timestamp() + 1e7,
        )
    assert stored == said["events"] - 2 * len(lost) == r.events
    assert (r.missing, [d.gaps for d in r.devices]) == (6, [2, 2])
    # Of a visit whose first event is lost the others tell.
    assert r.now.total.visitors == pytest.approx(said["kiosk-1"] + said["kiosk-2"], abs=6)
    for cell in r.now.hours:
        assert cell.visitors == pytest.approx(hours[int(cell.name)], abs=6)
    assert sum(r.now.total.emotions.values()) == pytest.approx(1, abs=0.01)
    assert [d.online for d in r.devices] == [1.0, 1.0]
