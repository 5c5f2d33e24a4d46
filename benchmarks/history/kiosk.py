"""What a kiosk's device would have published: visits with their events, by the contract.

People come by the hour and the weekday, more in December; how long they stay is log-normal, as
dwell before displays is. Made of a seed: the same each time.
"""

from __future__ import annotations

import heapq
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

from edge.contract import Event, EventData, encode
from edge.messages import EventType

# Visitors by the hour, in parts of the busiest; a shop's day.
HOURS = {9: 0.3, 10: 0.5, 11: 0.7, 12: 0.95, 13: 0.9, 14: 0.7, 15: 0.7, 16: 0.85, 17: 1.0}
HOURS |= {18: 0.9, 19: 0.5, 20: 0.05}
WEEKDAYS = (0.8, 0.75, 0.8, 0.85, 1.0, 1.25, 0.0)  # Monday to Sunday, which is closed
DWELL_MEDIAN_S = 6.0
DWELL_SIGMA = 0.9  # of its logarithm
LOOKS = 0.4  # of the visitors look at the screen
STEADY_S = 2.6  # mean s between two changes of an emotion
EMOTIONS = ("neutral", "happy", "surprise", "sad", "unknown", "angry", "fear", "disgust")
WEIGHTS = (52, 24, 7, 6, 6, 3, 1, 1)
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


class Kiosk:
    """One device."""

    def __init__(self, device: str, seed: int = 1, zone: tzinfo = UTC) -> None:
        self.device = device
        self.seq = 0
        self._random = random.Random(f"{device} {seed}")
        self._zone = zone
        self._boot = str(uuid.UUID(int=self._random.getrandbits(128)))

    def days(self, first: datetime, days: int, visitors: float) -> Iterator[tuple[Event, bytes]]:
        """Yield the events of some days in the order in which they happened, and their messages.

        Args:
            first: a midnight by the kiosk's clock.
            days: how many.
            visitors: of a usual weekday; December has half as many more.
        """
        for i in range(days):
            day = first + timedelta(days=i)
            for event in self._day(day, visitors * (1.5 if day.month == 12 else 1.0)):
                yield event, self._message(event)

    def _message(self, event: Event) -> bytes:
        dwell = event.data.duration_s
        if dwell is None:
            return encode(event)
        looked = dwell * self._random.uniform(0.2, 0.9) if self._random.random() < LOOKS else 0.0
        message = msgspec.to_builtins(event)
        message["data"]["sums"] = {"looked_s": round(looked, 2)}
        return msgspec.json.encode(message)

    def _day(self, day: datetime, visitors: float) -> Iterator[Event]:
        r = self._random
        share = WEEKDAYS[day.weekday()] / sum(HOURS.values())
        comings: list[float] = []
        for hour, weight in HOURS.items():
            begin = (day + timedelta(hours=hour)).astimezone(UTC).timestamp()
            expected = visitors * share * weight
            count = max(0, round(r.gauss(expected, expected**0.5)))
            comings += [begin + r.uniform(0, 3600) for _ in range(count)]
        waiting: list[tuple[float, int, list[tuple[float, EventType, str, str | None, float]]]] = []
        for n, came in enumerate(sorted(comings)):
            while waiting and waiting[0][0] < came:
                yield self._next(waiting)
            self._visit(came, n, waiting)
        while waiting:
            yield self._next(waiting)

    def _visit(self, came: float, n: int, waiting: list) -> None:  # type: ignore[type-arg]
        r = self._random
        dwell = min(r.lognormvariate(0, DWELL_SIGMA) * DWELL_MEDIAN_S, 1800.0)
        emotion = r.choices(EMOTIONS, WEIGHTS)[0]
        steps: list[tuple[float, EventType, str, str | None, float]] = []
        steps.append((came + min(0.4, dwell), EventType.FACE_APPEARED, emotion, None, 0.0))
        at = came + r.expovariate(1 / STEADY_S)
        while at < came + dwell - 0.4:
            previous, emotion = emotion, r.choices(EMOTIONS, WEIGHTS)[0]
            if emotion != previous and at > steps[-1][0]:
                steps.append((at, EventType.EMOTION_CHANGED, emotion, previous, 0.0))
            at += 0.3 + r.expovariate(1 / STEADY_S)
        steps.append((max(came + dwell, steps[-1][0]), EventType.FACE_LEFT, emotion, None, dwell))
        track = f"{r.getrandbits(32):08x}"
        for i, step in enumerate(steps):
            heapq.heappush(waiting, (step[0], n * 10_000 + i, (track, *step)))

    def _next(self, waiting: list) -> Event:  # type: ignore[type-arg]
        _, _, (track, t, kind, emotion, previous, dwell) = heapq.heappop(waiting)
        return self.event(t, kind, track, emotion, previous, dwell)

    def event(
        self,
        t: float,
        kind: EventType,
        track: str,
        emotion: str,
        previous: str | None = None,
        dwell: float = 0.0,
    ) -> Event:
        """Return one event, with the next number."""
        self.seq += 1
        r = self._random
        sure = 0.0 if emotion == "unknown" else round(r.uniform(0.5, 0.95), 3)
        rest = round((1 - sure) / 6, 4)
        scores = {e: sure if e == emotion else rest for e in LABELS} if sure else {}
        time = datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        return Event(
            id=str(uuid.UUID(int=r.getrandbits(128))),
            source=f"/emotion/{self.device}",
            type=f"emotion-edge.{kind}",
            subject=track,
            time=time,
            data=EventData(
                event_type=kind,
                track=track,
                emotion=emotion,
                previous=previous,
                confidence=sure or 0.3,
                scores=scores,
                intensity=round(1 - scores.get("neutral", 1.0), 3),
                box=[0.4, 0.3, 0.12, 0.2],
                faces=1,
                window_s=1.2,
                started_at=time,
                seq=self.seq,
                boot_id=self._boot,
                uptime_s=round(t % 1e8, 3),
                time_synced=True,
                replayed=False,
                reason=None if sure else "low_confidence",
                model="emotion",
                duration_s=round(dwell, 3) if kind is EventType.FACE_LEFT else None,
            ),
        )
