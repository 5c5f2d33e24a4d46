"""The outbox's file: damaged, of another program, in use, not there."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from edge.contract import Event
from edge.publish.disk import RETRY_DISK_S
from edge.publish.quarantine import quarantine
from tests.edge.publish.conftest import Box


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda p: p.write_bytes(b"not a database " * 1000), id="overwritten"),
        pytest.param(lambda p: p.write_bytes(p.read_bytes()[:-3000]), id="cut short"),
        pytest.param(lambda p: p.write_bytes(b""), id="emptied"),
        pytest.param(lambda p: p.write_bytes(_holed(p.read_bytes())), id="holes"),
        pytest.param(lambda p: _other_program(p), id="of another program"),
    ],
)
def test_a_damaged_file_is_quarantined_and_every_event_accounted_for(
    box: Box, damage, caplog: pytest.LogCaptureFixture
) -> None:
    box.append(50)
    box.acknowledge(5)
    box.outbox.close()
    assert box.path is not None
    damage(box.path)
    box.open()
    waiting, stats = box.waiting(), box.outbox.stats()
    assert len(waiting) + stats.lost == 45
    assert stats.depth == len(waiting)
    assert box.outbox.unreported_drops == stats.lost
    assert box.append() == [51]
    assert "outbox_memory" not in box.outbox.stats().problems


def test_what_is_damaged_is_quarantined_under_its_time(box: Box, caplog) -> None:
    box.append(50)
    box.outbox.close()
    assert box.path is not None
    box.path.write_bytes(_holed(box.path.read_bytes()))
    box.open()
    assert len(list(box.path.parent.glob("*.corrupt-20231114T*Z"))) == 1
    assert "quarantined" in caplog.text
    assert "outbox_corrupt" in box.outbox.stats().problems
    assert len(box.waiting()) > 30  # a page holds three events; two pages were overwritten


def _holed(data: bytes) -> bytes:
    return data[:-12288] + b"\xaa" * 8192 + data[-4096:]


def _other_program(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (x)")
    db.execute("PRAGMA user_version=1")
    db.commit()
    db.close()


def test_a_file_of_an_unknown_version_gives_its_events_all_the_same(box: Box) -> None:
    box.append(50)
    box.outbox.close()
    assert box.path is not None
    db = sqlite3.connect(box.path)
    db.execute("PRAGMA user_version=99")
    db.commit()
    db.close()
    box.open()
    assert box.waiting() == list(range(1, 51))
    assert box.outbox.stats().lost == 0
    assert box.append() == [51]


def test_damage_found_while_running_loses_only_what_cannot_be_read(box: Box) -> None:
    box.append(1000)  # more than the pages in memory
    box.outbox.close()
    box.open()
    assert box.path is not None
    leased = [row.seq for row in box.outbox.lease(10)]
    with box.path.open("r+b") as f:  # behind the back of the process that has it open
        f.seek(0, 2)
        f.seek(f.tell() - 20 * 4096)
        f.write(b"\xaa" * (20 * 4096))
    seqs = box.append(100)
    assert seqs == list(range(1001, 1101))
    box.outbox.requeue(leased)
    waiting, stats = box.waiting(), box.outbox.stats()
    assert waiting[:10] == leased
    assert waiting[-100:] == seqs
    assert (stats.lost + len(waiting), stats.depth) == (1100, len(waiting))
    assert 0 < stats.lost <= 80
    assert stats.problems == ("outbox_corrupt",)
    assert len(list(box.path.parent.glob("*.corrupt-*Z"))) == 1


def test_only_the_newest_quarantined_files_stay(box: Box) -> None:
    assert box.path is not None
    for _ in range(6):
        box.outbox.close()
        box.path.write_bytes(b"x" * 5000)
        box.clock.advance(1)
        box.open()
    assert len(list(box.path.parent.glob("*.corrupt-*Z"))) == 3


def test_the_file_put_aside_stays_where_the_clock_went_back(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    moved = []
    for n in range(5):
        path.write_bytes(bytes([n]))
        os.utime(path, (1e9 - n, 1e9 - n))
        moved.append(quarantine(path, 1e9 - n))
        assert moved[-1].read_bytes() == bytes([n])
    # Of the others, those that are the newest by their time.
    assert set(tmp_path.iterdir()) == {moved[0], moved[1], moved[4]}


def test_a_second_process_keeps_its_events_in_memory(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    box.append(2)
    second = Box(box.path)
    second.append(3)
    assert len(second.waiting()) == 3
    assert second.outbox.stats().problems == ("outbox_memory",)
    assert "in use by another process" in caplog.text
    assert box.waiting() == [1, 2]
    box.outbox.close()
    second.clock.advance(RETRY_DISK_S + 1)
    second.append()
    waiting = second.waiting()
    assert waiting[:2] == [1, 2]
    # Nobody knew what the first would count up to: the second began far beyond.
    assert waiting[2] > 1_000_000_000_000
    assert waiting[2:] == list(range(waiting[2], waiting[2] + 4))
    events = [msgspec.json.decode(r.payload, type=Event) for r in second.outbox.lease(10)]
    assert [e.data.seq for e in events] == waiting
    assert second.outbox.stats().problems == ()
    second.outbox.close()


def test_a_folder_that_is_not_there_means_memory_until_it_is(tmp_path: Path) -> None:
    box = Box(tmp_path / "later" / "outbox.db")
    box.append(2)
    assert box.outbox.stats().problems == ("outbox_memory",)
    (tmp_path / "later").mkdir()
    box.append()
    assert not list((tmp_path / "later").iterdir())  # not tried again at every event
    box.clock.advance(RETRY_DISK_S + 1)
    box.outbox.flush()
    assert box.outbox.stats().problems == ()
    box.outbox.close()
    box.open()
    waiting = box.waiting()
    assert waiting == list(range(waiting[0], waiting[0] + 3))
    box.outbox.close()


def test_nobody_else_may_read_the_file(box: Box) -> None:
    box.append(10)
    assert box.path is not None
    modes = {p.name: p.stat().st_mode & 0o777 for p in box.path.parent.glob("outbox.db*")}
    assert len(modes) == 3  # its log, and its counters
    assert set(modes.values()) == {0o600}


def test_after_a_rescue_the_file_is_still_ours_alone(box: Box) -> None:
    box.append(20)
    box.outbox.close()
    assert box.path is not None
    damage_of_a_row(box.path)
    box.open()
    assert box.outbox.stats().lost == 1
    taken = subprocess.run(
        [sys.executable, "-c", OPEN_IT, str(box.path)], capture_output=True, text=True
    )
    assert "database is locked" in taken.stderr


OPEN_IT = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0.1).execute('BEGIN IMMEDIATE')"


def damage_of_a_row(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.rindex(b"emotion_changed")] ^= 1
    path.write_bytes(data)


def test_a_file_that_only_looks_damaged_is_left_to_the_process_that_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outbox.db"
    first = Box(path)
    first.append(3)
    first.outbox.close()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_IT, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with path.open("r+b") as f:
        f.write(b"\xaa" * 100)  # as if it were being written
    box = Box(path)
    assert box.append()
    assert "in use by another process" in caplog.text
    assert not list(tmp_path.glob("*.corrupt-*"))
    box.outbox.close()
    holder.kill()
    holder.wait()
    holder.stdout.close()


HOLD_IT = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA locking_mode=EXCLUSIVE")
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(600)
"""
