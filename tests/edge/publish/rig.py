"""A publisher as the daemon makes it, but one that comes back sooner."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest import mock

from edge.backoff import Waits
from edge.clock import SystemClock
from edge.config import Config
from edge.configfile import load
from edge.contract import ModelInfo
from edge.geometry import Box
from edge.messages import Estimate, EventType, PipelineEvent, Reason, Track
from edge.publish import Identity, traffic
from edge.publish.mqtt import MqttPublisher
from edge.publish.store import Store
from edge.stages import Clock, Control
from tests.waiting import PATIENCE_S

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
# s; in place of traffic.LATE_S: what a busy machine holds up is not late, and not left in the
# outbox at the end. The clock of a test that wants it late goes on by an hour.
LATE_S = 1800.0
QUICK = Waits(first_s=0.05, most_s=0.2, refused_s=0.4, steady_s=1.0)
# Connections that break at once count as such, however long a busy machine takes for it.
NEVER_STEADY = dataclasses.replace(QUICK, steady_s=3600.0)
WHO = Identity(
    base="emotion",
    device="kiosk",
    boot_id="11111111-2222-3333-4444-555555555555",
    version="0.0.0",
    model=ModelInfo(name="test", sha256="0" * 64, labels=list(LABELS), runtime="none"),
    detector="none",
)


def config(port: int, outbox: Path | str = "memory", **more: object) -> Config:
    """Return a configuration for a broker on loopback; `mqtt__tls=True` sets mqtt.tls."""
    keys: Mapping[str, object] = {
        "mqtt.host": "127.0.0.1",
        "mqtt.port": port,
        "outbox.path": outbox,
        **{k.replace("__", "."): v for k, v in more.items()},
    }
    return load(None, {}, [f"{k}={str(v).lower() if v is True else v}" for k, v in keys.items()])


def estimate(
    emotion: str = "happy", *, track: str = "a1", t: float = 0.0, reason: Reason | None = None
) -> Estimate:
    scores = {label: 0.7 if label == emotion else 0.05 for label in LABELS}
    return Estimate(
        track=Track(track, Box(160, 120, 64, 48), 0.9, t, t, (640, 480)),
        emotion=emotion,
        confidence=0.7,
        scores=scores,
        intensity=1 - scores["neutral"],
        since=t,
        reason=reason,
        window_s=1.5,
    )


def change(t: float, emotion: str = "happy", *, track: str = "a1") -> PipelineEvent:
    return PipelineEvent(
        EventType.EMOTION_CHANGED, t, estimate(emotion, track=track, t=t), "neutral", 1
    )


@contextlib.contextmanager
def publishing(
    port: int,
    outbox: Path | None = None,
    *,
    control: Control | None = None,
    clock: Clock | None = None,
    who: Identity = WHO,
    close_s: float = PATIENCE_S,
    waits: Waits = QUICK,
    **more: object,
) -> Iterator[MqttPublisher]:
    """A publisher for the length of a `with`; closing, it gets `close_s` for what it has to say."""
    publisher = MqttPublisher(
        config(port, outbox or "memory", **more),
        who,
        clock or SystemClock(),
        control or Control(),
        random.Random(),
        outbox,
        waits=waits,
    )
    with mock.patch.object(traffic, "LATE_S", LATE_S):
        try:
            yield publisher
        finally:
            publisher.close(close_s)


def kept(path: Path) -> tuple[set[int], int]:
    """Return what waits in an outbox that nobody has open, and the last `seq`; it is intact."""
    store = Store(path)
    try:
        found, counters = store.look(), store.counters()
        assert counters is not None
        assert not found.bad
        assert counters.rows == len(found.sizes)
        return set(found.sizes), counters.seq
    finally:
        store.close()
