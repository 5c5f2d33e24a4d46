"""How much the outbox holds: by count, bytes and age the oldest events go, never one in flight."""

from __future__ import annotations

from collections.abc import Callable

from edge import config_publish
from edge.publish.frames import Row
from edge.publish.ledger import Ledger
from edge.publish.store import Store
from edge.stages import Clock

MEMORY_BYTES = 16 * 1024 * 1024  # of events that no disk holds: about 16,000 of them
LOOK = 32  # rows looked at in one go, whether they must leave
TRUST_S = 10.0  # the clock is asked no more often whether it can be believed


class Bounds:
    """Says which events must go."""

    def __init__(
        self, limits: config_publish.Outbox, boot: str, clock: Clock, trusted: Callable[[], bool]
    ) -> None:
        self.limits = limits
        self._boot = boot
        self._clock = clock
        self._began = clock.now()
        self._ask_trusted = trusted
        self._trusted = False
        self._asked: float | None = None

    def age(self, row: Row) -> float:
        """Return seconds since a row was made; since we began where nobody knows more.

        Across a reboot only the wall clock can tell more, and only if it was right then and is now:
        a device without a real-time clock boots years ago, or years ahead.
        """
        if row.boot == self._boot:
            return max(self._clock.now() - row.t, 0.0)
        known = row.wall and self._clock_is_trusted()
        here = self._clock.now() - self._began
        return max(self._clock.wall() - row.wall, here) if known else here

    def _clock_is_trusted(self) -> bool:
        now = self._clock.now()
        if self._asked is None or now - self._asked >= TRUST_S:
            self._asked = now
            self._trusted = self._ask_trusted()
        return self._trusted

    def of_memory(self, books: Ledger) -> list[int]:
        """Return which events must go of those that no disk holds."""
        most = min(MEMORY_BYTES, int(self.limits.max_mb * 1e6))
        size = books.unsaved_bytes
        excess = len(books.unsaved.keys() - books.in_flight.keys()) - self.limits.max_events
        drop: list[int] = []
        for seq, row in books.unsaved.items():
            if excess <= 0 and size <= most and self.age(row) <= self.limits.max_age_s:
                break
            if seq not in books.in_flight:
                drop.append(seq)
                size -= len(row.payload)
                excess -= 1
        return drop

    def of_disk(self, books: Ledger, store: Store) -> dict[int, int]:
        """Return which rows (seq -> bytes) must leave the file for `unsaved` to fit in.

        Raises:
            sqlite3.Error, FrameError: the file cannot be read.
        """
        rows = books.depth - len(books.in_flight) - self.limits.max_events
        size = books.bytes - sum(books.gone.values()) - int(self.limits.max_mb * 1e6)
        size += books.unsaved_bytes
        drop: dict[int, int] = {}
        after: int | None = -1
        while after is not None:
            found, after = store.after(after, LOOK, books.gone)
            for row in found:
                if row.seq in books.in_flight:
                    continue
                if rows <= 0 and size <= 0 and self.age(row) <= self.limits.max_age_s:
                    return drop
                drop[row.seq] = len(row.payload)
                rows -= 1
                size -= len(row.payload)
        return drop
