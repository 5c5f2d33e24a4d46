"""A device that tells of visits, by the types of the contract."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from edge.contract import Event, EventData, encode
from edge.messages import EventType
from edge.store.incoming import NewEvent, read_event

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday


@dataclass
class Device:
    """Counts `seq` and the seconds since it was booted at `START` - 100 s."""

    name: str = "front"
    seq: int = 0
    boot_id: str = "boot-1"
    booted: datetime = START - timedelta(seconds=100)
    sent: list[bytes] = field(default_factory=list)
    in_view: set[str] = field(default_factory=set)  # tracks, as told

    def tell(
        self,
        at_s: float,
        kind: str,
        track: str,
        emotion: str = "neutral",
        previous: str | None = None,
        **more: object,
    ) -> bytes:
        """Send an event that happens `at_s` seconds after `START`."""
        self.seq += 1
        if kind == "face_appeared":
            self.in_view.add(track)
        elif kind == "face_left":
            self.in_view.discard(track)
        time = START + timedelta(seconds=at_s)
        event = Event(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name} {self.boot_id} {self.seq}")),
            source=f"/emotion/{self.name}",
            type=f"emotion-edge.{kind}",
            subject=track,
            time=time.isoformat().replace("+00:00", "Z"),
            data=EventData(
                event_type=EventType.FACE_APPEARED,
                track=track,
                emotion=emotion,
                previous=previous,
                confidence=0.9,
                scores=dict.fromkeys(LABELS, 1 / 7),
                intensity=0.5,
                box=[0.1, 0.1, 0.3, 0.4],
                faces=len(self.in_view),
                window_s=1.0,
                started_at=time.isoformat(),
                seq=self.seq,
                boot_id=self.boot_id,
                uptime_s=(time - self.booted).total_seconds(),
                time_synced=True,
                replayed=False,
                reason=None,
                model="emotion",
            ),
        )
        plain = msgspec.to_builtins(event)
        plain["data"] |= {"event_type": kind, **more}
        self.sent.append(encode(plain))
        return self.sent[-1]

    def visit(
        self, at_s: float, track: str, emotions: Sequence[tuple[str, float]], **of_left: object
    ) -> None:
        """Send a visit: each emotion with its seconds."""
        now, before = at_s, None
        for emotion, seconds in emotions:
            kind = "face_appeared" if before is None else "emotion_changed"
            self.tell(now, kind, track, emotion, before)
            now, before = now + seconds, emotion
        told = {"duration_s": now - at_s} | of_left
        self.tell(now + 2.0, "face_left", track, str(before), before, **told)

    def crowd(self, visits: int, rng: random.Random, span_s: float = 4 * 3600.0) -> None:
        """Send visits at random, one after the other in `seq` as their events happen."""
        plan: list[tuple[float, str, str, str, str | None, dict[str, object]]] = []
        for _ in range(visits):
            track, at = f"{rng.getrandbits(32):08x}", rng.uniform(0, span_s)
            now, before = at, None
            for _ in range(rng.randint(1, 5)):
                kind = "face_appeared" if before is None else "emotion_changed"
                emotion = rng.choice([e for e in LABELS if e != before])
                plan.append((now, kind, track, emotion, before, {}))
                now, before = now + rng.expovariate(1 / 20), emotion
            left = {"duration_s": now - at, "sums": {"looked_s": rng.uniform(0, now - at)}}
            plan.append((now + 2, "face_left", track, str(before), before, left))
        for at, kind, track, emotion, before, more in sorted(plan, key=lambda p: p[0]):
            self.tell(at, kind, track, emotion, before, **more)


def read(device: str, payload: bytes, received: datetime | None = None) -> NewEvent:
    """Return what the recorder makes of a message."""
    event = read_event(device, payload, received or START + timedelta(days=1))
    assert event is not None
    return event
