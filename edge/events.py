"""Turns estimates into events: faces come, change and go; alerts begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from edge.config_emotion import Alert
from edge.messages import (
    CONDITIONS,
    UNKNOWN,
    Condition,
    ConditionKind,
    Estimate,
    EventType,
    PipelineEvent,
    Reason,
)


@dataclass(slots=True, eq=False)
class _Seen:
    """One track as subscribers know it."""

    estimate: Estimate
    began: float  # s: first detection as a living face
    announced: float | None = None  # s: when
    emotion: str = UNKNOWN
    conditions: dict[ConditionKind, Condition] = field(default_factory=dict)  # that are on


class EventRules:
    """`face_appeared`, `emotion_changed`, `face_left`; the alerts that are enabled.

    And what the judges of attention and drowsiness say: conditions that begin and end.
    """

    def __init__(self, alerts: Sequence[Alert] = ()) -> None:
        """Begin with nobody in view."""
        self._seen: dict[str, _Seen] = {}
        self._pictures: set[str] = set()  # tracks
        self._alerts = {a.name: AlertRule(a) for a in alerts}

    def configure(self, alerts: Sequence[Alert]) -> None:
        """Go on by other settings; an alert that is switched off or taken out ends."""
        given = {a.name: a for a in alerts}
        for name, rule in self._alerts.items():
            if name not in given and not rule.idle:  # the next update ends it
                given[name] = rule.switched_off()
        before = self._alerts
        self._alerts = {name: before.get(name) or AlertRule(a) for name, a in given.items()}
        for name, alert in given.items():
            self._alerts[name].configure(alert)

    def update(self, t: float, estimates: Sequence[Estimate]) -> tuple[PipelineEvent, ...]:
        """Return what changed since the last call: who left, then who came, then what changed."""
        before, self._pictures = self._pictures, {e.track.id for e in estimates if e.track.still}
        present = {e.track.id for e in estimates}
        out = self._leave(t, [i for i in self._seen if i not in present], None)
        out += self._leave(t, [i for i in self._seen if i in self._pictures], Reason.PICTURE)
        for estimate in estimates:
            track = estimate.track
            if track.still:
                continue
            seen = self._seen.get(track.id)
            if seen is None:
                began = t if track.id in before else track.began
                seen = self._seen[track.id] = _Seen(estimate, began)
            seen.estimate = estimate
            if seen.announced is None:
                if estimate.emotion == UNKNOWN and estimate.reason is None:
                    continue  # it settles; the smoother has an answer or a reason within a second
                seen.announced = t
                seen.emotion = estimate.emotion
                out.append(PipelineEvent(EventType.FACE_APPEARED, t, estimate, None, self._count()))
            elif estimate.emotion != seen.emotion:
                previous, seen.emotion = seen.emotion, estimate.emotion
                out.append(
                    PipelineEvent(EventType.EMOTION_CHANGED, t, estimate, previous, self._count())
                )
            for rule in self._alerts.values():
                out += rule.update(t, estimate, self._count())
            if estimate.conditions or seen.conditions:
                out += self._conditions(t, seen)
        return tuple(out)

    def lose_sight(self, t: float, reason: Reason) -> tuple[PipelineEvent, ...]:
        """Return the events that follow from seeing nothing: alerts ended, faces left."""
        return tuple(self._leave(t, list(self._seen), reason))

    def announced(self, estimates: Sequence[Estimate]) -> tuple[Estimate, ...]:
        """Return the estimates of faces that subscribers were told of, and those of pictures."""
        return tuple(
            e
            for e in estimates
            if e.track.still
            or (e.track.id in self._seen and self._seen[e.track.id].announced is not None)
        )

    def _count(self) -> int:
        return sum(s.announced is not None for s in self._seen.values())

    def _conditions(self, t: float, seen: _Seen) -> list[PipelineEvent]:
        """Return what began and ended of a face's conditions; those are the judges' to say."""
        out = []
        told = seen.announced if seen.announced is not None else t
        now = {c.kind: c for c in seen.estimate.conditions if c.ended is None}
        ended = {c.kind: c for c in seen.estimate.conditions if c.ended is not None}
        for kind, condition in list(seen.conditions.items()):
            if kind in ended or kind not in now:
                out.append(self._ended(t, seen, ended.get(kind, condition), None))
        for kind, condition in now.items():
            known = seen.conditions.get(kind)
            seen.conditions[kind] = condition  # what it lasted is told to date, however it ends
            if known is None or known.level != condition.level:
                at = max(condition.at, told)  # nothing of a face is told before it appeared
                out.append(
                    PipelineEvent(
                        CONDITIONS[kind][0],
                        at,
                        seen.estimate,
                        None,
                        self._count(),
                        level=condition.level,
                        seconds=max(at - condition.since, 0.0),
                    )
                )
        return out

    def _ended(
        self, t: float, seen: _Seen, condition: Condition, reason: Reason | None
    ) -> PipelineEvent:
        end = t if condition.ended is None else condition.ended
        del seen.conditions[condition.kind]
        return PipelineEvent(
            CONDITIONS[condition.kind][1],
            max(end, seen.announced if seen.announced is not None else end),
            seen.estimate,
            None,
            self._count(),
            reason=reason,
            level=condition.level,
            seconds=max(end - condition.since, 0.0),
        )

    def _leave(self, t: float, ids: Sequence[str], reason: Reason | None) -> list[PipelineEvent]:
        out: list[PipelineEvent] = []
        for track_id in ids:
            seen = self._seen.pop(track_id)
            if seen.announced is None:
                continue
            estimate = seen.estimate = replace(seen.estimate, emotion=seen.emotion)
            last = max(estimate.track.seen, seen.announced)  # nobody knows what it did since
            for condition in list(seen.conditions.values()):
                out.append(self._ended(last, seen, condition, reason))
            for rule in self._alerts.values():
                out += rule.end(t, estimate, self._count(), reason)
            out.append(
                PipelineEvent(
                    EventType.FACE_LEFT,
                    t,
                    estimate,
                    seen.emotion,
                    self._count(),
                    duration_s=max(estimate.track.seen - seen.began, 0.0),
                    reason=reason,
                )
            )
        return out


@dataclass(slots=True)
class _Level:
    """How long one track has been above or below the alert's level."""

    above: float | None = None  # s: since when above
    below: float | None = None  # s: since when below, while an alert is on
    began: float | None = None  # s: alert on since
    last: float = 0.0
    area: float = 0.0  # sum of level x seconds since `above`


