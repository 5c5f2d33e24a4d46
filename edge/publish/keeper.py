"""The books and the file in step: numbers reserved, rows written, bounds kept, damage survived."""

from __future__ import annotations

import itertools
import logging
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from edge import config_publish
from edge.problems import Problem
from edge.publish import repair
from edge.publish.bounds import Bounds
from edge.publish.counters import BLOCK
from edge.publish.disk import ERRORS, Disk
from edge.publish.frames import Row
from edge.publish.ledger import Ledger, reconcile
from edge.publish.store import remove
from edge.stages import Clock

log = logging.getLogger(__name__)

TRIES = 5  # of one operation, while a damaged file is looked at twice and replaced
READ_ROWS = 64  # at once


class Keeper:
    """What the outbox holds, in memory and in its file. Used under the outbox's lock."""

    def __init__(
        self,
        path: Path | None,
        limits: config_publish.Outbox,
        boot: str,
        clock: Clock,
        trusted: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self.bounds = Bounds(limits, boot, clock, trusted)
        self._boot = zlib.crc32(boot.encode())
        self._disk = Disk(path, clock, self._boot) if path is not None else None
        self.books = Ledger()
        self.books.counters.boot = self._boot
        self.first: int | None = None  # number that was given in this run
        self._first_open = True  # no file was opened yet in this process
        self._jumped = False  # numbers come from the clock, see `number`
        self._cursor = 0  # rows of the file up to this `seq` were handed out, or are gone
        self._full = False
        self.save()

    @property
    def problems(self) -> set[Problem]:
        """What is wrong now."""
        problems = set(self._disk.problems) if self._disk is not None else set()
        self._full = self._full and self.books.depth >= self.bounds.limits.max_events
        return problems | ({Problem.OUTBOX_FULL} if self._full else set())

    def number(self, count: int) -> int:
        """Return the first of `count` numbers that were never used before.

        They are reserved on the disk ahead. Where that cannot be, later runs will not know of
        them, nor are earlier ones known: then they begin at the milliseconds since 1970, beyond
        all that were ever counted.
        """
        c = self.books.counters
        if self._disk is not None and c.seq + count > c.reserved:
            if self._reserve(c.seq + count + BLOCK):
                self._jumped = False
            elif not self._jumped and (self._disk.store is None or self._disk.failing):
                c.seq = max(c.seq, int(self._clock.wall() * 1000))
                self._jumped = True
        if self.first is None:
            self.first = c.seq + 1
        c.seq += count
        return c.seq - count + 1

    def rewind(self, seq: int) -> None:
        """Hand out the row `seq` again, and those behind it."""
        self._cursor = min(self._cursor, seq - 1)

    def waiting(self, limit: int) -> list[Row]:
        """Return up to `limit` events that wait, oldest first, without those in flight."""
        rows: list[Row] = []
        for _ in range(TRIES):
            rows = []
            try:
                for row in self._waiting_in_file():
                    rows.append(row)
                    if len(rows) == limit:
                        return rows
            except ERRORS as e:
                if self._disk is None or not self._disk.failed(e):
                    break
                self.save()
            else:
                break
        books = self.books
        of_memory = (row for s, row in books.unsaved.items() if s not in books.in_flight)
        return rows + list(itertools.islice(of_memory, limit - len(rows)))

    def oldest(self) -> Row | None:
        """Return the event that has waited longest."""
        gone = self.books.gone
        if self._disk is not None and self._disk.store is not None:
            try:
                rows, _ = self._disk.store.after(-1, len(gone) + 1, gone)
            except ERRORS as e:
                log.debug("outbox: %s: %s", self._disk.path, e)
                rows = []
            if rows:
                return rows[0]
        return next(iter(self.books.unsaved.values()), None)

    def save(self) -> None:
        """Bring the disk up to date with the books, within the bounds."""
        disk = self._disk
        if disk is not None and disk.due():
            for _ in range(TRIES):
                try:
                    self._open_if_needed(disk)
                    self._write(disk)
                except ERRORS as e:
                    if not disk.failed(e):
                        break
                else:
                    disk.works()
                    break
        self._bound_memory()
        if disk is not None and self.books.unsaved:
            self._note(newer=True)  # should this process be killed

    def close(self) -> None:
        """Write what can be written, and close the file. Idempotent."""
        if self._disk is None:
            return
        self._disk.retry_now()
        self.save()
        books = self.books
        if books.unsaved:
            log.warning("outbox: %d events were in memory only", len(books.unsaved))
        books.counters.reserved = books.counters.seq
        self._note()
        self._note(sync=True)
        self._disk.close()
        self._disk = None

    def _waiting_in_file(self) -> Iterator[Row]:
        books = self.books
        store = self._disk.store if self._disk is not None else None
        after: int | None = self._cursor
        while store is not None and after is not None:
            rows, after = store.after(after, READ_ROWS, books.gone, books.in_flight)
            for row in rows:
                self._cursor = row.seq
                yield row

    def _reserve(self, up_to: int) -> bool:
        assert self._disk is not None
        if self._disk.store is None:  # without its lock the file may be another process's
            return False
        before, self.books.counters.reserved = self.books.counters.reserved, up_to
        if self._note(sync=True):
            return True
        self.books.counters.reserved = before
        return False

    def _note(self, *, sync: bool = False, newer: bool = False) -> bool:
        """Write the counters beside the database; return whether they are there.

        Args:
            sync: to outlive a pulled cable.
            newer: they say more than the database does.
        """
        assert self._disk is not None
        if self._disk.store is None:
            return False
        self.books.counters.commit += newer
        file = self._disk.counter_file
        try:
            (file.reserve if sync else file.note)(self.books.snapshot())
        except OSError as e:
            log.debug("outbox: %s: %s", file.path, e)
            return False
        return True

    def _open_if_needed(self, disk: Disk) -> None:
        books = self.books
        if disk.store is not None and disk.store.displaced():
            self._leave_file(disk)
        if disk.failing and disk.store and books.rows == len(books.gone):
            self._start_over(disk)
        if disk.store is not None:
            return
        first = self._first_open
        known = None if first else books.snapshot(rows=books.rows - len(books.gone))
        opened = disk.open(known, books.gone)
        try:
            theirs = None
            if first:
                theirs = repair.newest(opened.counters, disk.counter_file, self._boot)
            reconcile(books, opened, theirs, first=first)
        except BaseException:
            disk.close()
            raise
        disk.opened()
        self._first_open = False
        self._cursor = 0
        if opened.found.bad:
            log.warning("outbox: %d damaged events are dropped", len(opened.found.bad))
            disk.problems.add(Problem.OUTBOX_CORRUPT)
        self._write(disk, always=True)

    def _write(self, disk: Disk, *, always: bool = False) -> None:
        assert disk.store is not None
        books = self.books
        self._bound_memory()  # what arrived in one go may be too much by itself
        drop = self.bounds.of_disk(books, disk.store)
        if not (books.unsaved or books.gone or drop or always):
            return
        lost = books.counters.lost + len(drop)
        kept = disk.store.write(
            list(books.unsaved.values()),
            [*books.gone, *drop],
            books.snapshot(
                commit=books.counters.commit + 1,
                rows=books.depth - len(drop),
                volatile=0,
                lost=lost,
                unreported=books.counters.unreported + len(drop),
            ),
        )
        books.saved(kept, drop)
        self._note()
        if drop:
            self._full = True
            log.debug("outbox: %d oldest events dropped", len(drop))

    def _leave_file(self, disk: Disk) -> None:
        """Take the events out of a file whose place another has taken: mounted over, or deleted."""
        assert disk.store is not None
        books = self.books
        kept: dict[int, Row] = {}
        at: int | None = -1
        while at is not None:
            rows, at = disk.store.after(at, READ_ROWS, books.gone)
            kept.update((row.seq, row) for row in rows)
        # Where only the database was deleted, the counters beside it are still ours.
        c = books.counters
        ours = (c.commit, c.reserved, c.lost, c.boot)
        beside = [(r.commit, r.reserved, r.lost, r.boot) for r in disk.counter_file.read()]
        self._first_open = ours not in beside
        disk.abandon()
        if not disk.path.exists():
            remove(disk.path)  # its log: what is in it was read
        books.unsaved = kept | books.unsaved
        books.rows = books.bytes = 0
        books.gone.clear()

    def _start_over(self, disk: Disk) -> None:
        """Delete a file that holds nothing any more: a full disk has no room even to empty it."""
        books = self.books
        before = books.rows, books.bytes, books.gone
        books.rows, books.bytes, books.gone = 0, 0, {}
        if not self._note(sync=True, newer=True):
            books.rows, books.bytes, books.gone = before
            raise OSError("the counters cannot be written")
        disk.abandon()
        remove(disk.path)

    def _bound_memory(self) -> None:
        drop = self.bounds.of_memory(self.books)
        for seq in drop:
            del self.books.unsaved[seq]
        if drop:
            self.books.lose(len(drop))
            self._full = True
