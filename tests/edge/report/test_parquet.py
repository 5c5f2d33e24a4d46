from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, update

from edge.cli import main
from edge.errors import StorageError
from edge.report.period import Period
from edge.store import Store, open_store
from edge.store.models import Event, Visit
from edge.store.purge import purge
from tests.edge.report.rows import at, device

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
import pyarrow.dataset  # after the test that it is there
import pyarrow.parquet

from edge.report.parquet import export

PERIOD = Period(date(2026, 11, 9), date(2026, 11, 15), ZoneInfo("Europe/Berlin"))


def visit(store: Store, when: str, track: str, name: str = "kiosk") -> None:
    number = device(store, name)
    event = {
        "device_id": number,
        "track": track,
        "batch": 1,
        "seq": 7,
        "kind": "face_left",
        "time": at(when),
        "received": at(when),
        "time_synced": True,
        "replayed": False,
        "boot_id": "b",
        "uptime_s": 1.5,
        "emotion": "happy",
        "previous": None,
        "reason": None,
        "duration_s": 4.0,
        "attention_s": 2.0,
        "lost_before": 0,
    }
    with store.begin() as c:
        c.execute(insert(Event), [{**event, "id": f"{track}-{when}", "raw": '{"id": "x"}'}])
        c.execute(
            insert(Visit).values(
                device_id=number,
                track=track,
                number=0,
                started=at(when),
                ended=None,
                last=at(when),
                dwell_ms=4000,
                attention_ms=2000,
                emotions={"happy": 3000, "sad": 1000},
                reason=None,
                events=2,
            )
        )


def read(folder: Path) -> list[dict[str, object]]:
    found = pyarrow.dataset.dataset(folder, format="parquet", partitioning="hive")
    rows: list[dict[str, object]] = found.to_table().to_pylist()
    return rows


def test_a_file_a_device_and_day_as_readers_of_hive_expect_it(store: Store, tmp_path: Path) -> None:
    visit(store, "2026-11-09T22:30", "a")  # still the 9th in Berlin
    visit(store, "2026-11-09T23:30", "b")
    visit(store, "2026-11-09T23:40", "c", "a b=1%")
    visit(store, "2026-11-20T10:00", "d")  # not in this period
    done = export(store, tmp_path / "out", (), PERIOD)
    assert (done.events, done.visits, done.files) == (3, 3, 6)
    assert (tmp_path / "out/visits/device=kiosk/date=2026-11-09/visits.parquet").is_file()
    visits = read(tmp_path / "out/visits")
    assert sorted((v["device"], str(v["date"]), v["track"]) for v in visits) == [
        ("a b=1%", "2026-11-10", "c"),
        ("kiosk", "2026-11-09", "a"),
        ("kiosk", "2026-11-10", "b"),
    ]
    assert dict(visits[0]["emotions_s"]) == {"happy": 3.0, "sad": 1.0}  # type: ignore[call-overload]
    event = next(e for e in read(tmp_path / "out/events") if e["track"] == "a")
    assert (event["event_type"], event["duration_s"]) == ("face_left", 4.0)
    assert event["time"] == at("2026-11-09T22:30")
    assert json.loads(str(event["message"])) == {"id": "x"}


def test_exported_again_nothing_stands_twice(store: Store, tmp_path: Path) -> None:
    visit(store, "2026-11-10T10:00", "a")
    for _ in range(2):
        export(store, tmp_path, ("kiosk",), PERIOD)
    assert len(read(tmp_path / "events")) == 1
    assert not list(tmp_path.rglob(".*"))


def test_what_the_store_deleted_of_a_day_stays_exported(store: Store, tmp_path: Path) -> None:
    for hour in range(1, 24, 2):
        visit(store, f"2026-11-10T{hour:02}:00", f"t{hour}", "kiosk" if hour != 5 else "gone")
    assert export(store, tmp_path, (), PERIOD).events == 12
    with store.begin() as c:
        c.execute(update(Visit).values(ended=Visit.last))
        c.execute(update(Visit).where(Visit.track == "t3").values(last=at("2026-11-10T20:00")))
    assert purge(store, at("2026-11-10T12:00")) == (5, 5)
    done = export(store, tmp_path, (), PERIOD)
    assert (done.events, done.visits) == (7, 7)  # of the store, which still has the third hour's
    for kind in ("events", "visits"):
        rows = read(tmp_path / kind)
        assert sorted(str(r["track"]) for r in rows) == sorted(f"t{h}" for h in range(1, 24, 2))
    visits = {v["track"]: v for v in read(tmp_path / "visits")}
    assert visits["t1"]["ended"] is None  # as it was known when it was written
    assert visits["t13"]["ended"] == at("2026-11-10T13:00")


def test_a_damaged_file_whose_rows_are_nowhere_else_is_named_and_stays(
    store: Store, tmp_path: Path
) -> None:
    visit(store, "2026-11-10T01:00", "old")
    visit(store, "2026-11-10T13:00", "new")
    export(store, tmp_path, (), PERIOD)
    purge(store, at("2026-11-10T12:00"))
    (path,) = tmp_path.glob("visits/*/*/visits.parquet")
    whole = path.read_bytes()
    other = pyarrow.table({"a": [1]})
    pyarrow.parquet.write_table(other, tmp_path / "other")
    for damaged in (b"", whole[: len(whole) // 2], (tmp_path / "other").read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match=r"visits\.parquet: cannot be read"):
            export(store, tmp_path, (), PERIOD)
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    export(store, tmp_path, (), PERIOD)
    assert sorted(str(v["track"]) for v in read(tmp_path / "visits")) == ["new", "old"]
    assert not list(tmp_path.rglob(".*"))


def test_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "history.db")
    with open_store(path) as store:
        visit(store, "2026-11-10T10:00", "a")
    days = ["--from", "2026-11-10", "--to", "2026-11-10", "--zone", "UTC"]
    out = str(tmp_path / "out")
    assert main(["report", "--store", path, *days, "--export", "parquet", out]) == 0
    assert capsys.readouterr().out == f"{out}: 1 events and 1 visits in 2 files\n"
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    code = main(["report", "--store", path, *days, "--export", "parquet", str(in_the_way)])
    assert code == 74
    assert str(in_the_way) in capsys.readouterr().err
