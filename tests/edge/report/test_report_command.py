"""`emotion-edge report`, as a person runs it."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from pathlib import Path

import pytest

from edge.cli import main
from edge.store import open_store
from tests.edge.report.rows import gap, hour, listened, week


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("history") / "history.db")
    with open_store(path) as store:
        week(store, "2026-11-02", 10, looked=6)
        week(store, "2026-11-09", 20, looked=10)
        week(store, "2026-11-09", 8, "<b>lobby</b>")
        hour(store, "2026-11-15T20:00", 2)
        gap(store, "2026-11-10T09:00", 100, 109)
        listened(store, "2026-11-01", "2026-11-16")
    return path


WEEK = ("--from", "2026-11-09", "--to", "2026-11-15", "--zone", "UTC")


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["report", *args])
    out, err = capsys.readouterr()
    return code, out, err


def test_on_the_terminal_in_80_columns(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--store", history, *WEEK)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "2026-11-09 to 2026-11-15, UTC"
    assert re.search(r"^visitors +506 +180 +\+181 %$", out, re.M)
    assert re.search(r"^Tue +84 ", out, re.M)
    assert re.search(r"^20 +fewer than 5 ", out, re.M)
    assert "10 events are missing of 1,022 (1 %)." in out
    assert "Sums of fewer than 5 visitors are not given out" in out


def test_a_day_that_is_not_over_says_so(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--store", history, "--from", "9d", "--to", "today", "--zone", "UTC")
    assert re.search(r"^(\d{4}-\d\d-\d\d) is not over: counted up to \d\d:\d\d\.$", out, re.M)
    assert "is not over" not in run(capsys, "--store", history, *WEEK)[1]


def test_as_json(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--store", history, *WEEK, "--json", "--device", "kiosk")
    r = json.loads(out)
    assert r["now"]["total"]["visitors"] == 362
    assert r["now"]["hours"][20]["shown"] == "few"
    assert r["asked"] == ["kiosk"]


def test_as_csv(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--store", history, *WEEK, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {r["part"] for r in rows} == {"all", "hour", "weekday", "day", "device"}
    first = rows[0]
    assert (first["visitors"], first["visitors_before"], first["missing"]) == ("506", "180", "10")
    assert first["share_happy"] == "0.25"
    few = [r for r in rows if r["shown"] == "few"]
    assert few
    assert {r["visitors"] for r in few} == {""}


def test_as_one_file_that_needs_nothing_else(
    history: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert run(capsys, "--store", history, *WEEK, "--html", str(page)) == (0, "", "")
    text = page.read_text()
    assert "<script" not in text
    assert "<b>lobby" not in text
    assert not re.search(r'(src|href)="(?!data:,)', text)
    assert "url(" not in text
    assert text.count("<svg") > 8
    assert " style=" not in text
    code, out, _ = run(capsys, "--store", history, *WEEK, "--html", "-")
    assert (code, out[:15]) == (0, "<!doctype html>")


def test_the_page_never_takes_the_place_of_the_history(
    history: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "page.html"
    link.symlink_to(history)
    for page in (history, str(link)):
        code, _, err = run(capsys, "--store", history, *WEEK, "--html", page)
        assert code == 64 and "is the history" in err
    assert run(capsys, "--store", history, *WEEK)[0] == 0


def test_a_loop_of_links_is_no_page(
    history: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    code, _, err = run(capsys, "--store", history, *WEEK, "--html", str(tmp_path / "loop"))
    assert code == 74 and err.startswith(f"emotion-edge: --html: {tmp_path}/loop: ")


def test_how_few_are_too_few_is_a_setting(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--store", history, *WEEK, "--few", "1")
    assert re.search(r"^20 +2 ", out, re.M)
    assert "not given out" not in out


def test_a_time_of_which_nothing_is_known(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--store", history, "--from", "2026-01-05", "--to", "2026-01-06")
    assert code == 0
    assert "Nothing is known of this period. Devices spoke on 2026-01-01 only." in " ".join(
        out.split()
    )


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--from", "2026-13-01"], 64, "--from: got '2026-13-01'; allowed: a date"),
        (["--from", "2026-11-09", "--to", "2026-11-08"], 64, "--from: got 2026-11-09, after --to"),
        (["--zone", "Mars"], 64, "--zone: got 'Mars'; allowed"),
        (["--few", "0"], 64, "--few: got 0; allowed: 1 to 1000"),
        (["--device", "attic"], 64, "--device: got attic; allowed, of this history"),
        (["--export", "xlsx", "x"], 64, "--export: got 'xlsx'; allowed: parquet"),
        (["--html", "/nowhere/at/all.html"], 74, "--html: /nowhere/at/all.html: No such file"),
    ],
)
def test_a_mistake_is_one_line(
    history: str, capsys: pytest.CaptureFixture[str], args: list[str], code: int, said: str
) -> None:
    got, out, err = run(capsys, "--store", history, *args)
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_history_that_is_not_there_is_66(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.db"
    code, _, err = run(capsys, "--store", str(path))
    assert (code, err.count("\n")) == (66, 1)
    assert f"--store: {path}: no such file" in err
    assert not path.exists()


def test_a_file_that_is_no_history_is_78(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--store", __file__)
    assert (code, err.count("\n")) == (78, 1)
    assert "is no SQLite database; allowed: one made by `emotion-edge record`" in err


def test_no_history_at_all_is_64(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EMOTION_EDGE_HISTORY", raising=False)
    code, _, err = run(capsys)
    assert code == 64
    assert "--store: got nothing; allowed: a file, or postgresql://HOST/DATABASE\n" in err


def test_a_history_of_a_newer_version_is_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "history.db"
    open_store(str(path)).close()
    with sqlite3.connect(path) as c:
        c.execute("UPDATE alembic_version SET version_num = '9999'")
    code, _, err = run(capsys, "--store", str(path))
    assert (code, err.count("\n")) == (78, 1)
    assert "newer version" in err


def test_a_file_that_is_no_history_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(b"\xff\xd8" * 4000)
    code, _, err = run(capsys, "--store", str(path))
    assert code in (69, 78)
    assert err.count("\n") == 1
    assert str(path) in err


def test_a_server_that_is_away_is_69(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--store", "postgresql://me:secret@127.0.0.1:1/none")
    assert code == 69
    assert err.count("\n") == 1
    assert "secret" not in err
