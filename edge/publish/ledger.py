"""The outbox's books: what waits where, and the counts that must add up.

Every event that was handed in was delivered, or waits, or is counted as lost. `reconcile` holds the
books against what a file really holds and settles the difference.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field, replace

import msgspec

from edge.contract import decode_event, encode
from edge.publish import repair
from edge.publish.counters import Counters
from edge.publish.disk import Opened
from edge.publish.frames import FrameError, Row


class CollisionError(OSError):
    """Numbers in flight are in the file, too, for other events; soon they will have landed."""


@dataclass(slots=True)
class Ledger:
    """What waits. Used under the outbox's lock."""

    counters: Counters = field(default_factory=Counters)
    rows: int = 0  # in the file
    bytes: int = 0  # of their payloads
    gone: dict[int, int] = field(default_factory=dict)  # in the file, to be removed: seq -> bytes
    unsaved: dict[int, Row] = field(default_factory=dict)  # by seq: what the file does not hold
    in_flight: dict[int, Row] = field(default_factory=dict)  # by seq: leased, no answer yet

    @property
    def depth(self) -> int:
        """How many events wait."""
        return self.rows - len(self.gone) + len(self.unsaved)

    @property
    def unsaved_bytes(self) -> int:
        """Payload that only memory holds."""
        return sum(len(row.payload) for row in self.unsaved.values())

    def lose(self, count: int) -> None:
        """Count events as lost."""
        self.counters.lost += count
        self.counters.unreported += count

    def remove(self, seq: int, size: int) -> None:
        """Let an event go that was delivered."""
        if self.unsaved.pop(seq, None) is None:
            self.gone[seq] = size

    def snapshot(self, **changed: int) -> Counters:
        """Return the counters as they are kept, with what is in the file and in memory."""
        values = {"rows": self.rows, "volatile": len(self.unsaved), **changed}
        return replace(self.counters, **values)

    def saved(self, kept: Counters, dropped: dict[int, int]) -> None:
        """Take note of a transaction: `unsaved` went into the file, `gone` and `dropped` out."""
        self.bytes += self.unsaved_bytes - sum(self.gone.values()) - sum(dropped.values())
        self.rows = kept.rows
        self.counters = kept
        self.unsaved.clear()
        self.gone.clear()


def reconcile(books: Ledger, opened: Opened, theirs: Counters | None, *, first: bool) -> None:
    """Bring the books and the file that was opened together.

    Args:
        books: what we know.
        opened: what the file holds.
        theirs: counters that the file brought along; None: none that are whole.
        first: this file was not open before in this process.

    Raises:
        CollisionError: see there; nothing was changed.
        sqlite3.Error, OSError: the file cannot be read.
    """
    sizes, c = opened.found.sizes, books.counters
    if first:
        unknown = Counters(seq=max(sizes, default=0), rows=len(sizes) + len(opened.found.bad))
        file = theirs or unknown
        _make_room(books, file.seq)
        expected = file.rows
    else:
        file = c
        expected = books.rows - len(books.gone)
    gone = {s: n for s, n in sizes.items() if s <= file.low or s in books.gone}
    for seq in [s for s in books.unsaved if s in sizes and s not in gone]:
        with contextlib.suppress(FrameError):
            if opened.store.get(seq).payload == books.unsaved[seq].payload:
                del books.unsaved[seq]  # the transaction that failed came about all the same
                expected += 1
    waiting = len(sizes) - len(gone)
    rescued: dict[int, Row] = {}
    if waiting < expected:
        known = replace(file, seq=max(file.seq, c.seq) if first else c.seq)
        present = sizes.keys() | books.gone.keys() | books.unsaved.keys()
        found = itertools.chain(opened.store.carve(), opened.log_rows.values())
        rescued = {row.seq: row for row in repair.wanted(found, known, present)}
    for seq, row in books.in_flight.items():  # these we still hold
        if seq not in sizes and seq not in books.unsaved:
            rescued[seq] = row
    if first:
        books.counters = _merged(c, file)
        books.lose(file.volatile)
    books.lose(max(expected - waiting - len(rescued), 0))
    books.unsaved = dict(sorted((books.unsaved | rescued).items()))
    books.rows = len(sizes) + len(opened.found.bad)
    books.bytes = sum(sizes.values())
    books.gone = gone | dict.fromkeys(opened.found.bad, 0)


def _merged(ours: Counters, theirs: Counters) -> Counters:
    return replace(
        theirs,
        commit=max(ours.commit, theirs.commit),
        seq=max(ours.seq, theirs.seq),
        lost=ours.lost + theirs.lost,
        unreported=ours.unreported + theirs.unreported,
        reserved=max(ours.reserved, theirs.reserved),
        boot=ours.boot,
    )


def _make_room(books: Ledger, taken: int) -> None:
    """Number what waits in memory behind the events of a file, where the numbers collide."""
    if not books.unsaved or next(iter(books.unsaved)) > taken:
        return
    if books.in_flight:
        raise CollisionError("its numbers are in flight")
    seq = max(taken, books.counters.seq)
    renumbered: dict[int, Row] = {}
    for row in books.unsaved.values():
        seq += 1
        event = decode_event(row.payload)
        data = msgspec.structs.replace(event.data, seq=seq)
        payload = encode(msgspec.structs.replace(event, data=data))
        renumbered[seq] = replace(row, seq=seq, payload=payload)
    books.unsaved = renumbered
    books.counters.seq = seq
