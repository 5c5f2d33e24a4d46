"""The publisher to a broker: takes messages from the loop, keeps events, feeds the link."""

from __future__ import annotations

import collections
import dataclasses
import logging
import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge.backoff import Waits
from edge.config import Config
from edge.configfile import effective
from edge.contract import Event, Health, State, encode
from edge.messages import Estimate, PipelineEvent, Status
from edge.problems import Problem
from edge.publish import session
from edge.publish.discovery import discovery
from edge.publish.event_builder import EventBuilder
from edge.publish.identity import Identity
from edge.publish.jsonl import JsonLines, LinesAside, lines_wanted
from edge.publish.link import Link, LinkState
from edge.publish.open_tracks import OpenTracks
from edge.publish.outbox import Outbox
from edge.publish.requests import Requests
from edge.publish.traffic import Traffic
from edge.stages import Clock, Control, OutboxStats

log = logging.getLogger(__name__)

# Between two commits, at least: events that come faster share one. The first waits for nobody, and
# the present, which no disk holds, waits only behind an event.
GATHER_S = 0.05
# Acknowledged events leave the disk within this, or with the next event: what a crash repeats, for
# half the writes of deleting each by itself.
FLUSH_S = 30.0
QUEUE_MOST = 10_000  # events between loop and writer: minutes of a disk that hangs

Item = tuple[Event, float] | State


