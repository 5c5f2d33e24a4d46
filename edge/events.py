"""Turns moods into changes worth an event: faces come, change and go; alerts begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.config import Alert
from edge.messages import UNKNOWN, Change, EventType, Mood, Reason

# s: a face without an emotion so far is announced after this long all the same, as unknown.
ANNOUNCE_S = 1.0


@dataclass(slots=True, eq=False)
class _Seen:
    """One track as subscribers know it."""

    mood: Mood
    first: float  # s: first believed
    announced: bool = False
    emotion: str = UNKNOWN


class EventRules:
    """`face_appeared`, `emotion_changed`, `face_left`, and the alert where it is enabled."""

    def __init__(self, alert: Alert) -> None:
        """Begin with nobody in view."""
        self._seen: dict[str, _Seen] = {}
        self._alerts = AlertRule(alert) if alert.enabled else None

    def configure(self, alert: Alert) -> None:
        """Go on by other settings of the alert; whether there is one does not change."""
        if self._alerts is not None:
            self._alerts.configure(alert)

    def update(self, t: float, moods: Sequence[Mood]) -> tuple[Change, ...]:
        """Return what changed since the last call: who left, then who came, then what changed."""
        present = {m.track.id for m in moods}
        out = self._leave(t, [i for i in self._seen if i not in present], None)
        for mood in moods:
            seen = self._seen.get(mood.track.id)
            if seen is None:
                seen = self._seen[mood.track.id] = _Seen(mood, t)
            seen.mood = mood
            if not seen.announced:
                if mood.emotion == UNKNOWN and mood.reason is None and t - seen.first < ANNOUNCE_S:
                    continue
                seen.announced = True
                seen.emotion = mood.emotion
                out.append(Change(EventType.FACE_APPEARED, t, mood, None, self._count()))
            elif mood.emotion != seen.emotion:
                previous, seen.emotion = seen.emotion, mood.emotion
                out.append(Change(EventType.EMOTION_CHANGED, t, mood, previous, self._count()))
            if self._alerts is not None:
                out += self._alerts.update(t, mood, self._count())
        return tuple(out)

    def blind(self, t: float, reason: Reason) -> tuple[Change, ...]:
        """Return the changes that follow from seeing nothing: alerts ended, faces left."""
        return tuple(self._leave(t, list(self._seen), reason))

    def announced(self, moods: Sequence[Mood]) -> tuple[Mood, ...]:
        """Return those moods whose face subscribers were told of."""
        return tuple(
            m for m in moods if m.track.id in self._seen and self._seen[m.track.id].announced
        )

    def _count(self) -> int:
        return sum(s.announced for s in self._seen.values())

    def _leave(self, t: float, ids: Sequence[str], reason: Reason | None) -> list[Change]:
        out: list[Change] = []
        for track_id in ids:
            seen = self._seen.pop(track_id)
            if not seen.announced:
                continue
            mood = replace(seen.mood, emotion=seen.emotion)
            if self._alerts is not None:
                out += self._alerts.end(t, mood, self._count(), reason)
            out.append(
                Change(
                    EventType.FACE_LEFT,
                    t,
                    mood,
                    seen.emotion,
                    self._count(),
                    duration_s=t - mood.track.began,
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
        """Use the section `alert`."""
        self._levels: dict[str, _Level] = {}
        self.configure(config)

    def configure(self, config: Alert) -> None:
        """Go on by other settings."""
        self._config = config

    def update(self, t: float, mood: Mood, faces: int) -> list[Change]:
        """Return an `alert_began` or `alert_ended` for this track, or nothing."""
        level = self._levels.setdefault(mood.track.id, _Level(last=t))
        value = sum(mood.scores.get(name, 0.0) for name in self._config.emotions)
        dt, level.last = t - level.last, t
        if value >= self._config.level:
            level.below = None
            if level.above is None:
                level.above, level.area = t, 0.0
            level.area += value * dt
            held = t - level.above
            if level.began is None and held >= self._config.after_s:
                level.began = t
                grade = self.grade(level.area / held)
                return [Change(EventType.ALERT_BEGAN, t, mood, None, faces, grade=grade)]
            return []
        if level.began is None:
            level.above = None
            return []
        level.below = t if level.below is None else level.below
        if t - level.below >= self._config.clear_s:
            return self.end(t, mood, faces, None)
        return []

    def grade(self, mean: float) -> str:
        """Return less, moderate or more for the mean sum of scores over the held time."""
        if mean >= self._config.more:
            return "more"
        return "moderate" if mean >= self._config.moderate else "less"

    def end(self, t: float, mood: Mood, faces: int, reason: Reason | None) -> list[Change]:
        """Forget a track; return its `alert_ended` if an alert was on."""
        level = self._levels.pop(mood.track.id, None)
        if level is None or level.began is None:
            return []
        lasted = t - level.began
        return [
            Change(EventType.ALERT_ENDED, t, mood, None, faces, duration_s=lasted, reason=reason)
        ]
