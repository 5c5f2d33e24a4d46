"""A recording in figures: how long each face showed what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from edge.analysis import EmotionShare, FaceSummary, Span, Summary
from edge.config import Config
from edge.contract import Health
from edge.messages import NOBODY, UNKNOWN, Estimate, EventType, Frame, PipelineEvent, Status
from edge.publish.event_builder import share
from edge.stages import OutboxStats
from edge.tools.analyze.sightings import Sightings
from edge.track import Pace

BEGINNINGS = frozenset(
    (
        EventType.ALERT_BEGAN,
        EventType.DISTRACTED,
        EventType.DROWSY,
        EventType.EYES_CLOSED,
        EventType.YAWN,
    )
)


@dataclass(slots=True)
class Sums:
    """Seconds of one face, or of all."""

    seconds: float = 0.0
    scored: float = 0.0  # s with scores
    shown: dict[str, float] = field(default_factory=dict)  # s by emotion
    area: dict[str, float] = field(default_factory=dict)  # score x s by label
    looked: float = 0.0  # s
    watched: float = 0.0  # s in which it is known whether it looked

    def add(self, estimate: Estimate, dt: float) -> None:
        """Count `dt` seconds of a face."""
        self.seconds += dt
        self.shown[estimate.emotion] = self.shown.get(estimate.emotion, 0.0) + dt
        if estimate.scores:
            self.scored += dt
            for label, score in estimate.scores.items():
                self.area[label] = self.area.get(label, 0.0) + score * dt
        if estimate.state is not None and estimate.state.looking is not None:
            self.watched += dt
            self.looked += dt * estimate.state.looking

    def emotions(self, labels: Sequence[str]) -> dict[str, EmotionShare]:
        """Return seconds, share and mean by label."""
        return {
            label: EmotionShare(
                seconds=round(self.shown.get(label, 0.0), 3),
                share=share(self.shown.get(label, 0.0) / self.seconds) if self.seconds else 0.0,
                mean=share(self.area.get(label, 0.0) / self.scored) if self.scored else 0.0,
            )
            for label in labels
        }

    def dominant(self) -> str:
        """Return the emotion that was shown the longest."""
        known = {label: s for label, s in self.shown.items() if label != UNKNOWN and s > 0}
        return max(known, key=known.__getitem__) if known else UNKNOWN

    def attention(self) -> float | None:
        """Return the share of the time in which it looked; None: nobody measured that."""
        return share(self.looked / self.watched) if self.watched else None


@dataclass(slots=True)
class _Face:
    began: float
    ended: float
    sums: Sums = field(default_factory=Sums)
    still: bool = False


class SummaryCollector:
    """An observer that adds up; a frame counts until the next one, a face to its last detection.

    Of a gap between frames a face has `track.lost_s`, as nobody knows who was there; the rest is
    nobody's.
    """

    def __init__(self, labels: Sequence[str], lost_s: float) -> None:
        """Add up the emotions `labels`; `lost_s` (s): `track.lost_s`."""
        self._labels = labels
        self._lost_s = lost_s
        self._faces: dict[str, _Face] = {}
        self._all = Sums()
        self._nobody = 0.0
        self._last: tuple[float, Sequence[Estimate]] | None = None
        self._first = 0.0
        self._pace = Pace()
        self._longest = lost_s  # s that faces of the last frame may count
        self._sightings = Sightings(self._take)
        self.frames = 0

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        """Count a frame."""
        self.frames += 1
        self._sightings.frame(frame.t, estimates)

    def finish(self, spans: Sequence[Span]) -> Summary:
        """Return the whole, the last frame as long as the one before."""
        self._sightings.finish()
        rest = min(self._pace.interval, self._longest)  # a gap comes once
        self._count(rest)
        last = self._last[0] if self._last else 0.0
        living = [f for f in self._faces.values() if not f.still]
        return Summary(
            frames=self.frames,
            seconds=round(last - self._first + rest, 3),
            face_seconds=round(self._all.seconds, 3),
            nobody_seconds=round(self._nobody, 3),
            dominant=self._all.dominant() if living else NOBODY,
            emotions=self._all.emotions(self._labels),
            attention=self._all.attention(),
            alerts=[self._cut(span) for span in spans],
            faces=[
                FaceSummary(
                    track=track,
                    from_s=round(f.began, 3),
                    to_s=round(f.ended, 3),
                    seconds=round(f.sums.seconds, 3),
                    dominant=f.sums.dominant(),
                    emotions=f.sums.emotions(self._labels),
                    attention=f.sums.attention(),
                    still=f.still,
                )
                for track, f in self._faces.items()
            ],
        )

    def _take(self, t: float, estimates: Sequence[Estimate]) -> None:
        """Count the frame before."""
        if self._last is None:
            self._first = t
        else:
            self._longest = self._pace.longest(self._lost_s)
            self._pace.take(t - self._last[0])
            self._count(self._pace.interval)
        self._last = (t, estimates)

    def _cut(self, span: Span) -> Span:
        """Return it with an end no later than its face's."""
        face = self._faces.get(span.track)
        if face is None:
            return span
        end = min(span.to_s, round(face.ended, 3))
        return msgspec.structs.replace(span, to_s=max(end, span.from_s))

    def _count(self, dt: float) -> None:
        if self._last is None:
            return
        t, estimates = self._last
        there = min(dt, self._longest)
        living = False
        for estimate in estimates:
            face = self._faces.setdefault(estimate.track.id, _Face(t, t))
            face.ended = t + there
            face.still = estimate.track.still
            face.sums.add(estimate, there)
            if not estimate.track.still:
                living = True
                self._all.add(estimate, there)
        self._nobody += dt - there if living else dt


class Spans:
    """A publisher that keeps what began and ended: alerts, closed eyes, yawns."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._open: dict[tuple[str, str | None, str], Span] = {}
        self._closed: list[Span] = []

    def publish(self, event: PipelineEvent, /) -> None:
        """Keep what began until it ends; a sum tells of attention, which comes and goes."""
        what = event.kind.removesuffix("_ended").removesuffix("_began")
        key = (what, event.alert, event.estimate.track.id)
        if event.kind.endswith("_ended"):
            self._close(key, event.t)
        elif event.kind in BEGINNINGS:
            began = event.t - (event.seconds or 0.0)
            known = self._open.get(key)
            self._open[key] = Span(
                what=what,
                name=event.alert,
                track=key[2],
                from_s=known.from_s if known else round(began, 3),
                to_s=round(event.t, 3),
                grade=event.grade or event.level,
            )

    def finish(self, t: float) -> list[Span]:
        """Return all in the order they began; what is still on ends at `t` (s)."""
        for key in list(self._open):
            self._close(key, t)
        return sorted(self._closed, key=lambda s: s.from_s)

    def _close(self, key: tuple[str, str | None, str], t: float) -> None:
        span = self._open.pop(key, None)
        if span is not None:
            self._closed.append(msgspec.structs.replace(span, to_s=round(t, 3)))

    def configure(self, config: Config, /) -> None:
        """Nothing depends on it."""

    def state(self, t: float, estimates: Sequence[Estimate], status: Status, /) -> None:
        """Nothing: observers see each frame."""

    def health(self, health: Health, /) -> None:
        """Nothing: a file has none."""

    def stats(self) -> OutboxStats:
        """Nothing ever waits."""
        return OutboxStats()

    def close(self, timeout_s: float, /) -> None:
        """Nothing is open."""