class MqttPublisher:
    """Publishes to a broker, present or not.

    Three threads share the work. The loop's stamps and hands over, and waits for nothing. The
    writer's puts events on the disk: an event is there, synced, within `GATHER_S` and the time of
    two commits. The link's sends what is on the disk, in the order of `seq`.
    """

    def __init__(
        self,
        config: Config,
        identity: Identity,
        clock: Clock,
        control: Control,
        rng: random.Random,
        path: Path | None,
        waits: Waits | None = None,
    ) -> None:
        """Open the outbox and begin to connect.

        Raises:
            ConfigError: a secret or certificate cannot be used.
        """
        login = session.read_login(config.mqtt)
        session.tls_context(config.mqtt)  # said now, not at the first connection
        self._config = config
        self._clock = clock
        self._identity = identity
        self._json_lines = JsonLines(control, alone=False)
        self._lines = LinesAside(self._json_lines) if lines_wanted(config) else None
        self._builder = EventBuilder(identity, clock, rng)
        self._outbox = Outbox(path, config.outbox, identity.boot_id, clock)
        self._now: State | None = None
        self._shown: tuple[object, ...] | None = None  # of the state last published
        self._shown_t = 0.0
        self._queue: collections.deque[Item] = collections.deque()
        self._queued = threading.Condition()
        self._overflow = 0
        self._closing = False
        self._traffic = Traffic(
            identity,
            self._outbox,
            Requests(control, lambda: self._now),
            config.outbox.resend_rate,
            clock,
            discovery(identity, config.homeassistant.prefix)
            if config.homeassistant.enabled
            else None,
        )
        self._traffic.retain("info", encode(identity.info(self._builder.time())))
        self._link = Link(
            config.mqtt,
            session.client_id(config.mqtt, identity.device),
            login,
            identity.topic("availability"),
            self._traffic,
            random.Random(rng.random()),  # its own: another thread draws from it
            waits or Waits(),
        )
        # A second process beside the one that has the outbox must not end that one's visits.
        ours = Problem.OUTBOX_MEMORY not in self._outbox.stats().problems
        self._open_tracks = OpenTracks(path if ours else None)
        for event in self._open_tracks.left_behind(clock.now()):
            self.publish(event)
        self._writer = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._writer.start()
        self._link.start()

    def configure(self, config: Config, /) -> None:
        """Go on by other settings of `output`; publish `info` anew."""
        self._config = config
        self._identity = dataclasses.replace(self._identity, config=effective(config))
        self._traffic.retain("info", encode(self._identity.info(self._builder.time())))
        self._link.wake()
        if lines_wanted(config) == (self._lines is not None):
            return
        lines, self._lines = self._lines, None
        if lines is None:
            self._lines = LinesAside(self._json_lines)
        else:
            lines.close(0.0)

    def publish(self, event: PipelineEvent, /) -> None:
        """Stamp an event and hand it to the writer."""
        self._put((self._builder.event(event), event.t))

    def state(self, t: float, estimates: Sequence[Estimate], status: Status, /) -> None:
        """Offer the present: at once when faces, emotions or status changed, else seldom."""
        signature = (status, tuple((e.track.id, e.emotion, e.reason) for e in estimates))
        same = signature == self._shown
        if same and (not estimates or t - self._shown_t < self._config.output.state_s):
            return
        self._shown, self._shown_t = signature, t
        self._put(self._builder.state(t, estimates, status))

    def health(self, health: Health, /) -> None:
        """Publish how the device is; only the newest waits for a broker that is away."""
        self._traffic.retain("health", encode(health))
        self._link.wake()

    def stats(self) -> OutboxStats:
        """Return counts and what is wrong; waits for nothing."""
        kept = self._outbox.stats()
        problems = set(kept.problems)
        if self._link.taken:
            problems.add("client_id_taken")
        elif self._link.state is LinkState.REFUSED:
            problems.add("broker_refused")
        elif self._link.state is not LinkState.ONLINE:
            problems.add("broker_away")
        if self._traffic.refusing:
            problems.add("publish_refused")
        return OutboxStats(
            depth=kept.depth + len(self._queue),
            lost=kept.lost + self._overflow,
            oldest_s=kept.oldest_s,
            refused=self._traffic.refused,
            problems=tuple(sorted(problems)),
        )

    def close(self, timeout_s: float, /) -> None:
        """Publish the last state and `offline`, wait for acknowledgements, stop all threads."""
        if self._closing:
            return
        deadline = time.monotonic() + timeout_s
        self._put(self._builder.state(self._clock.now(), (), Status.STOPPED))
        with self._queued:
            self._closing = True
            self._queued.notify()
        self._writer.join(timeout_s / 2)
        self._link.close(deadline - 0.1 * timeout_s)
        if self._lines is not None:
            self._lines.close(max(deadline - time.monotonic(), 0.0))
        if self._writer.is_alive():
            log.warning("outbox: the disk does not answer; what was not written is lost")
            return
        self._outbox.close()

    def _put(self, item: Item) -> None:
        with self._queued:
            if len(self._queue) >= QUEUE_MOST and isinstance(item, tuple):
                self._overflow += 1
                return
            self._queue.append(item)
            self._queued.notify()

    def _write(self) -> None:
        flush_at = time.monotonic() + FLUSH_S
        commit_at = 0.0  # not before
        done = False
        while not done:
            with self._queued:
                self._queued.wait_for(lambda: self._queue or self._closing, FLUSH_S)
                if any(isinstance(item, tuple) for item in self._queue):
                    wait = commit_at - time.monotonic()
                    self._queued.wait_for(lambda: self._closing, max(wait, 0.0))
                    commit_at = time.monotonic() + GATHER_S
                items = list(self._queue)
                self._queue.clear()
                overflow, self._overflow = self._overflow, 0
                done = self._closing
            try:
                self._keep(items, overflow)
                if time.monotonic() >= flush_at or done:
                    flush_at = time.monotonic() + FLUSH_S
                    self._outbox.flush()
            except Exception as e:  # a bug must not end the thread, and the events with it
                log.error("outbox: %s: %s; messages were lost", type(e).__name__, e)

    def _keep(self, items: list[Item], overflow: int) -> None:
        if overflow:
            self._outbox.lose(overflow)
        before = self._outbox.last_seq
        events = [item for item in items if isinstance(item, tuple)]
        self._open_tracks.before(event for event, _ in events)
        rows = self._outbox.append(events) if events else []
        self._open_tracks.after(event for event, _ in events)
        seqs = iter(rows)
        state: State | None = None
        for item in items:
            if isinstance(item, State):
                state = msgspec.structs.replace(item, seq=before)
            else:
                before = next(seqs).seq
        if state is not None:
            self._now = state
            self._traffic.retain("state", encode(state))
        if items:
            self._link.wake()
        lines = self._lines  # `configure`, in another thread, may take it away
        if lines is not None:
            for row in rows:
                lines.write(row.payload)
