"""The outbox's file: damaged, of another program, in use, not there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from edge.contract import Event
from edge.publish import store
from edge.publish.outbox import RETRY_DISK_S
from tests.edge.publish.conftest import Box


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda p: p.write_bytes(b"not a database " * 1000), id="overwritten"),
        pytest.param(lambda p: p.write_bytes(p.read_bytes()[:-3000]), id="cut short"),
        pytest.param(lambda p: p.write_bytes(_holed(p.read_bytes())), id="holes"),
        pytest.param(lambda p: _other_program(p), id="of another program"),
        pytest.param(lambda p: _version(p, 99), id="of a newer version"),
    ],
)
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    box: Box, damage, caplog: pytest.LogCaptureFixture
) -> None:
    box.append(50)
    box.outbox.close()
    assert box.path is not None
    damage(box.path)
    box.open()
    aside = list(box.path.parent.glob("*.corrupt-20231114T*Z"))
    assert len(aside) == 1
    assert "set aside" in caplog.text
    assert "outbox_corrupt" in box.outbox.stats().problems
    seq = box.append()
    assert box.waiting() == seq
    assert "outbox_memory" not in box.outbox.stats().problems


def _holed(data: bytes) -> bytes:
    return data[:4096] + b"\xaa" * 8192 + data[12288:]


def _other_program(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (x)")
    db.execute("PRAGMA user_version=1")
    db.commit()
    db.close()


def _version(path: Path, version: int) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={version}")
    db.commit()
    db.close()


def test_seq_goes_on_where_the_damaged_file_still_tells_it(box: Box) -> None:
    box.append(50)
    box.outbox.close()
    assert box.path is not None
    _version(box.path, 99)
    box.open()
    assert box.append() == [51]


def test_damage_found_while_running_loses_what_was_there_and_goes_on(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.append(200)
    box.outbox.close()
    assert box.path is not None
    data = bytearray(box.path.read_bytes())
    data[-20 * 4096 :] = b"\xaa" * (20 * 4096)
    box.path.write_bytes(data)
    monkeypatch.setattr(store, "CHECK_BYTES", 0)  # as if it were too large to be read at start
    box.open()
    assert box.outbox.stats().problems == ()
    seqs = box.append(100)
    assert box.waiting() == seqs == list(range(201, 301))
    stats = box.outbox.stats()
    assert (stats.lost, stats.depth) == (200, 100)
    assert stats.problems == ("outbox_corrupt",)
    assert len(list(box.path.parent.glob("*.corrupt-*Z"))) == 1


def test_only_the_newest_set_aside_files_stay(box: Box) -> None:
    assert box.path is not None
    for _ in range(6):
        box.outbox.close()
        box.path.write_bytes(b"x" * 5000)
        box.clock.advance(1)
        box.open()
    assert len(list(box.path.parent.glob("*.corrupt-*Z"))) == 3


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
    assert second.waiting() == [1, 2, 3, 4, 5, 6]  # behind what the first had kept
    events = [msgspec.json.decode(r.payload, type=Event) for r in second.outbox.take(0, 10)]
    assert [e.data.seq for e in events] == [1, 2, 3, 4, 5, 6]
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
    assert box.waiting() == [1, 2, 3]
    box.outbox.close()


def test_nobody_else_may_read_the_file(box: Box) -> None:
    box.append(10)
    assert box.path is not None
    modes = {p.name: p.stat().st_mode & 0o777 for p in box.path.parent.glob("outbox.db*")}
    assert len(modes) == 2
    assert set(modes.values()) == {0o600}
