"""Random damage to the outbox's files: whatever it is, every event is accounted for and more come.

A real outbox is made once, in two states: closed, and as `kill -9` leaves it. Each trial spoils a
copy, opens it, and holds that each event that was handed in was delivered, unaltered, or is counted
as lost, and that new events still go through.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.publish.outbox import Outbox
from tests.edge.publish.conftest import Box

Files = dict[str, bytes]


def flip_bits(files: Files, name: str, rng: random.Random) -> None:
    data = bytearray(files[name])
    for _ in range(rng.choice((1, 1, 1, 2, 20))):
        at = rng.randrange(len(data) * 8)
        data[at // 8] ^= 1 << at % 8
    files[name] = bytes(data)


def truncate(files: Files, name: str, rng: random.Random) -> None:
    data = files[name]
    files[name] = data[
        : rng.choice((0, rng.randrange(len(data)), rng.randrange(len(data)) & ~4095))
    ]


def spoil_page(files: Files, name: str, rng: random.Random) -> None:
    data = files[name]
    at = rng.randrange(0, len(data), 4096)
    length = min(4096, len(data) - at)
    with_what = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length), data[:length]))
    files[name] = data[:at] + with_what + data[at + length :]


def delete(files: Files, name: str, rng: random.Random) -> None:
    del files[name]


HARMS: tuple[Callable[[Files, str, random.Random], None], ...] = (
    flip_bits,
    flip_bits,
    flip_bits,
    truncate,
    spoil_page,
    delete,
)


class Made:
    """An outbox's files, and what they should hold."""

    def __init__(self, box: Box, folder: Path) -> None:
        assert box.path is not None
        self.box = box
        self.files = {f.name: f.read_bytes() for f in folder.iterdir()}
        rows = box.outbox.lease(1_000_000)
        self.payloads = {row.seq: row.payload for row in rows}
        box.outbox.requeue(self.payloads)
        self.lost = box.outbox.stats().lost
        self.last = box.outbox.last_seq


def made(folder: Path, *, closed: bool) -> Made:
    """40 events, some acknowledged, some dropped; the rest wait, in the log and in the file."""
    folder.mkdir()
    box = Box(folder / "outbox.db", max_events=25)
    box.append(30)
    box.acknowledge(6)
    box.outbox.flush()
    if closed:
        box.outbox.close()
        box.open()
        box.outbox.close()
        box.open()
    for _ in range(5):
        box.append(2)
    if closed:
        box.outbox.close()
        found = {f.name: f.read_bytes() for f in folder.iterdir()}
        box.open()
        state = Made(box, folder)
        state.files = found
        return state
    box.acknowledge(3)
    box.outbox.flush()
    return Made(box, folder)


def trial(state: Made, folder: Path, seed: int) -> None:
    """Spoil one file of a copy, and hold what must hold."""
    rng = random.Random(seed)
    folder.mkdir()
    files = dict(state.files)
    name = rng.choice([*sorted(files), "outbox.db"])
    harm = rng.choice(HARMS)
    harm(files, name, rng)
    what = f"seed {seed}: {harm.__name__} {name}"
    for file, data in files.items():
        (folder / file).write_bytes(data)
    box = Box.__new__(Box)
    box.__dict__.update(state.box.__dict__ | {"path": folder / "outbox.db"})
    box.open()
    new = box.append(3)
    assert "outbox_memory" not in box.outbox.stats().problems, what
    assert min(new) > state.last, f"{what}: numbers used twice"
    delivered = drained(box.outbox, what)
    assert set(new) <= delivered.keys(), f"{what}: what is new is not published"
    for seq in delivered.keys() - set(new):
        assert state.payloads.get(seq) == delivered[seq], f"{what}: event {seq} is altered"
    stats = box.outbox.stats()
    lost = stats.lost - state.lost
    assert stats.depth == 0, what
    assert len(delivered) - len(new) + lost == len(state.payloads), f"{what}: {lost} counted"
    box.outbox.close()
    box.open()
    assert box.outbox.stats() == stats or box.outbox.stats().depth == 0, what
    assert box.outbox.stats().lost == stats.lost, what
    box.outbox.close()
    shutil.rmtree(folder)


def drained(outbox: Outbox, what: str) -> dict[int, bytes]:
    """Lease and acknowledge all there is."""
    delivered: dict[int, bytes] = {}
    while rows := outbox.lease(10):
        for row in rows:
            assert row.seq not in delivered, f"{what}: event {row.seq} comes twice"
            delivered[row.seq] = row.payload
            outbox.ack(row)
    outbox.flush()
    return delivered


@pytest.fixture(scope="module")
def memory_disk() -> Iterator[Path]:
    """A folder whose syncs cost nothing, where there is one."""
    disk = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=disk if os.access(disk, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def states(memory_disk: Path) -> Iterator[tuple[Made, Made]]:
    both = (
        made(memory_disk / "closed", closed=True),
        made(memory_disk / "killed", closed=False),
    )
    yield both
    for state in both:
        state.box.outbox.close()


def test_random_damage_leaves_no_event_uncounted(
    states: tuple[Made, Made], memory_disk: Path
) -> None:
    for seed in range(50):
        trial(states[seed % 2], memory_disk / str(seed), seed)


@pytest.mark.slow
@pytest.mark.faults
def test_hundreds_of_random_damages_leave_no_event_uncounted(
    states: tuple[Made, Made], memory_disk: Path
) -> None:
    for seed in range(1000, 1700):
        trial(states[seed % 2], memory_disk / str(seed), seed)
