"""A new file in the place of one that is damaged, or of an earlier version.

The new one is made beside the old one and takes its place when it is complete. Whatever fails on
the way leaves the old one where it was, to be tried again.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from edge.contract import decode_event
from edge.publish import frames
from edge.publish.counters import CounterFile, Counters
from edge.publish.frames import Row
from edge.publish.quarantine import quarantine
from edge.publish.store import Store, companions, is_damage, remove

log = logging.getLogger(__name__)

# Where SQLite locks, https://www.sqlite.org/fileformat2.html#the_lock_byte_page
LOCK_AT, LOCK_BYTES = 0x40000000, 512
BATCH = 256  # rows a transaction
SEQ_MOST = 2**53  # what JSON numbers hold in every language; more is damage
BOOT_MOST = 255  # bytes of a boot's id, which has 36; more is damage


def salvage(
    path: Path, known: Counters | None, gone: Collection[int], log_rows: Iterable[Row], wall: float
) -> None:
    """Make a new file of every event that can still be read; quarantine the damaged one.

    Args:
        path: of the database.
        known: its newest counters; events that had left by then are not brought back.
        gone: `seq` of events that have left since.
        log_rows: rows that were in its log.
        wall: seconds since 1970, for the name of the quarantined file.

    Raises:
        sqlite3.Error, OSError: it did not come about; the damaged file is where it was.
    """
    _refuse_if_in_use(path)
    old = OldFile(path)
    if old.is_one():
        _fill(rebuilt(path), old.rows(salvaging=True), old.counters)
    else:
        found = itertools.chain(frames.carve_path(path), log_rows)
        _fill(rebuilt(path), wanted(found, known, gone), lambda: known or Counters())
    moved = quarantine(path, wall)
    rebuilt(path).rename(path)
    log.warning("outbox: %s is damaged; quarantined as %s", path, moved.name)


def wanted(rows: Iterable[Row], known: Counters | None, gone: Collection[int]) -> Iterator[Row]:
    """Yield those rows found in a damaged file that had not left it."""
    low, high = (known.low, known.seq) if known else (0, SEQ_MOST)
    return (row for row in rows if low < row.seq <= high and row.seq not in gone)


def migrate(path: Path) -> None:
    """Make a new file of one that emotion-edge 0.1 wrote.

    Raises:
        sqlite3.Error, OSError: it did not come about; the old file is where it was.
    """
    old = OldFile(path)
    _fill(rebuilt(path), old.rows(), old.counters)
    remove(path)
    rebuilt(path).rename(path)
    log.info("outbox: %s is in the new format now", path)


def rebuilt(path: Path) -> Path:
    """Return where the new file is made."""
    return path.with_name(path.name + ".new")


def _fill(new: Path, rows: Iterable[Row], counters: Callable[[], Counters]) -> None:
    """Write a complete file; `counters` is asked when all rows were read."""
    remove(new)
    store = Store(new)
    try:
        waiting, highest = iter(rows), 0
        while batch := list(itertools.islice(waiting, BATCH)):
            highest = max(highest, *(row.seq for row in batch))
            store.write(batch, (), Counters(seq=highest))
        known = counters()
        store.write((), (), replace(known, seq=max(known.seq, highest)))
    finally:
        store.close()
    if any(companion.exists() for companion in companions(new)):
        raise OSError("the log of the new file could not be emptied")


def _refuse_if_in_use(path: Path) -> None:
    """Raise OSError where another process has the database open: it may only look damaged."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as f:
        try:
            fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, LOCK_BYTES, LOCK_AT)
        except BlockingIOError:
            raise OSError("is damaged, and in use by another process") from None


class OldFile:
    """A file of version 1: no checksums, and the counters in a table of names and numbers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: set[Any] = set()  # of all rows that were seen
        self._highest = 0
        self._stored: dict[bytes, Any] = {}

    def is_one(self) -> bool:
        """Return whether the tables are those of version 1."""
        columns: list[bytes] = []
        with self._opened() as db, _until_damage():
            columns += [name for _, name, *_ in db.execute("PRAGMA table_info(event)")]
        return columns == [b"seq", b"payload", b"t", b"boot", b"wall"]

    def rows(self, *, salvaging: bool = False) -> Iterator[Row]:
        """Yield the whole events; where salvaging, around damaged pages, from both sides.

        Raises:
            sqlite3.Error: it cannot be read, or is damaged and that was not expected.
        """
        with self._opened() as db:
            for order in ("ASC", "DESC") if salvaging else ("ASC",):
                with _until_damage() if salvaging else contextlib.nullcontext():
                    for values in db.execute(
                        f"SELECT seq, payload, t, boot, wall FROM event ORDER BY seq {order}"
                    ):
                        new = values[0] not in self._keys
                        self._keys.add(values[0])
                        row = _old_row(*values) if new else None
                        if row is not None:
                            self._highest = max(self._highest, row.seq)
                            yield row
            with _until_damage():
                self._stored = dict(db.execute("SELECT name, value FROM counter"))

    def counters(self) -> Counters:
        """Return the counters, once all rows were read; `rows` counts those that are lost, too."""
        seq = max(self._counter(b"seq", SEQ_MOST - 1), self._highest)
        size = self._path.stat().st_size  # no event is shorter than a hundred bytes
        return Counters(
            commit=1,
            seq=seq,
            rows=max(len(self._keys), self._counter(b"rows", min(seq, size // 100))),
            lost=self._counter(b"lost", seq),
            unreported=self._counter(b"lost_untold", seq),
            reserved=seq,
        )

    def _counter(self, name: bytes, most: int) -> int:
        value = self._stored.get(name)
        return value if isinstance(value, int) and 0 <= value <= most else 0

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=0.5, isolation_level=None)
        try:
            db.text_factory = bytes
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
            yield db
        finally:
            db.close()


@contextlib.contextmanager
def _until_damage() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as e:
        if not is_damage(e):
            raise


def _old_row(seq: object, payload: object, t: object, boot: object, wall: object) -> Row | None:
    if not (isinstance(seq, int) and isinstance(payload, bytes) and isinstance(boot, bytes)):
        return None
    try:
        event = decode_event(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if event.data.seq != seq or not 0 < seq < SEQ_MOST or len(boot) > BOOT_MOST:
        return None
    if not isinstance(t, float) or not isinstance(wall, float):
        return None
    return Row(seq, payload, t, boot.decode(errors="replace"), wall)


def newest(stored: Counters | None, file: CounterFile, boot: int) -> Counters | None:
    """Return what the records say; None: there is none that is whole.

    Where the newest was written in an earlier boot and not synced, later ones may have been lost
    with the power: then every number that was reserved counts as used.

    Args:
        stored: the record in the database.
        file: the one beside it.
        boot: of now, as in the records.

    Raises:
        OSError: the file cannot be read.
    """
    beside = file.read()
    if not beside and stored is None:
        return None
    best = max([*([stored] if stored else []), *beside], key=lambda c: c.commit)
    reserved = max(best.reserved, *(c.reserved for c in beside), 0)
    found = replace(best, reserved=reserved)
    if best is not stored and best.boot != boot and reserved > best.seq:
        skipped = reserved - best.seq
        found.seq = reserved
        found.lost += skipped
        found.unreported += skipped
    return found
