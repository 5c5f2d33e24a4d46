"""The SQLite file under the outbox: rows of events, and three counters.

Errors pass through as `sqlite3.Error`; `Outbox` decides what becomes of them.

Wear: an event that is committed alone costs 13 kB of page writes and one sync, its removal goes
with the next one (measured on ext4 by /proc/self/io); at ten events a minute that is 8 MB an hour.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SCHEMA_VERSION = 1  # of `user_version`; another one is not ours to write into
LOG_PAGES = 100  # of 4 KiB
CHECK_BYTES = 16 * 1024 * 1024  # a larger file is not read through at start: seconds on an SD card

_SCHEMA = """
CREATE TABLE event (
  seq INTEGER PRIMARY KEY, payload BLOB NOT NULL,
  t REAL NOT NULL, boot TEXT NOT NULL, wall REAL NOT NULL
);
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES ('seq', 0), ('lost', 0), ('lost_untold', 0), ('rows', 0), ('bytes', 0);
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One event as it is kept."""

    seq: int
    payload: bytes  # the event as JSON, as if it were sent at once
    t: float  # s, monotonic, in the boot `boot`
    boot: str
    wall: float  # s since 1970, when it was stored; 0: the clock was not to be believed


@dataclass(slots=True)
class Counters:
    """What outlives a restart beside the events."""

    seq: int = 0  # of the newest event ever stored
    lost: int = 0  # events dropped, ever
    lost_untold: int = 0  # of these, not yet told in a delivered event
    rows: int = 0  # in the file
    bytes: int = 0  # of their payloads


class Store:
    """One open database. Used under its owner's lock, from any thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            sqlite3.Error: it cannot be opened, is damaged, in use, or of another version.
        """
        self.path = path
        self._db = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
        try:
            self._open()
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
        db.execute("BEGIN IMMEDIATE")  # takes the lock now: a second process learns it here
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.strip().split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"schema version {version}; ours is {SCHEMA_VERSION}")
        db.execute("COMMIT")
        if self.path.stat().st_size <= CHECK_BYTES:
            verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError(f"damaged: {verdict}")

    def counters(self) -> Counters:
        """Return the counters as stored."""
        return Counters(**dict(self._db.execute("SELECT name, value FROM counter")))

    def oldest(self, limit: int) -> list[tuple[int, int, float, str, float]]:
        """Return (seq, payload bytes, t, boot, wall) of the oldest rows."""
        return self._db.execute(
            "SELECT seq, length(payload), t, boot, wall FROM event ORDER BY seq LIMIT ?", (limit,)
        ).fetchall()

    def write(self, rows: Sequence[Row], remove: Iterable[int], counters: Counters) -> None:
        """Add and remove rows and keep the counters, all or nothing, on the disk on return."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany("DELETE FROM event WHERE seq = ?", ((seq,) for seq in remove))
            db.executemany(
                "INSERT INTO event VALUES (?, ?, ?, ?, ?)",
                ((r.seq, r.payload, r.t, r.boot, r.wall) for r in rows),
            )
            db.executemany(
                "UPDATE counter SET value = ? WHERE name = ?",
                ((value, name) for name, value in asdict(counters).items()),
            )
            db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk may have rolled back already
                db.execute("ROLLBACK")
            raise

    def after(self, seq: int, limit: int) -> list[Row]:
        """Return up to `limit` rows beyond `seq`, oldest first."""
        found = self._db.execute(
            "SELECT seq, payload, t, boot, wall FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
            (seq, limit),
        )
        return [Row(*r) for r in found]

    def close(self) -> None:
        """Close the file; a last checkpoint empties the log."""
        self._db.close()


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether the file itself is bad, so that only a new one helps."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # our own: a damaged or foreign file
        return isinstance(error, sqlite3.DatabaseError) and not isinstance(
            error, sqlite3.OperationalError
        )
    if code & 0xFF == sqlite3.SQLITE_ERROR:  # some other program's database
        return "no such" in str(error) or "column" in str(error)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def salvage_seq(path: Path) -> int:
    """Return the highest `seq` that a damaged file still tells, or 0."""
    best = 0
    for how, question in itertools.product(
        ("mode=ro", "immutable=1"),  # the second for a disk that is read-only: it needs no log
        ("SELECT value FROM counter WHERE name = 'seq'", "SELECT max(seq) FROM event"),
    ):
        try:
            db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=0)
            try:
                best = max(best, int(db.execute(question).fetchone()[0] or 0))
            finally:
                db.close()
        except (sqlite3.Error, TypeError, ValueError):
            continue
    return best


def remove(path: Path) -> None:
    """Delete a database and its log."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
