"""Prometheus metrics of every device on a broker, from what they publish: no device needs a port.

Names and units are those of a device's own endpoint (`edge.publish.metrics`); a label says which.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge.client.client import Client
from edge.client.device import Device
from edge.client.inventory import Message
from edge.config_publish import Mqtt
from edge.messages import ConditionKind, EventType, Status

MAX_REASONS = 16  # of a device: each is a series
MAX_ALERTS = 16  # names of a device: the same
MAX_TEXT = 80  # characters of a label's value

# Of `health`: its field, the metric, and what it is.
GAUGES = (
    ("fps", "frames_per_second", "Frames that went all the way through."),
    ("busy", "loop_busy_ratio", "Part of one core spent in the loop."),
    ("latency_ms", "frame_latency_seconds", "Exposure to the end of the loop, median."),
    ("pace", "pace_ratio", "Part of the configured rates that the budget leaves."),
    ("outbox_depth", "outbox_events", "Events the broker has not acknowledged."),
    ("outbox_oldest_s", "outbox_oldest_age_seconds", "Age of the oldest of them."),
    ("temperature_c", "temperature_celsius", "Of the processor."),
    ("throttled", "throttled", "1 where the firmware holds it back."),
    ("uptime_s", "uptime_seconds", "Since the daemon started."),
    ("memory_mb", "memory_bytes", "Resident."),
)
FACTORS = {"latency_ms": 1e-3, "memory_mb": 1e6}  # to Prometheus' base units
COUNTERS = (
    ("frames", "frames", "Frames that went all the way through."),
    ("dropped", "frames_dropped", "Frames never looked at."),
    ("camera_reopened", "camera_reopened", "Times the camera was opened again."),
    ("outbox_lost", "events_lost", "Events dropped because the outbox was full or failed."),
    (
        "refused",
        "publishes_refused",
        "Publishes that the broker refused, or that are too large for it.",
    ),
)


class FleetCollector(Collector):
    """Turns what is known of the devices into metrics when asked, by any thread."""

    def __init__(self, mqtt: Mqtt) -> None:
        """Listen to `mqtt` once `client` is entered."""
        self._lock = threading.Lock()
        self._events: dict[str, collections.Counter[str]] = {}  # since we listen, by device
        self._alerts: dict[str, collections.Counter[str]] = {}  # the same, by device and name
        self.client = Client.to(mqtt, listener=self._heard)

    def _heard(self, message: Message, device: Device | None) -> None:
        with self._lock:
            if message.event is not None:
                counts = self._events.setdefault(message.name, collections.Counter())
                counts[message.event.data.event_type] += 1
                if message.event.data.event_type == EventType.ALERT_BEGAN:
                    self._count_alert(message.name, _short(message.event.data.alert or ""))
            elif device is None and message.kind == "availability":
                self._events.pop(message.name, None)
                self._alerts.pop(message.name, None)

    def _count_alert(self, device: str, alert: str) -> None:
        begun = self._alerts.setdefault(device, collections.Counter())
        if alert in begun or len(begun) < MAX_ALERTS:
            begun[alert] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield a sample a device and metric; what a device has not said is left out."""
        client = self.client
        devices = client.devices
        yield _gauge("exporter_broker_connected", "Whether we hear the broker.", client.connected)
        yield _gauge("exporter_messages_refused", "Too large or too many.", client.refused)
        online = _of_devices("online", "1 for a device that is connected to the broker.")
        faces = _of_devices("faces", "Faces in view.")
        status = _of_devices("status", "1 for what the daemon does now, else 0.", "status")
        problem = _of_devices("problem", "1 for each reason that is wrong now.", "reason")
        info = _of_devices("info", "What runs.", "version", "model", "detector")
        for name, d in devices.items():
            if d.online is not None:
                online.add_metric([name], float(d.online))
            if d.state is not None and d.online:
                faces.add_metric([name], len(d.state.faces))
            # Of one that is away only the last word of a daemon that was stopped is still true.
            if d.state is not None and (d.online or d.state.status == Status.STOPPED):
                for word in Status:
                    status.add_metric([name, word.value], float(d.state.status == word))
            if d.health is not None and d.online:
                for reason in dict.fromkeys(map(_short, d.health.reasons[:MAX_REASONS])):
                    problem.add_metric([name, reason], 1.0)
            if d.info is not None:
                model = _short(d.info.model.name)
                info.add_metric([name, _short(d.info.version), model, _short(d.info.detector)], 1)
        yield from (online, faces, status, problem, info, *self._counted())
        yield _conditions(devices)
        yield from _doing(devices)
        yield from _health(devices)

    def _counted(self) -> tuple[Metric, Metric]:
        events = CounterMetricFamily(
            "emotion_edge_events", "Events heard since we listen.", labels=["device", "event_type"]
        )
        alerts = CounterMetricFamily(
            "emotion_edge_alerts", "Alerts begun since we listen.", labels=["device", "alert"]
        )
        with self._lock:
            for name, counts in sorted(self._events.items()):
                for kind in EventType:
                    events.add_metric([name, kind.value], counts[kind.value])
            for name, begun in sorted(self._alerts.items()):
                for alert, count in begun.items():
                    alerts.add_metric([name, alert], count)
        return events, alerts


