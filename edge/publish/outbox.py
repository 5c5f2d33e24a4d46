"""Events that the broker has not acknowledged yet: on the disk first, in memory if need be.

Bounded by count, bytes and age; when full the oldest go and are counted (those in flight stay, and
do not count). A disk that is full, read-only or in use by another process is never fatal: events
are kept in memory, `stats()` says so, and the disk is tried again. Of a damaged file, what can be
read is kept and the rest counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from edge import config_publish
from edge.contract import Event, encode
from edge.publish.frames import Row
from edge.publish.keeper import Keeper
from edge.publish.timesync import time_synced
from edge.stages import Clock, OutboxStats


class Outbox:
    """The events waiting. Thread-safe.

    `append`, `lose`, `flush` and `close` may wait for the disk. What the link calls never does:
    while another thread waits for the disk, `lease` returns nothing, and answers are noted.
    """

    def __init__(
        self,
        path: Path | None,
        limits: config_publish.Outbox,
        boot: str,
        clock: Clock,
        trusted: Callable[[], bool] = time_synced,
    ) -> None:
        """Open the file, or begin in memory; never raises for a disk.

        Args:
            path: of the file; None: memory only.
            limits: bounds.
            boot: id of this boot: another one's monotonic times mean nothing.
            clock: monotonic and wall time.
            trusted: whether the wall clock can be believed now.
        """
        self._boot = boot
        self._clock = clock
        self._lock = threading.Lock()
        self._keeper = Keeper(path, limits, boot, clock, trusted)
        self._answers: list[tuple[bool, int, int]] = []  # delivered?, seq, lost ones reported
        self._answers_lock = threading.Lock()  # held for moments only
        self._stats = OutboxStats()
        self._oldest: Row | None = None
        with self._lock:
            self._refresh()

    @property
    def first_seq(self) -> int:
        """The first `seq` of this run; what is lower was kept by an earlier one."""
        first = self._keeper.first
        return self.last_seq + 1 if first is None else first

    @property
    def unreported_drops(self) -> int:
        """Events dropped that no delivered event has told yet."""
        with self._answers_lock:
            reported = sum(answer[2] for answer in self._answers)
            return max(self._keeper.books.counters.unreported - reported, 0)

    @property
    def last_seq(self) -> int:
        """`seq` of the newest event ever kept."""
        return self._keeper.books.counters.seq

    def append(self, events: Sequence[tuple[Event, float]]) -> list[Row]:
        """Number and keep events, each with its monotonic time.

        On return they are on the disk (synced), or in memory where that failed.
        """
        wall = self._clock.wall()
        with self._lock:
            seq = self._keeper.number(len(events))
            rows: list[Row] = []
            for event, t in events:
                data = msgspec.structs.replace(event.data, seq=seq)
                payload = encode(msgspec.structs.replace(event, data=data))
                known = wall if event.data.time_synced else 0.0
                rows.append(Row(seq, payload, t, self._boot, known))
                seq += 1
            self._keeper.books.unsaved.update((row.seq, row) for row in rows)
            self._save()
            return rows

    def lose(self, count: int) -> None:
        """Count events that were lost before they could be kept; they get numbers too."""
        with self._lock:
            self._keeper.number(count)
            self._keeper.books.lose(count)
            self._save()

    def lease(self, limit: int) -> list[Row]:
        """Return up to `limit` waiting events, oldest first; they now count as in flight.

        Each must be given back by `ack`, or `requeue` when there was no answer.
        """
        if not self._lock.acquire(blocking=False):
            return []
        try:
            self._settle()
            rows = self._keeper.waiting(limit)
            self._keeper.books.in_flight.update((row.seq, row) for row in rows)
            return rows
        finally:
            self._lock.release()

    def ack(self, row: Row, reported: int = 0) -> None:
        """Forget a delivered event, which told of `reported` lost ones; `flush` makes it last."""
        with self._answers_lock:
            self._answers.append((True, row.seq, reported))
        self._settle_if_free()

    def requeue(self, seqs: Iterable[int]) -> None:
        """Events in flight have no answer and never will: they wait again."""
        with self._answers_lock:
            self._answers.extend((False, seq, 0) for seq in seqs)
        self._settle_if_free()

    def flush(self) -> None:
        """Write down what was acknowledged, drop what is too old, try a failed disk again."""
        with self._lock:
            self._save()

    def stats(self) -> OutboxStats:
        """Return depth, losses and problems; takes no lock and reads no disk."""
        oldest = self._oldest
        age = self._keeper.bounds.age(oldest) if oldest and self._stats.depth else 0.0
        return replace(self._stats, oldest_s=round(age, 1))

    def close(self) -> None:
        """Flush and close the file. Idempotent."""
        with self._lock:
            self._settle()
            self._keeper.close()

    def _settle_if_free(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                self._settle()
            finally:
                self._lock.release()

    # Everything below is called with the lock held.

    def _save(self) -> None:
        self._settle()
        self._keeper.save()
        self._refresh()

    def _settle(self) -> None:
        """Enter the answers in the books."""
        books = self._keeper.books
        with self._answers_lock:
            answers, self._answers = self._answers, []
            reported = sum(answer[2] for answer in answers)
            books.counters.unreported = max(books.counters.unreported - reported, 0)
        for delivered, seq, _ in answers:
            row = books.in_flight.pop(seq, None)
            if row is not None and delivered:
                books.remove(seq, len(row.payload))
            elif row is not None:
                self._keeper.rewind(seq)
        if answers:
            self._restate()

    def _refresh(self) -> None:
        """Look up the oldest event and restate the counts."""
        self._oldest = self._keeper.oldest()
        self._restate()

    def _restate(self) -> None:
        books = self._keeper.books
        self._stats = OutboxStats(
            depth=books.depth,
            lost=books.counters.lost,
            problems=tuple(sorted(self._keeper.problems)),
        )
