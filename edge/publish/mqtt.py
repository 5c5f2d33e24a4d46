"""The publisher to a broker: takes messages from the loop, keeps events, feeds the link."""

from __future__ import annotations

import dataclasses
import logging
import random
import time
from collections.abc import Sequence
from pathlib import Path

from edge.backoff import Waits
from edge.config import Config
from edge.configfile import effective
from edge.contract import Event, Health, State, encode
from edge.messages import Estimate, PipelineEvent, Status
from edge.problems import Problem
from edge.publish import session
from edge.publish.audience import AudienceCounter
from edge.publish.discovery import discovery
from edge.publish.event_builder import EventBuilder
from edge.publish.frames import Row
from edge.publish.identity import Identity
from edge.publish.jsonl import JsonLines, LinesAside, lines_wanted
from edge.publish.link import Link
from edge.publish.open_tracks import OpenTracks
from edge.publish.outbox import Outbox
from edge.publish.pause import Pause
from edge.publish.requests import Requests
from edge.publish.traffic import Traffic
from edge.publish.writer import Writer
from edge.stages import Clock, Control, OutboxStats

log = logging.getLogger(__name__)


class MqttPublisher:
    """Publishes to a broker, present or not.

    Three threads share the work. The loop's stamps and hands over, and waits for nothing. The
    writer's puts events on the disk. The link's sends what is there, in the order of `seq`.
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
        self._pause = Pause(control, path)
        self._now: State | None = None
        self._shown: tuple[object, ...] | None = None  # of the state last published
        self._shown_t = 0.0
        self._closing = False
        self._traffic = Traffic(
            identity,
            self._outbox,
            Requests(self._pause, lambda: self._now),
            config.outbox.resend_rate,
            clock,
            discovery(identity, config.homeassistant.prefix)
            if config.homeassistant.enabled
            else None,
            retained=self._acknowledged,
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
        ours = path if self._has_disk() else None
        self._late = path if ours is None else None  # the outbox, until its file is ours
        self._open_tracks = OpenTracks(ours)
        self._audience = AudienceCounter(
            config.audience, ours, self._hour_over, config.track.lost_s
        )
        left_behind = self._open_tracks.left_behind(clock.now())
        self._writer = Writer(self._outbox, self._append, self._kept, self._present)
        for event in left_behind:
            self.publish(event)
        self._link.start()

    def configure(self, config: Config, /) -> None:
        """Go on by other settings of `output`; publish `info` anew."""
        self._config = config
        self._audience.configure(config.audience, config.track.lost_s)
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
        self._writer.event(self._builder.event(event), event.t)

    def state(self, t: float, estimates: Sequence[Estimate], status: Status, /) -> None:
        """Offer the present: at once when faces, emotions or status changed, else seldom."""
        wall = self._clock.wall()
        synced = self._builder.synced(self._clock.now())
        self._audience.update(wall, estimates, synced=synced)
        in_view = sum(not e.track.still for e in estimates)
        for event in self._open_tracks.left_behind(self._clock.now(), in_view):
            self.publish(event)
        signature = (status, self._audience.hour, tuple(map(_shown, estimates)))
        same = signature == self._shown
        if same and (not in_view or t - self._shown_t < self._config.output.state_s):
            return
        self._shown, self._shown_t = signature, t
        self._writer.state(self._builder.state(t, estimates, status, self._audience.now()))

    def health(self, health: Health, /) -> None:
        """Publish how the device is; only the newest waits for a broker that is away."""
        self._traffic.retain("health", encode(health))
        self._link.wake()

    def stats(self) -> OutboxStats:
        """Return counts and what is wrong; waits for nothing."""
        # First: both go from there into the outbox.
        waiting, overflow = self._writer.waiting, self._writer.overflow
        kept = self._outbox.stats()
        problems = set(kept.problems) | self._link.problems | self._traffic.problems
        if self._writer.stalled:
            problems.add(Problem.OUTBOX_STALLED)
        return OutboxStats(
            depth=kept.depth + waiting,
            lost=kept.lost + overflow,
            oldest_s=kept.oldest_s,
            refused=self._traffic.refused,
            problems=tuple(sorted(problems)),
        )

    def close(self, timeout_s: float, /) -> None:
        """Publish the last state and `offline`, wait for acknowledgements, stop all threads."""
        if self._closing:
            return
        deadline = time.monotonic() + timeout_s
        self._closing = True
        self._writer.state(self._builder.state(self._clock.now(), (), Status.STOPPED))
        written = self._writer.close(timeout_s / 2)
        self._link.close(deadline - 0.1 * timeout_s)
        if self._lines is not None:
            self._lines.close(max(deadline - time.monotonic(), 0.0))
        if not written:
            log.warning("outbox: the disk does not answer; what was not written is lost")
            return
        self._audience.write()
        self._outbox.close()

    def _hour_over(self, hour: bytes) -> None:
        self._traffic.retain("audience", hour)
        self._link.wake()

    def _acknowledged(self, name: str, payload: bytes) -> None:
        if name == "audience":
            self._audience.hours.acknowledged(payload)

    def _present(self, state: State) -> None:
        self._now = state
        self._traffic.retain("state", encode(state))
        self._link.wake()

    def _has_disk(self) -> bool:
        return Problem.OUTBOX_MEMORY not in self._outbox.stats().problems

    def _attach(self) -> None:
        """Keep beside the outbox what goes there, once its file could be opened."""
        if self._late is not None and self._has_disk():
            path, self._late = self._late, None
            self._pause.look()
            self._open_tracks.attach(path)
            self._audience.attach(path)

    def _append(self, events: Sequence[tuple[Event, float]]) -> list[Row]:
        self._open_tracks.before(event for event, _ in events)
        rows = self._outbox.append(events)
        self._open_tracks.after(event for event, _ in events)
        self._audience.write()
        return rows

    def _kept(self, rows: Sequence[Row]) -> None:
        self._attach()
        self._pause.keep()
        self._audience.write(over=True)
        self._link.wake()
        lines = self._lines  # `configure`, in another thread, may take it away
        if lines is not None:
            for row in rows:
                lines.write(row.payload)


def _shown(e: Estimate) -> tuple[object, ...]:
    """What of a face is published at once when it changes."""
    on = tuple((c.kind, c.level) for c in e.conditions if c.ended is None)
    return e.track.id, e.emotion, e.reason, on
