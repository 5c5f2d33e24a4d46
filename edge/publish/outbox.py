"""Events that the broker has not acknowledged yet: on the disk first, in memory if need be.

Bounded by count, bytes and age; when full the oldest go and are counted (those in flight stay, and
do not count). A disk that is full, read-only or in use by another process is never fatal: events
are kept in memory, `stats()` says so, and the disk is tried again every `RETRY_DISK_S`. A damaged
file is set aside under a name with the time and a new one begun.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from edge import config
from edge.contract import Event, decode_event, encode
from edge.publish.quarantine import set_aside
from edge.publish.store import Counters, Row, Store, is_damage, remove, salvage_seq
from edge.stages import Clock, OutboxStats

log = logging.getLogger(__name__)

RETRY_DISK_S = 30.0  # between two tries to write to a disk that failed
MEMORY_BYTES = 16 * 1024 * 1024  # of events that no disk holds: about 16,000 of them
DROP_LOOK = 256  # rows looked at in one go when the oldest must leave


class Outbox:
    """The events waiting. Thread-safe; every call may wait for the disk, `stats` never does."""

    def __init__(self, path: Path | None, limits: config.Outbox, boot: str, clock: Clock) -> None:
        """Open the file, or begin in memory; never raises for a disk."""
        self._path = path
        self._limits = limits
        self._boot = boot
        self._clock = clock
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._counters = Counters()
        self._unsaved: dict[int, Row] = {}  # by seq, oldest first: what the disk does not hold
        self._done: dict[int, int] = {}  # acknowledged, row still on the disk: seq -> bytes
        self._flying: set[int] = set()  # handed out by `take`, no answer yet: never dropped
        self._problems: set[str] = set()
        self._failed_at: float | None = None
        self._retry_at = 0.0
        self._stats = OutboxStats()
        self._oldest: tuple[float, str, float] | None = None  # t, boot, wall
        with self._lock:
            if path is not None and not self._open():
                self._counters.seq = salvage_seq(path)
            self._first = self._counters.seq + 1  # lower ones are of an earlier run
            self._refresh()

    @property
    def first_seq(self) -> int:
        """The first `seq` of this run; what is lower was kept by an earlier one."""
        return self._first

    @property
    def lost_untold(self) -> int:
        """Events dropped that no delivered event has told yet."""
        return self._counters.lost_untold

    @property
    def last_seq(self) -> int:
        """`seq` of the newest event ever kept."""
        return self._counters.seq

    def append(self, events: Sequence[tuple[Event, float]]) -> list[Row]:
        """Number and keep events, each with its monotonic time.

        On return they are on the disk (synced), or in memory where that failed.
        """
        wall = self._clock.wall()
        with self._lock:
            rows: list[Row] = []
            for event, t in events:
                seq = self._counters.seq + len(rows) + 1
                data = msgspec.structs.replace(event.data, seq=seq)
                payload = encode(msgspec.structs.replace(event, data=data))
                known = wall if event.data.time_synced else 0.0
                rows.append(Row(seq, payload, t, self._boot, known))
            self._counters.seq += len(rows)
            self._unsaved.update((row.seq, row) for row in rows)
            self._save()
            return rows

    def take(self, after: int, limit: int) -> list[Row]:
        """Return up to `limit` waiting events beyond `seq`, in order; they now count as in flight.

        Each must be given back by `done`, or `landed` when there was no answer.
        """
        with self._lock:
            rows: list[Row] = []
            for row in itertools.chain(self._on_disk(after), self._in_memory(after)):
                rows.append(row)
                if len(rows) == limit:
                    break
            self._flying.update(r.seq for r in rows)
            return rows

    def done(self, row: Row, told: int = 0) -> None:
        """Forget an acknowledged event, which told of `told` lost ones; `flush` makes it last."""
        with self._lock:
            self._flying.discard(row.seq)
            self._counters.lost_untold = max(self._counters.lost_untold - told, 0)
            if self._unsaved.pop(row.seq, None) is None:
                self._done[row.seq] = len(row.payload)
            self._restate()

    def landed(self, seqs: Iterable[int]) -> None:
        """Events in flight have no answer and never will: they wait again."""
        with self._lock:
            self._flying.difference_update(seqs)

    def lose(self, count: int) -> None:
        """Count events that were lost before they could be kept."""
        with self._lock:
            self._lost(count)

    def flush(self) -> None:
        """Write down what was acknowledged, drop what is too old, try a failed disk again."""
        with self._lock:
            self._save()

    def stats(self) -> OutboxStats:
        """Return depth, losses and problems; takes no lock and reads no disk."""
        oldest = self._oldest
        age = self._age(*oldest) if oldest and self._stats.depth else 0.0
        return replace(self._stats, oldest_s=round(age, 1))

    def close(self) -> None:
        """Flush and close the file. Idempotent."""
        with self._lock:
            self._retry_at = 0.0
            self._save()
            if self._store is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._store.close()
            if self._unsaved:
                log.warning("outbox: %d events were in memory only", len(self._unsaved))
            self._store = self._path = None
            self._unsaved.clear()

    # Everything below is called with the lock held.

    def _on_disk(self, after: int) -> Iterator[Row]:
        while self._store is not None:
            try:
                rows = self._store.after(after, 64)
            except sqlite3.Error as e:
                self._disk_failed(e)
                return
            if not rows:
                return
            for row in rows:
                if row.seq not in self._done and row.seq not in self._flying:
                    yield row
            after = rows[-1].seq

    def _in_memory(self, after: int) -> list[Row]:
        return [r for s, r in self._unsaved.items() if s > after and s not in self._flying]

    def _save(self) -> None:
        """Bring the disk up to date with `_unsaved` and `_done`, within the bounds."""
        now = self._clock.now()
        waiting = self._failed_at is not None and now < self._retry_at
        for _ in range(2):  # once more where a damaged file was replaced by a new one
            if waiting or self._path is None:
                break
            empty = self._counters.rows == len(self._done)
            if self._failed_at is not None and self._store and empty:
                self._start_over()
            if not (self._store or self._open()):
                break
            try:
                self._write()
            except sqlite3.Error as e:
                waiting = not self._disk_failed(e)
            else:
                self._disk_works(now)
                break
        self._bound_memory()
        self._refresh()

    def _write(self) -> None:
        assert self._store is not None
        drop = self._too_many_on_disk()
        if not self._unsaved and not self._done and not drop:
            return
        gone = self._done | drop
        new = list(self._unsaved.values())
        c = self._counters
        counters = replace(
            c,
            lost=c.lost + len(drop),
            lost_untold=c.lost_untold + len(drop),
            rows=c.rows - len(gone) + len(new),
            bytes=c.bytes - sum(gone.values()) + sum(len(r.payload) for r in new),
        )
        self._store.write(new, gone, counters)
        self._counters = counters
        self._unsaved.clear()
        self._done.clear()
        if drop:
            self._problems.add("outbox_full")
            log.debug("outbox: %d oldest events dropped", len(drop))

    def _too_many_on_disk(self) -> dict[int, int]:
        """Return the oldest rows (seq -> bytes) that must go for `_unsaved` to fit."""
        assert self._store is not None
        c, limits = self._counters, self._limits
        self._bound_memory()  # what arrived in one go may be too much by itself
        rows = c.rows - len(self._done) + len(self._unsaved) - len(self._flying)
        rows -= limits.max_events
        size = c.bytes - sum(self._done.values()) - int(limits.max_mb * 1e6)
        size += sum(len(r.payload) for r in self._unsaved.values())
        drop: dict[int, int] = {}
        look = max(rows, DROP_LOOK) + len(self._done) + len(self._flying)
        for seq, length, t, boot, wall in self._store.oldest(look):
            if seq in self._done or seq in self._flying:
                continue
            if rows <= 0 and size <= 0 and self._age(t, boot, wall) <= limits.max_age_s:
                break
            drop[seq] = length
            rows -= 1
            size -= length
        return drop

    def _bound_memory(self) -> None:
        """Drop the oldest of what no disk holds."""
        most = min(MEMORY_BYTES, int(self._limits.max_mb * 1e6))
        size = sum(len(r.payload) for r in self._unsaved.values())
        excess = len(self._unsaved.keys() - self._flying) - self._limits.max_events
        for seq, row in list(self._unsaved.items()):
            old = self._age(row.t, row.boot, row.wall) > self._limits.max_age_s
            if excess <= 0 and size <= most and not old:
                break
            if seq in self._flying:
                continue
            del self._unsaved[seq]
            size -= len(row.payload)
            excess -= 1
            self._lost(1)
            self._problems.add("outbox_full")

    def _lost(self, count: int) -> None:
        self._counters.lost += count
        self._counters.lost_untold += count
        self._restate()

    def _age(self, t: float, boot: str, wall: float) -> float:
        """Seconds since a row was made; 0 where nobody knows.

        Across a reboot only the wall clock can tell, and that only if it was right: a device
        without a real-time clock boots years ago, and its events must not be dropped as too old.
        """
        if boot == self._boot:
            return max(self._clock.now() - t, 0.0)
        return max(self._clock.wall() - wall, 0.0) if wall else 0.0

    def _open(self) -> bool:
        """Open the file, setting a damaged one aside; False: memory must do for now."""
        assert self._path is not None
        if self._flying:  # their numbers could change; the next try will do
            return False
        try:
            try:
                self._store = _create(self._path)
                counters = self._store.counters()
            except sqlite3.Error as e:
                if not is_damage(e):
                    raise
                counters = self._begin_anew(e)
            self._merge(counters)
            if self._store and self._counters.seq > counters.seq:
                self._store.write((), (), self._counters)  # a new file must not count from 1
        except (sqlite3.Error, OSError) as e:
            self._disk_failed(e)
            return False
        return True

    def _merge(self, stored: Counters) -> None:
        """Take over the counters of a file; number what was kept in memory behind its events."""
        waiting = list(self._unsaved.values())
        ours = self._counters
        seq = max(stored.seq, waiting[0].seq - 1 if waiting else ours.seq)
        self._unsaved = {}
        for row in waiting:
            seq += 1
            self._unsaved[seq] = row if row.seq == seq else _renumbered(row, seq)
        self._counters = replace(
            stored,
            seq=seq,
            lost=stored.lost + ours.lost,
            lost_untold=stored.lost_untold + ours.lost_untold,
        )

    def _start_over(self) -> None:
        """Delete a file that holds nothing any more: a full disk has no room even to empty it."""
        assert self._path is not None and self._store is not None
        with contextlib.suppress(sqlite3.Error):
            self._store.close()
        self._store = None
        self._done.clear()
        self._counters = replace(self._counters, rows=0, bytes=0)
        with contextlib.suppress(OSError):  # read-only: the next try will do
            remove(self._path)

    def _begin_anew(self, error: Exception) -> Counters:
        """Set the damaged file aside and make a new one; its events count as lost."""
        assert self._path is not None
        if self._store is not None:
            with contextlib.suppress(sqlite3.Error):
                self._store.close()
            self._store = None
        aside = set_aside(self._path, self._clock.wall())
        log.warning("outbox: %s is damaged (%s); set aside as %s", self._path, error, aside.name)
        self._problems.add("outbox_corrupt")
        self._done.clear()
        self._store = _create(self._path)
        return Counters(seq=salvage_seq(aside))

    def _disk_failed(self, error: Exception) -> bool:
        """Say so; return whether there is a new file to go on with at once."""
        if isinstance(error, sqlite3.Error) and self._store is not None and is_damage(error):
            known = self._counters
            lost = max(known.rows - len(self._done), 0)
            try:
                self._begin_anew(error)
            except (sqlite3.Error, OSError) as e:
                error = e
            self._counters = replace(known, rows=0, bytes=0)
            self._lost(lost)
            if self._store is not None:
                return True
        now = self._clock.now()
        if self._failed_at is None:
            self._failed_at = now
            log.warning("outbox: %s: %s; events are kept in memory", self._path, _why(error))
        else:
            log.debug("outbox: %s: %s", self._path, _why(error))
        self._retry_at = now + RETRY_DISK_S
        self._problems.add("outbox_memory")
        return False

    def _disk_works(self, now: float) -> None:
        if self._failed_at is not None:
            log.info("outbox: %s works again after %.0f s", self._path, now - self._failed_at)
        self._failed_at = None
        self._problems.discard("outbox_memory")

    def _restate(self) -> None:
        depth = self._counters.rows - len(self._done) + len(self._unsaved)
        full = depth >= self._limits.max_events
        shown = self._problems if full else self._problems - {"outbox_full"}
        self._stats = OutboxStats(
            depth=depth, lost=self._counters.lost, problems=tuple(sorted(shown))
        )

    def _refresh(self) -> None:
        """Look up the oldest event and restate the counts."""
        self._oldest = None
        if self._store is not None:
            with contextlib.suppress(sqlite3.Error):
                for seq, _, t, boot, wall in self._store.oldest(len(self._done) + 1):
                    if seq not in self._done:
                        self._oldest = (t, boot, wall)
                        break
        if self._oldest is None:
            for row in self._unsaved.values():
                self._oldest = (row.t, row.boot, row.wall)
                break
        self._restate()


def _create(path: Path) -> Store:
    path.touch(mode=0o600)  # who is where and how they feel is nobody else's business
    return Store(path)


def _renumbered(row: Row, seq: int) -> Row:
    event = decode_event(row.payload)
    data = msgspec.structs.replace(event.data, seq=seq)
    return replace(row, seq=seq, payload=encode(msgspec.structs.replace(event, data=data)))


def _why(error: Exception) -> str:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
        return "in use by another process"
    return str(error)
