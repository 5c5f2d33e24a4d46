"""From what the stages say to what the contract promises: ids, times, shares of the frame."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

from edge.clock import rfc3339
from edge.contract import TYPE_PREFIX, Attribute, AudienceNow, Event, EventData, FaceInView, State
from edge.messages import NOBODY, Estimate, PipelineEvent, Reason, Status, rounded, rounded_sums
from edge.publish.identity import Identity
from edge.publish.timesync import time_synced
from edge.stages import Clock

DIGITS = 4  # of a share: 7 scores rounded so still add up to 1 within 3.5e-4
SYNC_CHECK_S = 10.0  # time_synced is asked no more often: it turns once or twice in a boot


def share(value: float) -> float:
    """Return `value` cut to [0, 1] and rounded, as shares are published."""
    return round(min(max(float(value), 0.0), 1.0), DIGITS)


class EventBuilder:
    """Makes events and states of one run. Not thread-safe: the loop's thread calls it."""

    def __init__(
        self,
        identity: Identity,
        clock: Clock,
        rng: random.Random,
        synced: Callable[[], bool] = time_synced,
    ) -> None:
        self._who = identity
        self._clock = clock
        self._rng = rng
        self._ask_synced = synced
        self._synced = False
        self._asked: float | None = None

    def event(self, event: PipelineEvent) -> Event:
        """Return the event of a event; `seq` is 0 until it is stored.

        Times are when it happened, by the wall clock of now: a clock that was set since is right
        about the past too. `id` is a random UUID (version 4) out of the random source handed in.
        """
        estimate = event.estimate
        now, wall = self._clock.now(), self._clock.wall()
        reason = event.reason or estimate.reason
        return Event(
            id=str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            source=self._who.source,
            type=TYPE_PREFIX + event.kind,
            subject=estimate.track.id,
            time=rfc3339(wall - (now - event.t)),
            data=EventData(
                event_type=event.kind.value,
                track=estimate.track.id,
                emotion=estimate.emotion,
                previous=event.previous,
                confidence=share(estimate.confidence),
                scores=_shares(estimate.scores),
                intensity=share(estimate.intensity),
                box=[share(v) for v in estimate.track.unit_box],
                faces=event.faces,
                window_s=round(float(estimate.window_s), 3),
                started_at=rfc3339(wall - (now - estimate.since)),
                seq=0,
                boot_id=self._who.boot_id,
                uptime_s=round(event.t, 3),  # Linux's monotonic clock begins at boot
                time_synced=self.synced(now),
                replayed=False,
                reason=reason.value if reason else None,
                model=self._who.model.name,
                attributes=_attributes(estimate),
                state=rounded(estimate.state),
                alert=event.alert,
                baseline=_shares(estimate.baseline),
                grade=cast(Literal["less", "moderate", "more"] | None, event.grade),
                level=event.level,
                seconds=None if event.seconds is None else round(event.seconds, 3),
                sums=rounded_sums(estimate.sums),
                duration_s=None if event.duration_s is None else round(event.duration_s, 3),
            ),
        )

    def state(
        self,
        t: float,
        estimates: Sequence[Estimate],
        status: Status,
        audience: AudienceNow | None = None,
    ) -> State:
        """Return the present; `estimates` largest face first, `seq` 0 until events are stored."""
        faces = [e for e in estimates if not e.track.still]
        reason: Reason | None
        if status in (Status.CAMERA_LOST, Status.PAUSED):
            reason = Reason(status)
        elif status == Status.RUNNING:
            reason = faces[0].reason if faces else Reason.NO_FACE
        else:
            reason = None
        return State(
            time=self.time(t),
            seq=0,
            status=status,
            emotion=faces[0].emotion if faces else NOBODY,
            faces=[_face(t, estimate) for estimate in faces],
            still=[_face(t, estimate) for estimate in estimates if estimate.track.still],
            audience=audience,
            reason=reason.value if reason else None,
        )

    def time(self, t: float | None = None) -> str:
        """Return a monotonic instant (None: now) as wall time."""
        ago = 0.0 if t is None else self._clock.now() - t
        return rfc3339(self._clock.wall() - ago)

    def synced(self, now: float) -> bool:
        """Return whether the wall clock can be believed; asked at most every `SYNC_CHECK_S`."""
        if self._asked is None or now - self._asked >= SYNC_CHECK_S:
            self._asked = now
            self._synced = self._ask_synced()
        return self._synced


def _face(t: float, estimate: Estimate) -> FaceInView:
    return FaceInView(
        track=estimate.track.id,
        emotion=estimate.emotion,
        confidence=share(estimate.confidence),
        scores=_shares(estimate.scores),
        intensity=share(estimate.intensity),
        box=[share(v) for v in estimate.track.unit_box],
        since_s=round(max(t - estimate.since, 0.0), 3),
        reason=estimate.reason.value if estimate.reason else None,
        attributes=_attributes(estimate),
        state=rounded(estimate.state),
        conditions=[c.kind.value for c in estimate.conditions if c.ended is None],
        sums=rounded_sums(estimate.sums),
        baseline=_shares(estimate.baseline),
        still=estimate.track.still,
    )


def _shares(scores: Mapping[str, float]) -> dict[str, float]:
    return {label: share(value) for label, value in scores.items()}


def _attributes(estimate: Estimate) -> dict[str, Attribute]:
    return {
        name: Attribute(a.label, share(a.confidence), _shares(a.scores))
        for name, a in estimate.attributes.items()
    }