def _conditions(devices: dict[str, Device]) -> Metric:
    """Return how many faces are in each condition, of devices with `[state]` on."""
    family = _of_devices(
        "faces_in_condition",
        "Faces that look, have their eyes closed, are drowsy, yawn, are distracted.",
        "condition",
    )
    for name, d in devices.items():
        if d.online and d.state is not None and d.info is not None and d.info.state_model:
            found = collections.Counter(c for face in d.state.faces for c in face.conditions)
            for kind in ConditionKind:
                family.add_metric([name, kind.value], found[kind.value])
    return family


def _doing(devices: dict[str, Device]) -> Iterator[Metric]:
    """Yield what the largest face is doing, where that is told and known."""
    angles = _of_devices("face_angle_degrees", "Of the largest face: its head.", "angle")
    eyes = _of_devices("face_eye_open_ratio", "Of the largest face: how far open.", "eye")
    mouth = _of_devices("face_mouth_open_ratio", "Of the largest face: how far open.")
    smile = _of_devices("face_smile_ratio", "Of the largest face.")
    for name, d in devices.items():
        state = d.state.faces[0].state if d.online and d.state and d.state.faces else None
        if state is None:
            continue
        samples = [
            *((angles, [name, of], getattr(state, of)) for of in ("yaw", "pitch", "roll")),
            *((eyes, [name, of], getattr(state.eyes, of)) for of in ("left", "right")),
            (mouth, [name], state.mouth),
            (smile, [name], state.smile),
        ]
        for family, labels, value in samples:
            if value is not None:
                family.add_metric(labels, value)
    yield from (angles, eyes, mouth, smile)


def _health(devices: dict[str, Device]) -> Iterator[Metric]:
    when = _of_devices("health_timestamp_seconds", "When what follows was measured.")
    for name, d in devices.items():
        if d.health is not None:
            with contextlib.suppress(ValueError):
                when.add_metric([name], datetime.fromisoformat(d.health.time).timestamp())
    yield when
    for field, metric, said in GAUGES:
        gauge = _of_devices(metric, said)
        for name, d in devices.items():
            value = d.fps if field == "fps" else getattr(d.health, field, None)
            if value is not None and d.online:  # of one that is away nothing is known now
                gauge.add_metric([name], float(value) * FACTORS.get(field, 1.0))
        yield gauge
    for field, metric, said in COUNTERS:
        counter = CounterMetricFamily(f"emotion_edge_{metric}", said, labels=["device"])
        for name, d in devices.items():
            if d.health is not None:
                counter.add_metric([name], getattr(d.health, field))
        yield counter


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(f"emotion_edge_{name}", said, float(value))


def _of_devices(name: str, said: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"emotion_edge_{name}", said, labels=["device", *labels])


def _short(text: str) -> str:
    return text[:MAX_TEXT]
