"""The SQLite file under the outbox: events in frames, and a record of counters.

Errors pass through as `sqlite3.Error`; `Disk` decides what becomes of them.

Wear: an event that is committed alone costs 13 kB of page writes and one sync, its removal goes
with the next one (measured on ext4 by /proc/self/io); at ten events a minute that is 8 MB an hour.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from edge.publish import counters as records
from edge.publish import frames
from edge.publish.counters import Counters
from edge.publish.frames import Row

SCHEMA_VERSION = 2  # of `user_version`
LOG_PAGES = 100  # of 4 KiB
CACHE_KIB = 256  # of memory; events are written once and read once
HEAD_BYTES = 100  # of a database file, https://www.sqlite.org/fileformat2.html#the_database_header

_SCHEMA = """
CREATE TABLE event (seq INTEGER PRIMARY KEY, frame BLOB NOT NULL);
CREATE TABLE counter (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
"""
# Errors of the disk, of memory or of another process. With any other, the content is not ours.
_NOT_DAMAGE = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_AUTH,
)


class DamageError(sqlite3.DatabaseError):
    """The content of the file is not what was written."""


class OldFormatError(Exception):
    """The file is one of version 1 of emotion-edge."""


@dataclass(slots=True)
class Contents:
    """What a look at every row found."""

    sizes: dict[int, int] = field(default_factory=dict)  # of whole events: seq -> payload bytes
    bad: list[int] = field(default_factory=list)  # keys of rows that are not whole


class Store:
    """One open database. Used under its owner's lock, from any thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, and check its structure.

        Raises:
            OldFormatError: it is of an earlier version.
            sqlite3.Error, OSError: it cannot be opened, is damaged, or in use.
        """
        self.path = path
        self._kept_open: list[IO[bytes]] = []
        _look_at_head(path)
        path.touch(mode=0o600)  # who is where and how they feel is nobody else's business
        self._db = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
        self._db.text_factory = bytes  # or damaged text raises an error of decoding
        try:
            self._open()
            self._inode = _inode(path)
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> None:
        db = self._db
        # Exclusive: one process an outbox; and no shared-memory file beside it.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        # FULL syncs the log at each commit: an event outlives a pulled cable, not only a crash.
        db.execute("PRAGMA synchronous=FULL")
        # The log goes back into the file at this size, so that both fit on a small disk.
        db.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        db.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        db.execute("BEGIN IMMEDIATE")  # takes the lock now: a second process learns it here
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.strip().splitlines():
                db.execute(statement)
            db.execute("INSERT INTO counter VALUES (1, ?)", (records.pack(Counters()),))
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif version == 1:
            raise OldFormatError
        elif version != SCHEMA_VERSION:
            raise DamageError(f"schema version {version}; ours is {SCHEMA_VERSION}")
        db.execute("COMMIT")
        _look_at_verdict(db.execute("PRAGMA quick_check(1)").fetchone()[0].decode())

    def counters(self) -> Counters | None:
        """Return the counters as stored; None: their record is not whole."""
        found = self._db.execute("SELECT record FROM counter WHERE id = 1").fetchone()
        return records.unpack(found[0]) if found else None

    def look(self) -> Contents:
        """Read every row and say which are whole."""
        found = Contents()
        last = None
        for seq, frame in self._db.execute("SELECT seq, frame FROM event ORDER BY seq"):
            if last is not None and seq <= last:
                raise DamageError(f"event {seq} stands behind event {last}")
            last = seq
            try:
                row = frames.unpack(frame, seq)
            except frames.FrameError:
                found.bad.append(seq)
            else:
                found.sizes[seq] = len(row.payload)
        return found

    def after(self, seq: int, limit: int, *skip: Container[int]) -> tuple[list[Row], int | None]:
        """Return the rows among the next `limit` beyond `seq`, and the `seq` of the last of these.

        Args:
            seq: of the row before the first.
            limit: how many are looked at, those in `skip` among them.
            skip: rows that are not wanted, and may be damaged.

        Raises:
            frames.FrameError: a row is damaged.
        """
        found = self._db.execute(
            "SELECT seq, frame FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
        ).fetchall()
        rows = [
            frames.unpack(frame, s) for s, frame in found if not any(s in gone for gone in skip)
        ]
        return rows, found[-1][0] if found else None

    def get(self, seq: int) -> Row:
        """Return a row.

        Raises:
            frames.FrameError: it is damaged, or not there.
        """
        found = self._db.execute("SELECT frame FROM event WHERE seq = ?", (seq,)).fetchone()
        return frames.unpack(found[0] if found else None, seq)

    def write(self, rows: Sequence[Row], remove: Iterable[int], counters: Counters) -> Counters:
        """Add and remove rows and keep the counters, all or nothing, on the disk on return.

        Returns:
            The counters as they were kept, `low` filled in.
        """
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany("DELETE FROM event WHERE seq = ?", ((seq,) for seq in remove))
            db.executemany(  # REPLACE: a commit that failed may have come about all the same
                "INSERT OR REPLACE INTO event VALUES (?, ?)",
                ((r.seq, frames.pack(r)) for r in rows),
            )
            lowest = db.execute("SELECT min(seq) FROM event").fetchone()[0]
            kept = replace(counters, low=counters.seq if lowest is None else max(lowest - 1, 0))
            db.execute("INSERT OR REPLACE INTO counter VALUES (1, ?)", (records.pack(kept),))
            db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk may have rolled back already
                db.execute("ROLLBACK")
            raise
        return kept

    def displaced(self) -> bool:
        """Return whether another file, or none, is where this one was opened."""
        try:
            return _inode(self.path) != self._inode
        except FileNotFoundError:
            return self.path.parent.is_dir()

    def carve(self) -> Iterator[Row]:
        """Yield every whole frame that lies in the file, as `frames.carve` does.

        Raises:
            OSError: the file cannot be read.
        """
        # Closing it before the database would give up the process's locks: POSIX, fcntl(2).
        self._kept_open.append(self.path.open("rb", buffering=0))
        yield from frames.carve(self._kept_open[-1])

    def close(self) -> None:
        """Close the file; a last checkpoint empties the log."""
        try:
            self._db.close()
        finally:
            for file in self._kept_open:
                file.close()


def is_damage(error: BaseException) -> bool:
    """Return whether the content of the file is bad, so that trying again is no use."""
    if isinstance(error, DamageError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and (code is None or code & 0xFF not in _NOT_DAMAGE)


def companions(path: Path) -> list[Path]:
    """Return where SQLite keeps more of the database at `path`."""
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")]


def remove(path: Path) -> None:
    """Delete a database and its log."""
    for file in (path, *companions(path)):
        file.unlink(missing_ok=True)


def _inode(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _look_at_head(path: Path) -> None:
    """Refuse what SQLite would misread in silence.

    Raises:
        DamageError: it is no database of ours.
        OSError: it is no file.
    """
    log = path.with_name(path.name + "-wal")
    try:
        if not path.is_file() and path.exists():
            raise OSError("is not a file")  # a FIFO would wait for a writer
        with path.open("rb") as f:
            head = f.read(HEAD_BYTES)
    except FileNotFoundError:
        head = b""
    if not head:
        if log.exists() and log.stat().st_size:
            raise DamageError(
                "its log is there and the file is empty"
            )  # SQLite would delete the log
        return
    # Other versions of the format, at 18 and 19, make SQLite take it for read-only.
    ours = len(head) == HEAD_BYTES and head.startswith(b"SQLite format 3\0")
    if not ours or {head[18], head[19]} - {1, 2}:
        raise DamageError("no database")


def _look_at_verdict(verdict: str) -> None:
    """Raise what `quick_check` found; it reports a failed read as text, too."""
    if verdict == "ok":
        return
    code = re.search(r"error code[ =](\d+)", verdict)
    if code is not None and int(code[1]) & 0xFF in _NOT_DAMAGE:
        raise OSError(f"cannot be read: {verdict}")
    raise DamageError(verdict)
