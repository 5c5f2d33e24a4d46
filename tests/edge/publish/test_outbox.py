"""The outbox: durable, bounded, in order, and never the end of the daemon."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.config import Outbox as Limits
from edge.contract import Event
from edge.publish import store
from edge.publish.outbox import RETRY_DISK_S, Outbox
from edge.publish.stamp import Stamper
from edge.publish.store import Row
from tests.edge.publish.rig import WHO, change
from tests.fakes import FakeClock


class Box:
    """An outbox, its clock and its file, which can be opened again."""

    def __init__(self, path: Path | None, **limits: float) -> None:
        self.clock = FakeClock()
        self.path = path
        self.limits = Limits(**limits)
        self.boot = WHO.boot_id
        self.synced = True
        self._stamper = Stamper(WHO, self.clock, random.Random(1), lambda: self.synced)
        self.open()

    def open(self) -> None:
        self.outbox = Outbox(self.path, self.limits, self.boot, self.clock)

    def append(self, count: int = 1) -> list[int]:
        now = self.clock.now()
        events = [(self._stamper.event(change(now)), now) for _ in range(count)]
        return [row.seq for row in self.outbox.append(events)]

    def waiting(self) -> list[int]:
        """`seq` of all that waits, in order; nothing stays in flight."""
        rows = self.outbox.take(0, 1_000_000)
        self.outbox.landed(r.seq for r in rows)
        return [r.seq for r in rows]

    def acknowledge(self, count: int) -> list[int]:
        rows = self.outbox.take(0, count)
        for row in rows:
            self.outbox.done(row)
        return [r.seq for r in rows]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    b = Box(tmp_path / "outbox.db")
    yield b
    b.outbox.close()


def test_events_come_out_in_order_numbered_from_one(box: Box) -> None:
    box.append(3)
    rows = box.outbox.take(0, 10)
    events = [msgspec.json.decode(r.payload, type=Event) for r in rows]
    assert [e.data.seq for e in events] == [r.seq for r in rows] == [1, 2, 3]


def test_what_is_in_flight_is_not_handed_out_twice(box: Box) -> None:
    box.append(3)
    first = box.outbox.take(0, 2)
    assert [r.seq for r in box.outbox.take(0, 10)] == [3]
    box.outbox.landed(r.seq for r in first)
    assert [r.seq for r in box.outbox.take(0, 10)] == [1, 2]


def test_acknowledged_events_are_gone_and_seq_goes_on_after_a_restart(box: Box) -> None:
    box.append(5)
    box.acknowledge(2)
    box.outbox.close()
    box.open()
    assert box.waiting() == [3, 4, 5]
    assert box.append() == [6]
    box.acknowledge(10)
    box.outbox.close()
    box.open()
    assert box.waiting() == []
    assert box.append() == [7]
    assert box.outbox.first_seq == 7


def test_without_a_close_nothing_kept_is_lost(box: Box, tmp_path: Path) -> None:
    box.append(5)
    box.acknowledge(2)  # not flushed: may come again, must not be lost
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob("outbox.db*"):
        shutil.copy(file, copy)
    other = Box(copy / "outbox.db")
    assert other.waiting() == [1, 2, 3, 4, 5]
    other.outbox.close()


def test_full_by_count_drops_the_oldest_and_tells(tmp_path: Path) -> None:
    box = Box(tmp_path / "outbox.db", max_events=3)
    box.append(2)
    box.append(3)
    assert box.waiting() == [3, 4, 5]
    assert box.outbox.stats().lost == 2
    assert box.outbox.lost_untold == 2
    assert "outbox_full" in box.outbox.stats().problems
    box.outbox.close()
    box.open()  # the count outlives a restart
    assert box.outbox.lost_untold == 2
    (row,) = box.outbox.take(0, 1)
    box.outbox.done(row, told=2)
    box.outbox.flush()
    assert box.outbox.lost_untold == 0
    assert box.outbox.stats().lost == 2
    assert "outbox_full" not in box.outbox.stats().problems
    box.outbox.close()


def test_more_at_once_than_fit_keeps_the_newest(tmp_path: Path) -> None:
    box = Box(tmp_path / "outbox.db", max_events=3)
    box.append(10)
    assert box.waiting() == [8, 9, 10]
    assert box.outbox.stats().lost == 7
    box.outbox.close()


def test_full_by_bytes_drops_the_oldest(tmp_path: Path) -> None:
    box = Box(tmp_path / "outbox.db", max_mb=0.004)
    for _ in range(20):
        box.append()
    waiting = box.waiting()
    size = sum(len(r.payload) for r in box.outbox.take(0, 100))
    assert waiting == list(range(21 - len(waiting), 21))
    assert 3000 < size <= 4000
    assert box.outbox.stats().lost == 20 - len(waiting)
    box.outbox.close()


def test_old_events_go_even_when_nothing_new_comes(tmp_path: Path) -> None:
    box = Box(tmp_path / "outbox.db", max_age_s=60)
    box.append(2)
    box.clock.advance(40)
    box.append()
    assert box.outbox.stats().oldest_s == 40
    box.clock.advance(30)
    box.outbox.flush()
    assert box.waiting() == [3]
    assert box.outbox.stats().lost == 2
    box.outbox.close()


def test_a_jump_of_the_wall_clock_ages_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path / "outbox.db", max_age_s=60)
    box.append()
    box.clock.jump_wall(10 * 365 * 86400.0)
    box.outbox.flush()
    assert box.waiting() == [1]
    assert box.outbox.stats().oldest_s == 0
    box.outbox.close()


def test_events_in_flight_are_never_dropped(tmp_path: Path) -> None:
    box = Box(tmp_path / "outbox.db", max_events=3)
    box.append(3)
    flying = box.outbox.take(0, 2)
    box.append(3)
    box.outbox.landed(r.seq for r in flying)
    assert box.waiting()[:2] == [1, 2]
    assert box.outbox.stats().lost + len(box.waiting()) == 6
    box.outbox.close()


def test_in_memory_there_are_bounds_too() -> None:
    box = Box(None, max_events=3)
    box.append(2)
    box.append(3)
    assert box.waiting() == [3, 4, 5]
    assert box.outbox.stats().lost == 2
    assert box.outbox.stats().problems == ("outbox_full",)  # chosen: being in memory is no problem
    assert box.acknowledge(3) == [3, 4, 5]
    assert box.outbox.stats().depth == 0


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


def test_rows_of_another_boot_age_by_the_wall_clock(box: Box) -> None:
    box.append()
    box.outbox.close()
    box.boot = "another"
    box.clock.advance(100)
    box.open()
    assert box.outbox.stats().oldest_s == 100


def test_events_of_a_boot_without_a_clock_are_not_too_old_after_the_next(tmp_path: Path) -> None:
    box = Box(tmp_path / "outbox.db", max_age_s=7 * 86400)
    box.synced = False  # no real-time clock: it believes to be in the past
    box.append()
    box.outbox.close()
    box.boot = "another"
    box.clock.jump_wall(3 * 365 * 86400.0)  # and now it knows better
    box.open()
    box.outbox.flush()
    assert box.waiting() == [1]
    assert box.outbox.stats().oldest_s == 0
    box.outbox.close()


class OutboxMachine(RuleBasedStateMachine):
    """Any order of calls, restarts included: exactly what is not acknowledged waits, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.box = Box(Path(self.folder.name) / "outbox.db", max_events=20)
        self.waiting: list[int] = []
        self.flying: list[Row] = []
        self.lost = 0
        self.last = 0

    @rule(count=st.integers(1, 6))
    def append(self, count: int) -> None:
        seqs = self.box.append(count)
        assert seqs == list(range(self.last + 1, self.last + 1 + count))
        self.last = seqs[-1]
        self.waiting += seqs
        self.drop()

    def drop(self) -> None:
        flying = {r.seq for r in self.flying}
        free = [s for s in self.waiting if s not in flying]
        for seq in free[: max(len(free) - 20, 0)]:
            self.waiting.remove(seq)
            self.lost += 1

    @rule(count=st.integers(1, 8))
    def take(self, count: int) -> None:
        flying = {r.seq for r in self.flying}
        rows = self.box.outbox.take(0, count)
        assert [r.seq for r in rows] == [s for s in self.waiting if s not in flying][:count]
        self.flying += rows

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.flying))
        self.flying.remove(row)
        self.box.outbox.done(row)
        self.waiting.remove(row.seq)

    @rule()
    def landed(self) -> None:
        self.box.outbox.landed(r.seq for r in self.flying)
        self.flying.clear()

    @rule()
    def flush(self) -> None:
        self.box.outbox.flush()
        self.drop()

    @rule()
    def restart(self) -> None:
        self.drop()
        self.box.outbox.close()
        self.box.open()
        self.flying.clear()

    @invariant()
    def counts_agree(self) -> None:
        stats = self.box.outbox.stats()
        assert (stats.depth, stats.lost) == (len(self.waiting), self.lost)

    def teardown(self) -> None:
        self.box.outbox.close()
        self.folder.cleanup()


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
