"""Scripted faces: what a head, its lids and its mouth do, second by second, on a fake clock."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from edge.attention import AttentionJudge
from edge.config import Config
from edge.config_face import Attention, Drowsiness
from edge.drowsiness import DrowsinessJudge
from edge.events import EventRules
from edge.geometry import Box
from edge.messages import Estimate, EventType, Eyes, FaceState, PipelineEvent, Track

CAR = (Attention(distraction=True), Drowsiness(enabled=True))
YAW_SIGMA, OPEN_SIGMA = 4.0, 0.1  # degrees, share: noise of the values


@dataclass(frozen=True)
class Do:
    """What a face does for a time. `gone`: it is not in view; `stalled`: no frame comes."""

    seconds: float
    yaw: float | None = 0.0
    pitch: float | None = 0.0
    eyes: float | None = 0.9
    mouth: float | None = 0.05
    gone: bool = False
    stalled: bool = False


AHEAD = Do(5.0)


def noisy(value: float | None, sigma: float, rng: random.Random, *, part: bool) -> float | None:
    if value is None:
        return None
    value += rng.gauss(0.0, sigma)
    return min(max(value, 0.0), 1.0) if part else value


def state_of(do: Do, rng: random.Random, noise: float) -> FaceState:
    angle, part = YAW_SIGMA * noise, OPEN_SIGMA * noise
    return FaceState(
        yaw=noisy(do.yaw, angle, rng, part=False),
        pitch=noisy(do.pitch, angle, rng, part=False),
        roll=0.0,
        eyes=Eyes(noisy(do.eyes, part, rng, part=True), noisy(do.eyes, part, rng, part=True)),
        mouth=noisy(do.mouth, part, rng, part=True),
        smile=0.0,
    )


def at(script: Sequence[Do], t: float) -> Do | None:
    """What is done at `t`; None: the script is over."""
    for do in script:
        if t < do.seconds:
            return do
        t -= do.seconds
    return None


@dataclass(frozen=True)
class Said:
    """An event, and when it was handed on."""

    event: PipelineEvent
    told: float

    @property
    def what(self) -> str:
        level = self.event.level
        return f"{self.event.kind}" + (f" {level}" if level else "")


def play(
    *scripts: Sequence[Do],
    rate: float = 30.0,
    noise: float = 0.0,
    seed: int = 0,
    settings: tuple[Attention, Drowsiness] = CAR,
    phase: float = 0.0,
) -> list[Said]:
    """Let faces do what is in `scripts`, side by side, and return what is said of them.

    `phase` is when the first measurement falls, as a fraction of the time between two.
    """
    rng = random.Random(seed)
    config = Config(attention=settings[0], drowsiness=settings[1])
    judges = AttentionJudge(config), DrowsinessJudge(config)
    rules = EventRules()
    length = max(sum(do.seconds for do in s) for s in scripts)
    said: list[Said] = []
    for n in range(int((length + 1.0) * rate)):
        t = (n + phase) / rate
        if any(do is not None and do.stalled for do in (at(script, t) for script in scripts)):
            continue
        estimates: tuple[Estimate, ...] = ()
        for i, script in enumerate(scripts):
            do = at(script, t)
            if do is None or do.gone:
                continue
            state = state_of(do, rng, noise)
            track = Track(
                f"face{i}",
                Box(10, 10, 80, 90),
                0.9,
                0.0,
                t,
                (320, 240),
                state=state,
                state_t=t,
            )
            estimates += (
                Estimate(track, "neutral", 0.9, {"neutral": 0.9}, 0.1, 0.0, None, 1.0, state=state),
            )
        for judge in judges:
            estimates = judge.update(t, estimates)
        said += [Said(e, t) for e in rules.update(t, estimates)]
    return said


def conditions(said: Sequence[Said], *, attention: bool = True) -> list[Said]:
    """What was said of conditions: no coming, changing, going."""
    plain = {EventType.FACE_APPEARED, EventType.FACE_LEFT, EventType.EMOTION_CHANGED}
    if not attention:
        plain |= {EventType.ATTENTION_BEGAN, EventType.ATTENTION_ENDED}
    return [s for s in said if s.event.kind not in plain]
