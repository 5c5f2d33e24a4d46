"""The outbox: durable, bounded, in order, and never the end of the daemon."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.contract import Event
from edge.publish.frames import Row
from tests.edge.publish.conftest import Box


def test_events_come_out_in_order_numbered_from_one(box: Box) -> None:
    box.append(3)
    rows = box.outbox.lease(10)
    events = [msgspec.json.decode(r.payload, type=Event) for r in rows]
    assert [e.data.seq for e in events] == [r.seq for r in rows] == [1, 2, 3]


def test_what_is_in_flight_is_not_handed_out_twice(box: Box) -> None:
    box.append(3)
    first = box.outbox.lease(2)
    assert [r.seq for r in box.outbox.lease(10)] == [3]
    box.outbox.requeue(r.seq for r in first)
    assert [r.seq for r in box.outbox.lease(10)] == [1, 2]


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
    assert box.outbox.unreported_drops == 2
    assert "outbox_full" in box.outbox.stats().problems
    box.outbox.close()
    box.open()  # the count outlives a restart
    assert box.outbox.unreported_drops == 2
    (row,) = box.outbox.lease(1)
    box.outbox.ack(row, reported=2)
    box.outbox.flush()
    assert box.outbox.unreported_drops == 0
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
    size = sum(len(r.payload) for r in box.outbox.lease(100))
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
    flying = box.outbox.lease(2)
    box.append(3)
    box.outbox.requeue(r.seq for r in flying)
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


def test_events_of_an_earlier_boot_end_where_no_clock_is_ever_trusted(tmp_path: Path) -> None:
    box = Box(tmp_path / "outbox.db", max_age_s=7 * 86400)
    box.append(3)
    box.outbox.close()
    box.boot = "another"
    box.trusted = False  # chrony, say: nobody can tell the service
    box.open()
    box.clock.advance(7 * 86400 - 60)
    box.outbox.flush()
    assert box.waiting() == [1, 2, 3]
    assert box.outbox.stats().oldest_s == 7 * 86400 - 60
    box.clock.advance(120)
    box.outbox.flush()
    assert box.waiting() == []
    assert box.outbox.stats().lost == 3
    box.outbox.close()


def test_a_boot_with_a_clock_years_ahead_drops_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path / "outbox.db", max_age_s=7 * 86400)
    box.append(19)
    box.outbox.close()
    box.boot = "another"
    box.trusted = False  # no time service has said so yet
    box.clock.jump_wall(10 * 365 * 86400.0)
    box.open()
    box.outbox.flush()
    assert box.waiting() == list(range(1, 20))
    assert box.outbox.stats().oldest_s == 0
    box.trusted = True
    box.clock.advance(60)
    box.outbox.flush()  # it is the time: the events are ten years old
    assert box.waiting() == []
    assert box.outbox.stats().lost == 19
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
    def lease(self, count: int) -> None:
        flying = {r.seq for r in self.flying}
        rows = self.box.outbox.lease(count)
        assert [r.seq for r in rows] == [s for s in self.waiting if s not in flying][:count]
        self.flying += rows

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.flying))
        self.flying.remove(row)
        self.box.outbox.ack(row)
        self.waiting.remove(row.seq)

    @rule()
    def requeue(self) -> None:
        self.box.outbox.requeue(r.seq for r in self.flying)
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
        self.drop()  # what was in flight counts now

    @invariant()
    def counts_agree(self) -> None:
        stats = self.box.outbox.stats()
        assert (stats.depth, stats.lost) == (len(self.waiting), self.lost)

    def teardown(self) -> None:
        self.box.outbox.close()
        self.folder.cleanup()


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=15, stateful_step_count=30)
