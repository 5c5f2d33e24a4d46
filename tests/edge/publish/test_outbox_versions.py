"""An outbox that emotion-edge 0.1 wrote: its events are sent, its counts go on.

`old/outbox-1.db.gz` was made by that code: 25 events into room for 20, four of them acknowledged.
"""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import msgspec
import pytest

from edge.contract import Event
from tests.edge.publish.conftest import Box

OLD = Path(__file__).with_name("old") / "outbox-1.db.gz"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "outbox.db"
    path.write_bytes(gzip.decompress(OLD.read_bytes()))
    return path


def test_its_events_wait_and_its_counts_go_on(old: Path) -> None:
    box = Box(old)
    assert (box.outbox.stats().depth, box.outbox.stats().lost) == (16, 5)
    assert box.outbox.unreported_drops == 5
    assert box.outbox.stats().problems == ()
    assert box.append() == [26]
    rows = box.outbox.lease(100)
    assert [r.seq for r in rows] == list(range(10, 27))
    events = [msgspec.json.decode(r.payload, type=Event) for r in rows]
    assert [e.data.seq for e in events] == list(range(10, 27))
    assert len({e.id for e in events}) == 17
    box.outbox.close()
    assert sorted(p.name for p in old.parent.iterdir()) == ["outbox.db", "outbox.db-counters"]
    again = Box(old)
    assert again.waiting() == list(range(10, 27))
    again.outbox.close()


def test_damage_in_it_is_survived_and_counted(old: Path) -> None:
    db = sqlite3.connect(old)
    db.execute("UPDATE event SET payload = 'not an event' WHERE seq = 12")
    db.commit()
    db.close()
    with old.open("r+b") as f:
        f.seek(-2 * 4096, 2)
        f.write(b"\xaa" * 4096)
    box = Box(old)
    waiting, stats = box.waiting(), box.outbox.stats()
    assert 12 not in waiting
    assert 10 <= len(waiting) < 15
    assert len(waiting) + stats.lost == 16 + 5
    assert stats.depth == len(waiting)
    assert box.append() == [26]
    box.outbox.close()


@pytest.mark.parametrize("boot", [b"b" * 256, b"b" * 70_000])
def test_a_boot_that_is_none_in_it_is_damage(old: Path, boot: bytes) -> None:
    db = sqlite3.connect(old)
    db.execute("UPDATE event SET boot = ? WHERE seq = 12", (boot,))
    db.commit()
    db.close()
    box = Box(old)
    assert box.waiting() == [10, 11, *range(13, 26)]
    assert box.outbox.stats().lost == 5 + 1
    box.outbox.close()


@pytest.mark.parametrize("seq", [-1, 0, 2**53, 2**63 - 1])
def test_a_number_that_is_none_in_it_is_damage(old: Path, seq: int) -> None:
    db = sqlite3.connect(old)
    payload = db.execute("SELECT payload FROM event WHERE seq = 12").fetchone()[0]
    event = msgspec.json.decode(payload)
    event["data"]["seq"] = seq
    row = (seq, msgspec.json.encode(event))
    db.execute("UPDATE event SET seq = ?, payload = ? WHERE seq = 12", row)
    db.commit()
    db.close()
    box = Box(old)
    assert box.append() == [26]
    assert box.waiting() == [10, 11, *range(13, 27)]
    assert box.outbox.stats().lost == 5 + 1
    box.outbox.close()


def test_a_conversion_that_is_cut_short_is_made_again(old: Path) -> None:
    unfinished = old.with_name("outbox.db.new")
    unfinished.write_bytes(old.read_bytes()[:5000])
    box = Box(old)
    assert box.waiting() == list(range(10, 26))
    assert not unfinished.exists()
    box.outbox.close()
