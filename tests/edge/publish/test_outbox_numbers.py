"""`seq`: no number twice and no event uncounted, whatever becomes of the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge.publish.counters import BLOCK
from edge.publish.disk import RETRY_DISK_S
from edge.publish.store import remove
from tests.edge.publish.conftest import Box

FAR = 1_000_000_000_000  # milliseconds since 1970, in 2001: nobody has counted so far


def snapshot(box: Box, folder: Path) -> Box:
    """The outbox as `kill -9` would leave it; nothing was closed."""
    assert box.path is not None
    folder.mkdir()
    for file in box.path.parent.glob("outbox.db*"):
        shutil.copy(file, folder)
    copy = Box.__new__(Box)
    copy.__dict__.update(box.__dict__ | {"path": folder / "outbox.db"})
    return copy


def logfile(box: Box) -> Path:
    assert box.path is not None
    return box.path.with_name("outbox.db-wal")


@pytest.mark.parametrize("left", [0, 0.3, 0.7])
def test_a_log_that_was_cut_off_loses_events_but_no_number(
    box: Box, tmp_path: Path, left: float
) -> None:
    for _ in range(20):
        box.append()
    killed = snapshot(box, tmp_path / "killed")
    log = logfile(killed)
    log.write_bytes(log.read_bytes()[: int(log.stat().st_size * left)])
    killed.open()
    waiting, stats = killed.waiting(), killed.outbox.stats()
    assert len(waiting) + stats.lost == 20
    assert stats.lost > 0
    assert killed.append() == [21]
    killed.outbox.close()


def test_an_emptied_file_begins_no_number_again(box: Box) -> None:
    box.append(30)
    box.acknowledge(10)
    box.outbox.close()
    assert box.path is not None
    remove(box.path)
    box.open()
    assert box.outbox.stats().lost == 20
    assert box.outbox.unreported_drops == 20
    assert box.append() == [31]


def test_after_a_power_cut_that_took_the_database_what_was_reserved_counts_as_used(
    box: Box,
) -> None:
    box.append(30)
    killed = snapshot(box, box.path.parent / "killed")  # type: ignore[union-attr]
    assert killed.path is not None
    remove(killed.path)
    killed.boot = "another"
    killed.open()
    (seq,) = killed.append()
    assert 30 < seq <= 30 + BLOCK + 1
    assert killed.outbox.stats().lost == seq - 1  # a gap is a loss, to whoever counts
    killed.outbox.close()


def test_a_power_cut_by_itself_skips_no_number(box: Box) -> None:
    box.append(30)
    killed = snapshot(box, box.path.parent / "killed")  # type: ignore[union-attr]
    killed.boot = "another"
    killed.open()
    assert killed.append() == [31]
    assert killed.outbox.stats().lost == 0
    killed.outbox.close()


def test_a_folder_that_is_mounted_late_gives_its_events_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    box = Box(folder / "outbox.db")
    folder.mkdir()
    box.clock.advance(RETRY_DISK_S)
    box.outbox.flush()
    box.append(5)
    box.outbox.close()
    folder.rename(tmp_path / "away")
    box.open()
    early = box.append(3)
    assert early[0] > FAR
    leased = box.outbox.lease(2)  # on their way to the broker
    box.outbox.ack(leased[0])
    (tmp_path / "away").rename(folder)
    box.clock.advance(RETRY_DISK_S)
    box.outbox.flush()
    more = box.outbox.lease(10)
    assert [r.seq for r in more] == [1, 2, 3, 4, 5, early[2]]
    assert all(r.seq < box.outbox.first_seq for r in more[:5])  # so they are marked as replayed
    assert box.append()[0] == early[2] + 1
    assert box.outbox.stats().depth == 8
    box.outbox.close()
    box.open()
    assert box.waiting() == [1, 2, 3, 4, 5, *early[1:], early[2] + 1]
    box.outbox.close()


@pytest.mark.parametrize("mounted", [False, True])
def test_a_file_whose_place_is_taken_hands_its_events_on(tmp_path: Path, mounted: bool) -> None:
    other = Box(tmp_path / "other" / "outbox.db")
    (tmp_path / "other").mkdir()
    other.clock.advance(RETRY_DISK_S)
    other.outbox.flush()
    theirs = other.append(7)
    other.outbox.close()
    (tmp_path / "state").mkdir()
    box = Box(tmp_path / "state" / "outbox.db")
    ours = box.append(4)
    box.acknowledge(1)
    assert box.path is not None
    for file in box.path.parent.iterdir():
        if mounted or file.name == "outbox.db":
            file.unlink()
    if mounted:
        for file in (tmp_path / "other").iterdir():
            file.rename(box.path.parent / file.name)
    more = box.append(2)
    waiting, stats = box.waiting(), box.outbox.stats()
    expected = ([*theirs] if mounted else []) + [*ours[1:], *more]
    assert len(waiting) == len(set(waiting)) == len(expected)
    assert (stats.depth, stats.lost) == (len(expected), 0)
    box.outbox.close()
    box.open()
    assert box.waiting() == waiting
    box.outbox.close()


def test_two_runs_that_cannot_write_use_different_numbers(box: Box) -> None:
    holder = Box(box.path)  # `box` has the file
    first = holder.append(3)
    holder.outbox.close()
    holder.clock.advance(1)
    holder.open()
    assert holder.append()[0] > first[-1] > FAR
    holder.outbox.close()


def test_what_only_memory_held_is_counted_after_a_kill(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.append(3)
    monkeypatch.setattr("edge.publish.store.Store.write", _full)
    box.append(4)
    assert "disk_full" in box.outbox.stats().problems
    killed = snapshot(box, tmp_path / "killed")
    monkeypatch.undo()
    killed.open()
    assert killed.waiting() == [1, 2, 3]
    assert killed.outbox.stats().lost == 4
    assert killed.append() == [8]
    killed.outbox.close()
    assert box.waiting() == [1, 2, 3, 4, 5, 6, 7]


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")
