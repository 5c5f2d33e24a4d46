"""Between the loop, which waits for nothing, and the outbox, which waits for a disk: one thread."""

from __future__ import annotations

import collections
import logging
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from edge.contract import Event, State
from edge.problems import Problem
from edge.publish.frames import Row
from edge.publish.outbox import Outbox

log = logging.getLogger(__name__)

# Between two commits, at least: events that come faster share one. The first waits for nobody.
GATHER_S = 0.05
# Acknowledged events leave the disk within this, or with the next event: what a crash repeats, for
# half the writes of deleting each by itself.
FLUSH_S = 30.0
LOOK_S = 2.0  # between two looks whether a disk that failed is there again
QUEUE_MOST = 10_000  # events between loop and writer: minutes of a disk that hangs
STALLED_S = 5.0  # a disk that has not answered for so long is said to hang


class Writer:
    """Puts events into the outbox, and the present behind the events that led to it.

    An event is on the disk, synced, within `GATHER_S` and the time of two commits. Of the present
    only the newest waits, and only behind an event; while the disk hangs, not even that.
    """

    def __init__(
        self,
        outbox: Outbox,
        append: Callable[[Sequence[tuple[Event, float]]], list[Row]],
        kept: Callable[[Sequence[Row]], None],
        present: Callable[[State], None],
    ) -> None:
        """Start the thread.

        Args:
            outbox: where events go.
            append: puts them there, in the thread.
            kept: called with events that the outbox has, and when it was flushed.
            present: called with a state whose `seq` is filled in; from any thread.
        """
        self._outbox = outbox
        self._append = append
        self._kept = kept
        self._present = present
        self._events: collections.deque[tuple[Event, float]] = collections.deque()
        self._in_hand = 0  # events that the thread is putting into the outbox
        self._state: State | None = None
        self._handed = 0  # events, ever
        self._written = 0  # of these
        self._state_after = 0  # of these: so many led to `_state`
        self._overflow = 0
        self._busy_since: float | None = None  # time.monotonic
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many events the outbox does not have yet; for an instant too many, never too few."""
        queued = len(self._events)  # first: they go from here into the hand
        return queued + self._in_hand

    @property
    def overflow(self) -> int:
        """How many events were lost that the outbox does not know of yet, as `waiting` counts."""
        return self._overflow

    @property
    def stalled(self) -> bool:
        """Whether the disk has not answered for a while."""
        since = self._busy_since
        return since is not None and time.monotonic() - since > STALLED_S

    def event(self, event: Event, t: float) -> None:
        """Hand over an event and its monotonic time; waits for nothing."""
        with self._changed:
            if len(self._events) >= QUEUE_MOST:
                self._overflow += 1
                return
            self._events.append((event, t))
            self._handed += 1
            self._changed.notify()

    def state(self, state: State) -> None:
        """Hand over the present; waits for nothing."""
        with self._changed:
            if self.waiting and not self.stalled:
                self._state, self._state_after = state, self._handed
                return
            self._state = None
            self._show(state, self._outbox.last_seq)

    def close(self, timeout_s: float) -> bool:
        """Put everything into the outbox and stop; return whether that came about in time."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        flush_at = time.monotonic() + FLUSH_S
        commit_at = 0.0  # not before
        done = False
        while not done:
            with self._changed:
                self._changed.wait_for(lambda: self._events or self._closing, LOOK_S)
                if self._events:
                    wait = commit_at - time.monotonic()
                    self._changed.wait_for(lambda: self._closing, max(wait, 0.0))
                    commit_at = time.monotonic() + GATHER_S
                events = list(self._events)
                self._in_hand = len(events)  # before: who counts without the lock misses none
                self._events.clear()
                overflow = self._overflow  # counted here until the outbox has it
                done = self._closing
                self._busy_since = time.monotonic()
            self._put(events, overflow)
            failing = Problem.OUTBOX_MEMORY in self._outbox.stats().problems
            if time.monotonic() >= flush_at or failing or done:
                flush_at = time.monotonic() + FLUSH_S
                self._guarded(self._outbox.flush)
                self._kept(())  # the outbox may have got a file with older events
            self._busy_since = None

    def _put(self, events: list[tuple[Event, float]], overflow: int) -> None:
        before = self._outbox.last_seq
        rows: list[Row] = []

        def append() -> None:
            rows.extend(self._append(events))

        lost = overflow
        if events and not self._guarded(append):
            lost += len(events)
        if lost:
            self._guarded(lambda: self._outbox.lose(lost))
        with self._changed:
            self._overflow -= overflow
            self._in_hand = 0
            state, which = self._state, self._state_after - self._written
            self._written += len(events)
            if state is not None and which <= len(events):
                self._state = None
                self._show(state, rows[which - 1].seq if rows and which > 0 else before)
        if rows:
            self._kept(rows)

    def _show(self, state: State, seq: int) -> None:
        self._present(msgspec.structs.replace(state, seq=seq))

    def _guarded(self, act: Callable[[], None]) -> bool:
        try:
            act()
        except Exception as e:  # a bug must not end the thread, and the events with it
            log.error("outbox: %s: %s", type(e).__name__, e)
            return False
        return True
