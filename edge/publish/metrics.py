"""A Prometheus endpoint: what `health` says, in Prometheus' names and base units.

Needs the extra `[metrics]`. Names follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
import random
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from edge import config, config_publish
from edge.backoff import Backoff, Waits
from edge.contract import Health
from edge.errors import UnavailableError
from edge.messages import ConditionKind, Estimate, EventType, FaceState, PipelineEvent, Status
from edge.problems import Problem
from edge.publish import Identity
from edge.publish.metrics_server import MetricsServer
from edge.stages import OutboxStats, Publisher

log = logging.getLogger(__name__)

WAITS = Waits(first_s=1.0, most_s=30.0)  # between two tries to listen
JOIN_S = 0.5  # s that `close` waits for a try
# Reasons in `stats`.
AWAY = frozenset({Problem.BROKER_AWAY, Problem.BROKER_REFUSED, Problem.CLIENT_ID_TAKEN})


class MeteredPublisher:
    """A `Publisher` that counts what passes and serves it beside publishing it."""

    def __init__(
        self,
        inner: Publisher,
        identity: Identity,
        settings: config_publish.Metrics,
        waits: Waits = WAITS,
    ) -> None:
        """Listen; an address that cannot be used, as before DHCP has given it, is tried again."""
        self._inner = inner
        self._collector = HealthCollector(identity, inner)
        self._registry = CollectorRegistry()
        self._registry.register(self._collector)
        ProcessCollector(registry=self._registry)
        self._settings = settings
        self._backoff = Backoff(waits, random.Random())
        self._server: MetricsServer | None = None
        self._closing = threading.Event()
        self._retry: threading.Thread | None = None
        if not self._listen(logging.WARNING):
            self._retry = threading.Thread(target=self._try_again, name="metrics", daemon=True)
            self._retry.start()

    def _listen(self, level: int) -> bool:
        try:
            self._server = MetricsServer(
                self._registry, self._settings.address, self._settings.port
            )
        except UnavailableError as e:
            log.log(level, "no metrics, all else goes on: %s; tried again", e)
            return False
        log.info("metrics on %s", self._server.url)
        return True

    def _try_again(self) -> None:
        while not self._closing.wait(self._backoff.next()):
            if self._listen(logging.DEBUG):
                return

    def configure(self, config: config.Config, /) -> None:
        """Hand on."""
        self._inner.configure(config)

    def publish(self, event: PipelineEvent, /) -> None:
        """Count the event and hand it on."""
        self._collector.events[event.kind.value] += 1
        if event.kind is EventType.ALERT_BEGAN:
            self._collector.alerts[event.alert or ""] += 1
        self._inner.publish(event)

    def state(self, t: float, estimates: Sequence[Estimate], status: Status, /) -> None:
        """Remember the present and hand it on."""
        self._collector.faces = sum(not e.track.still for e in estimates)
        self._collector.doing = next((e.state for e in estimates if not e.track.still), None)
        self._collector.conditions = collections.Counter(
            c.kind.value for e in estimates for c in e.conditions if c.ended is None
        )
        self._collector.status = status
        self._inner.state(t, estimates, status)

    def health(self, health: Health, /) -> None:
        """Remember and hand on."""
        self._collector.health = health
        self._inner.health(health)

    def stats(self) -> OutboxStats:
        """Return the counts of the publisher behind, and whether there are no metrics."""
        stats = self._inner.stats()
        if self._server is not None:
            return stats
        return dataclasses.replace(stats, problems=(*stats.problems, Problem.METRICS_UNAVAILABLE))

    def close(self, timeout_s: float, /) -> None:
        """Close the publisher behind, then stop listening."""
        self._closing.set()
        self._inner.close(timeout_s)
        if self._retry is not None:
            self._retry.join(JOIN_S)
        if self._server is not None:
            self._server.close()


class HealthCollector(Collector):
    """Turns the newest health into metrics when asked. `collect` runs in the server's thread."""

    def __init__(self, identity: Identity, publisher: Publisher) -> None:
        self._who = identity
        self._publisher = publisher
        self.events: collections.Counter[str] = collections.Counter()
        self.alerts: collections.Counter[str] = collections.Counter()  # by name
        self.faces = 0
        self.doing: FaceState | None = None  # of the largest face
        self.conditions: collections.Counter[str] = collections.Counter()  # faces in each
        self.status = Status.RUNNING
        self.health: Health | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; those of `health` only once there is one."""
        who = self._who
        yield InfoMetricFamily(
            "emotion_edge",
            "What runs.",
            {
                "version": who.version,
                "device": who.device,
                "model": who.model.name,
                "model_sha256": who.model.sha256,
                "detector": who.detector,
                **({"state_model": who.state_model.name} if who.state_model else {}),
            },
        )
        yield _gauge("faces", "Faces in view.", self.faces)
        if who.state_model is not None:
            yield from doing(self.doing or FaceState())
            conditions = GaugeMetricFamily(
                "emotion_edge_faces_in_condition",
                "Faces that look, have their eyes closed, are drowsy, yawn, are distracted.",
                labels=["condition"],
            )
            for condition in ConditionKind:
                conditions.add_metric([condition.value], self.conditions[condition.value])
            yield conditions
        status = GaugeMetricFamily(
            "emotion_edge_status", "1 for what the daemon does now, else 0.", labels=["status"]
        )
        for name in Status:
            status.add_metric([name], float(name == self.status))
        yield status
        events = CounterMetricFamily(
            "emotion_edge_events", "Events made since the start.", labels=["event_type"]
        )
        for kind in EventType:
            events.add_metric([kind.value], self.events[kind.value])
        yield events
        alerts = CounterMetricFamily(
            "emotion_edge_alerts", "Alerts begun since the start.", labels=["alert"]
        )
        for alert, count in list(self.alerts.items()):
            alerts.add_metric([alert], count)
        yield alerts
        yield from self._outbox(self._publisher.stats())
        if self.health is not None:
            yield from self._health(self.health)

    def _outbox(self, s: OutboxStats) -> Iterator[Metric]:
        here = not AWAY & set(s.problems)
        yield _gauge("broker_connected", "0 while the broker is away or refuses us.", float(here))
        yield _gauge("outbox_events", "Events the broker has not acknowledged.", s.depth)
        yield _gauge("outbox_oldest_age_seconds", "Age of the oldest of them.", s.oldest_s)
        yield _counter("events_lost", "Events dropped because the outbox was full.", s.lost)
        yield _counter(
            "publishes_refused",
            "Publishes that the broker refused, or that are too large for it.",
            s.refused,
        )

    def _health(self, h: Health) -> Iterator[Metric]:
        when = datetime.fromisoformat(h.time).timestamp()
        yield _gauge("health_timestamp_seconds", "When what follows was measured.", when)
        yield _counter("frames", "Frames that went all the way through.", h.frames)
        yield _counter("frames_dropped", "Frames never processed.", h.dropped)
        yield _counter("camera_reopened", "Times the camera was opened again.", h.camera_reopened)
        yield _gauge("loop_busy_ratio", "Share of one core spent in the loop.", h.busy)
        yield _gauge("pace_ratio", "Share of the configured rates that the budget leaves.", h.pace)
        yield _gauge(
            "frame_latency_seconds",
            "Exposure to the end of the loop, median.",
            h.latency_ms / 1e3,
        )
        problem = GaugeMetricFamily(
            "emotion_edge_problem", "1 for each reason that is wrong now.", labels=["reason"]
        )
        for reason in dict.fromkeys(h.reasons):
            problem.add_metric([reason], 1.0)
        yield problem
        if h.temperature_c is not None:
            yield _gauge("temperature_celsius", "Of the processor.", h.temperature_c)
        if h.throttled is not None:
            yield _gauge("throttled", "1 where the firmware holds it back.", float(h.throttled))


def doing(state: FaceState) -> Iterator[Metric]:
    """Yield what the largest face is doing; no sample where it cannot be told."""
    of = "Of the largest face"
    angles = GaugeMetricFamily(
        "emotion_edge_face_angle_degrees", f"{of}: where its head points.", labels=["angle"]
    )
    for name in ("yaw", "pitch", "roll"):
        _sample(angles, name, getattr(state, name))
    eyes = GaugeMetricFamily(
        "emotion_edge_face_eye_open_ratio", f"{of}: how far an eye is open.", labels=["eye"]
    )
    for name in ("left", "right"):
        _sample(eyes, name, getattr(state.eyes, name))
    mouth = GaugeMetricFamily(
        "emotion_edge_face_mouth_open_ratio", f"{of}: how far the mouth is open."
    )
    smile = GaugeMetricFamily("emotion_edge_face_smile_ratio", f"{of}: how broad its smile is.")
    _sample(mouth, None, state.mouth)
    _sample(smile, None, state.smile)
    yield from (angles, eyes, mouth, smile)


def _sample(family: GaugeMetricFamily, label: str | None, value: float | None) -> None:
    if value is not None:
        family.add_metric([] if label is None else [label], value)


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(f"emotion_edge_{name}", said, value)


def _counter(name: str, said: str, value: float) -> Metric:
    return CounterMetricFamily(f"emotion_edge_{name}", said, value)