class AlertRule:
    """A sum of chosen scores held above a level for a time.

    It stands in for the "stress" and "depression" counters of webcam demos, and is no diagnosis:
    it says what a face showed, for how long.
    """

    def __init__(self, config: Alert) -> None:
        """Use one section `alert`."""
        self._levels: dict[str, _Level] = {}
        self.configure(config)

    def configure(self, config: Alert) -> None:
        """Go on by other settings."""
        self._config = config

    @property
    def idle(self) -> bool:
        """Whether no track is above the level."""
        return not self._levels

    def switched_off(self) -> Alert:
        """Return its settings, not enabled."""
        return msgspec.structs.replace(self._config, enabled=False)

    def update(self, t: float, estimate: Estimate, faces: int) -> list[PipelineEvent]:
        """Return an `alert_began` or `alert_ended` for this track, or nothing."""
        if not self._config.enabled:
            return self.end(t, estimate, faces, None)
        level = self._levels.setdefault(estimate.track.id, _Level(last=t))
        value = sum(estimate.scores.get(name, 0.0) for name in self._config.emotions)
        dt, level.last = t - level.last, t
        if value >= self._config.level:
            level.below = None
            if level.above is None:
                level.above, level.area = t, 0.0
            else:
                level.area += value * dt
            held = t - level.above
            if level.began is None and held >= self._config.after_s:
                level.began = t
                grade, name = self.grade(level.area / held), self._config.name or None
                kind = EventType.ALERT_BEGAN
                return [PipelineEvent(kind, t, estimate, None, faces, alert=name, grade=grade)]
            return []
        if level.began is None:
            level.above = None
            return []
        level.below = t if level.below is None else level.below
        if t - level.below >= self._config.clear_s:
            return self.end(t, estimate, faces, None)
        return []

    def grade(self, mean: float) -> str:
        """Return less, moderate or more for the mean sum of scores over the held time."""
        if mean >= self._config.more:
            return "more"
        return "moderate" if mean >= self._config.moderate else "less"

    def end(
        self, t: float, estimate: Estimate, faces: int, reason: Reason | None
    ) -> list[PipelineEvent]:
        """Forget a track; return its `alert_ended` if an alert was on."""
        level = self._levels.pop(estimate.track.id, None)
        if level is None or level.began is None:
            return []
        lasted = t - level.began
        return [
            PipelineEvent(
                EventType.ALERT_ENDED,
                t,
                estimate,
                None,
                faces,
                alert=self._config.name or None,
                duration_s=lasted,
                reason=reason,
            )
        ]
