"""Sequences through the daemon's own pipeline, and whether it said what it had to."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from benchmarks.reaction.morph import Film, Picture
from benchmarks.state.sequences import Expected, Sequence
from benchmarks.versus.loops import OurLoop
from edge.messages import Estimate, EventType, Frame, PipelineEvent, Reason

FPS = 20.0  # 1/s: a camera's; the profile `car` asks each face as often
NOISE = 3.0  # luma, standard deviation: a webcam's in a room
WITHIN_S = 0.3  # of what is to be said: when it was so
# s: told so soon after it was so. `attention.hold_s` of 0.25 s must pass, and two frames.
TOLD_S = 0.4
# Coming and going, emotions and looks are not what a sequence is about.
ASIDE = {
    EventType.FACE_APPEARED,
    EventType.FACE_LEFT,
    EventType.EMOTION_CHANGED,
    EventType.ATTENTION_BEGAN,
    EventType.ATTENTION_ENDED,
}


@dataclass(frozen=True, slots=True)
class Said:
    """An event: what it says, when that was so and when it was told, s."""

    what: str
    t: float
    told: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What the network said of the largest face at `t` (s); None: it cannot be told."""

    t: float
    eyes: tuple[float | None, float | None]
    mouth: float | None
    yaw: float | None
    pitch: float | None


class Daemon(OurLoop):
    """The pipeline on luma; keeps what its rules say and what its network saw."""

    def __init__(
        self, frames: Any, profile: str | None, sets: Many[str] = (), *, fps: float = FPS
    ) -> None:
        """Feed `frames` to a profile, to the defaults where that is None."""
        named = [f"profile={profile}"] if profile else []
        super().__init__(Path(), "face", frames, [*named, *sets], fps=fps)
        self.said: list[Said] = []
        self.samples: list[Sample] = []
        self._inner: Any = self.pipeline.rules
        self.pipeline.rules = self

    def frame(self, frame: Frame, estimates: Many[Estimate], /) -> None:
        super().frame(frame, estimates)
        if estimates and (state := estimates[0].state) is not None:
            eyes = (state.eyes.left, state.eyes.right)
            self.samples.append(Sample(frame.t, eyes, state.mouth, state.yaw, state.pitch))

    # Stands in for the rules.

    def configure(self, alerts: Any) -> None:
        self._inner.configure(alerts)

    def update(self, t: float, estimates: Many[Estimate], /) -> list[PipelineEvent]:
        events: list[PipelineEvent] = list(self._inner.update(t, estimates))
        for e in events:
            what = f"{e.kind}" + (f" {e.level}" if e.level else "")
            self.said.append(Said(what, e.t, t))
        return events

    def lose_sight(self, t: float, reason: Reason, /) -> Any:
        return self._inner.lose_sight(t, reason)

    def announced(self, estimates: Many[Estimate], /) -> Any:
        return self._inner.announced(estimates)


def film(sequence: Sequence, room: Picture, fps: float = FPS) -> Film:
    """Return a sequence as a camera sees it."""
    s = sequence
    return Film(s.portraits, s.keyframes, room, seed=s.seed, noise=NOISE, fps=fps)


def about(said: Many[Said]) -> list[Said]:
    """Return what is said of lids, mouths and distraction."""
    plain = {str(kind) for kind in ASIDE}
    return [s for s in said if s.what not in plain]


def faults(said: Many[Said], expected: Expected) -> list[str]:
    """Return what is missing, wrong in time, or too much; empty: all is right."""
    left = list(said)
    out = []
    for what, t in expected:
        same = [s for s in left if s.what == what]
        if not same:
            out.append(f"no {what}")
            continue
        nearest = min(same, key=lambda s: abs(s.t - t))
        left.remove(nearest)
        if abs(nearest.t - t) > WITHIN_S:
            out.append(f"{what} {nearest.t - t:+.2f} s off")
        elif nearest.told - nearest.t > TOLD_S:
            out.append(f"{what} told {nearest.told - nearest.t:.2f} s late")
    return out + [f"unasked {s.what}" for s in left]


def run(sequence: Sequence, room: Picture, profile: str) -> tuple[list[Sample], list[Said]]:
    """Return what the daemon's network saw of a sequence, and what was said."""
    cv2.setNumThreads(1)
    daemon = Daemon(film(sequence, room), profile)
    daemon.run()
    return daemon.samples, daemon.said
