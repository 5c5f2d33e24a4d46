"""The outbox's file: opened, tried again when the disk fails, repaired when it is damaged.

Errors of the disk are tried again every `RETRY_DISK_S`. Damage counts only when it is seen twice,
the second time through a fresh connection: a read that failed once looks the same.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from edge.problems import Problem
from edge.publish import frames, repair
from edge.publish.counters import CounterFile, Counters
from edge.publish.frames import FrameError, Row
from edge.publish.store import Contents, OldFormatError, Store, companions, is_damage
from edge.stages import Clock

log = logging.getLogger(__name__)

RETRY_DISK_S = 30.0  # between two tries to use a disk that failed
RETRY_MISSING_S = 2.0  # between two looks for a folder that is not there: mounted late
SUSPECT_S = 60.0  # damage seen twice within this is believed
ERRORS = (sqlite3.Error, OSError, MemoryError, FrameError)  # MemoryError: SQLITE_NOMEM


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file held when it was opened."""

    store: Store
    found: Contents
    counters: Counters | None  # its own; None where they are not whole
    log_rows: dict[int, Row]  # whole events of its log, stale ones too


class Disk:
    """Keeps the file open, or says why not."""

    def __init__(self, path: Path, clock: Clock, boot: int) -> None:
        self.path = path
        self.store: Store | None = None
        self.counter_file = CounterFile(path)
        self.problems: set[Problem] = set()
        self._clock = clock
        self._boot = boot  # of now, as in `Counters`
        self._failed_at: float | None = None
        self._retry_at = 0.0
        self._damaged_at: float | None = None  # seen once
        self._to_repair = False  # seen twice
        self._log_rows: dict[int, Row] = {}  # SQLite deletes a log when it closes a damaged file

    @property
    def failing(self) -> bool:
        """Whether the last try to use it failed."""
        return self._failed_at is not None

    def due(self) -> bool:
        """Return whether it may be used, or tried again, now."""
        return self._failed_at is None or self._clock.now() >= self._retry_at

    def retry_now(self) -> None:
        """Wait no longer for the next try."""
        self._retry_at = 0.0

    def open(self, known: Counters | None, gone: Collection[int]) -> Opened:
        """Open the file, repairing or converting it first where it needs that.

        Args:
            known: what should be in it; None: ask its own records.
            gone: `seq` of events that have left it.

        Raises:
            sqlite3.Error, OSError, MemoryError: `failed` knows what to do.
        """
        if repair.rebuilt(self.path).exists() and not self.path.exists():
            repair.rebuilt(self.path).rename(self.path)  # a repair that was interrupted
        log_file = companions(self.path)[0]
        self._log_rows |= {row.seq: row for row in frames.carve_path(log_file)}
        if self._to_repair:
            known = known or repair.newest(None, self.counter_file, self._boot)
            repair.salvage(self.path, known, gone, self._log_rows.values(), self._clock.wall())
            self.problems.add(Problem.OUTBOX_CORRUPT)
            self._to_repair = False
        try:
            store = Store(self.path)
        except OldFormatError:
            repair.migrate(self.path)
            store = Store(self.path)
        try:
            found, counters = store.look(), store.counters()
        except BaseException:
            store.close()
            raise
        self.store = store
        return Opened(store, found, counters, self._log_rows)

    def opened(self) -> None:
        """Everything in the file has found its place."""
        self._log_rows = {}

    def failed(self, error: BaseException) -> bool:
        """Take note of an error; return whether to try again at once."""
        if isinstance(error, FrameError):  # the next look sorts it out
            self.close()
            return True
        if is_damage(error):
            now = self._clock.now()
            seen = self._damaged_at is not None and now - self._damaged_at <= SUSPECT_S
            log.debug("outbox: %s: %s%s", self.path, error, ", again" if seen else "")
            self._to_repair, self._damaged_at = seen, None if seen else now
            self.close()
            return True
        self._say(error)
        return False

    def works(self) -> None:
        """The file was written."""
        if self._failed_at is not None:
            lasted = self._clock.now() - self._failed_at
            log.info("outbox: %s works again after %.0f s", self.path, lasted)
        self._failed_at = None
        self.problems -= {Problem.OUTBOX_MEMORY, Problem.DISK_FULL}

    def close(self) -> None:
        """Close the file; what its log holds is remembered, should it be damaged."""
        if self.store is None:
            return
        with contextlib.suppress(OSError):
            self._log_rows |= {r.seq: r for r in frames.carve_path(companions(self.path)[0])}
        store, self.store = self.store, None
        with contextlib.suppress(sqlite3.Error, MemoryError):
            store.close()

    def abandon(self) -> None:
        """Close a file that is of no interest any more."""
        self.close()
        self._log_rows = {}

    def _say(self, error: BaseException) -> None:
        now = self._clock.now()
        first = self._failed_at is None
        if first:
            self._failed_at = now
        log.log(
            logging.WARNING if first else logging.DEBUG,
            "outbox: %s: %s; events are kept in memory",
            self.path,
            _why(error),
        )
        missing = isinstance(error, FileNotFoundError)
        self._retry_at = now + (RETRY_MISSING_S if missing else RETRY_DISK_S)
        self.problems.add(Problem.OUTBOX_MEMORY)
        code = getattr(error, "sqlite_errorcode", None)
        number = error.errno if isinstance(error, OSError) else None
        if code == sqlite3.SQLITE_FULL or number in (errno.ENOSPC, errno.EDQUOT):
            self.problems.add(Problem.DISK_FULL)
        else:
            self.problems.discard(Problem.DISK_FULL)


def _why(error: BaseException) -> str:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
        return "in use by another process"
    if isinstance(error, MemoryError):
        return "out of memory"
    return getattr(error, "strerror", None) or str(error)
