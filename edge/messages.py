"""What passes between stages: frozen, typed messages. What leaves the device is in `contract`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, TypeAlias

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edge.geometry import Box, Points

UNKNOWN = "unknown"  # the emotion when nothing can be said; never a class of a model
NOBODY = "none"  # the emotion of a state without faces; never a class of a model either


class Status(StrEnum):
    """What the daemon does now. Published as it stands."""

    RUNNING = "running"
    PAUSED = "paused"
    CAMERA_LOST = "camera_lost"
    STOPPED = "stopped"


class Reason(StrEnum):
    """Why there is no (sure) answer. Published as it stands."""

    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    COVERED = "covered"  # the mouth: by a mask, say
    YAWNING = "yawning"  # or screaming: the mouth is wide open, no eye is
    LOW_LIGHT = "low_light"
    LOW_CONFIDENCE = "low_confidence"
    NOT_SCORED = "not_scored"
    NO_FACE = "no_face"
    PICTURE = "picture"
    EMOTION_OFF = "emotion_off"  # by configuration, no emotion is judged here
    CAMERA_LOST = "camera_lost"
    PAUSED = "paused"
    STOPPED = "stopped"  # the daemon ends
    LOST = "lost"  # an earlier run ended without a word


class EventType(StrEnum):
    """What an event says."""

    FACE_APPEARED = "face_appeared"
    EMOTION_CHANGED = "emotion_changed"
    FACE_LEFT = "face_left"
    ALERT_BEGAN = "alert_began"
    ALERT_ENDED = "alert_ended"
    ATTENTION_BEGAN = "attention_began"
    ATTENTION_ENDED = "attention_ended"
    EYES_CLOSED = "eyes_closed"
    EYES_CLOSED_ENDED = "eyes_closed_ended"
    DROWSY = "drowsy"
    DROWSY_ENDED = "drowsy_ended"
    YAWN = "yawn"
    YAWN_ENDED = "yawn_ended"
    DISTRACTED = "distracted"
    DISTRACTED_ENDED = "distracted_ended"


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Frame:
    """One camera image and the instant its exposure began."""

    seq: int  # +1 per exposure, so a gap counts dropped frames
    t: float  # s, monotonic
    luma: NDArray[np.uint8]  # (height, width)


@dataclass(frozen=True, slots=True)
class CameraLost:
    """Yielded by a camera in place of a frame, about once a second, while it is being reopened."""

    t: float  # s, monotonic
    since: float  # s, monotonic: when the last frame came
    why: str  # for the log and `health`; never a picture, never a secret


@dataclass(frozen=True, slots=True)
class CameraSilent:
    """Yielded by a camera about once a second while a frame is late, and it is not lost yet."""

    t: float  # s, monotonic
    since: float  # s, monotonic: when the last frame came


FromCamera: TypeAlias = Frame | CameraLost | CameraSilent


@dataclass(frozen=True, slots=True)
class Face:
    """One face found by a detector in one frame."""

    box: Box
    score: float  # the detector's own, in [0, 1]
    # right eye, left eye, nose, right and left mouth corner (of the subject), pixels of the frame
    landmarks: Points | None = None


Degrees = Annotated[float, Meta(ge=-180, le=180)]
Part = Annotated[float, Meta(ge=0, le=1)]


class Eyes(Struct, frozen=True):
    """How far each eye is open: 0 shut, 1 open; null: it cannot be told."""

    left: Annotated[Part | None, Meta(description="the person's own left eye")] = None
    right: Annotated[Part | None, Meta(description="the person's own right eye")] = None


class FaceState(Struct, frozen=True):
    """What a face is doing; null: it cannot be told."""

    yaw: Annotated[
        Degrees | None, Meta(description="degrees; positive: turned to the picture's right edge")
    ] = None
    pitch: Annotated[Degrees | None, Meta(description="degrees; positive: it looks up")] = None
    roll: Annotated[
        Degrees | None,
        Meta(description="degrees; positive: the head's top tilts to the picture's right edge"),
    ] = None
    eyes: Eyes = Eyes()
    mouth: Annotated[Part | None, Meta(description="how far it is open: 0 shut, 1 wide")] = None
    smile: Annotated[Part | None, Meta(description="0 none, 1 broad")] = None
    looking: Annotated[
        bool | None, Meta(description="at what is to be looked at; null without `attention`")
    ] = None


def rounded(state: FaceState | None) -> FaceState | None:
    """Return a face's state as it is published: tenths of a degree, hundredths of a share."""
    if state is None:
        return None
    return FaceState(
        yaw=_round(state.yaw, 1),
        pitch=_round(state.pitch, 1),
        roll=_round(state.roll, 1),
        eyes=Eyes(_round(state.eyes.left, 2), _round(state.eyes.right, 2)),
        mouth=_round(state.mouth, 2),
        smile=_round(state.smile, 2),
        looking=state.looking,
    )


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


class Sums(Struct, frozen=True):
    """What a face did since it came, and how its lids moved in the last minute."""

    looked_s: Annotated[float, Meta(ge=0, description="seconds that it looked")] = 0.0
    blinks: Annotated[int, Meta(ge=0)] = 0
    yawns: Annotated[int, Meta(ge=0)] = 0
    perclos: Annotated[
        Part | None,
        Meta(description="PERCLOS: share of the last minute with the eyes closed; null: too early"),
    ] = None
    blinks_per_min: Annotated[float | None, Meta(description="in the last minute")] = None
    blink_s: Annotated[
        float | None, Meta(description="mean seconds of a blink in the last minute")
    ] = None


def rounded_sums(sums: Sums | None) -> Sums | None:
    """Return the sums as they are published."""
    if sums is None:
        return None
    return Sums(
        looked_s=round(sums.looked_s, 2),
        blinks=sums.blinks,
        yawns=sums.yawns,
        perclos=_round(sums.perclos, 4),
        blinks_per_min=_round(sums.blinks_per_min, 1),
        blink_s=_round(sums.blink_s, 3),
    )


class ConditionKind(StrEnum):
    """What a face does or is in for a time. Published as it stands."""

    ATTENTION = "attention"
    EYES_CLOSED = "eyes_closed"
    DROWSY = "drowsy"
    YAWN = "yawn"
    DISTRACTED = "distracted"


# What is said when a condition begins, and when it ends.
CONDITIONS = {
    ConditionKind.ATTENTION: (EventType.ATTENTION_BEGAN, EventType.ATTENTION_ENDED),
    ConditionKind.EYES_CLOSED: (EventType.EYES_CLOSED, EventType.EYES_CLOSED_ENDED),
    ConditionKind.DROWSY: (EventType.DROWSY, EventType.DROWSY_ENDED),
    ConditionKind.YAWN: (EventType.YAWN, EventType.YAWN_ENDED),
    ConditionKind.DISTRACTED: (EventType.DISTRACTED, EventType.DISTRACTED_ENDED),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One of them that is on, or has just ended."""

    kind: ConditionKind
    since: float  # s: when it began: the eyes shut, the head turned
    at: float  # s: when that was long enough to be called so
    level: str | None = None  # eyes_closed: microsleep, sleep; distracted: long, repeated
    ended: float | None = None  # s: told once; None: it is on


@dataclass(frozen=True, slots=True)
class Track:
    """The same face as a moment ago."""

    id: str  # random and short-lived: says "the same", never who
    box: Box
    score: float  # of the last detection, in [0, 1]
    began: float  # s: first detection
    seen: float  # s: last detection; `box` was carried on since
    frame_size: tuple[int, int]  # (width, height) of the frame that `box` is in, pixels
    landmarks: Points | None = None  # those of a face, smoothed and carried on with `box`
    still: bool = False  # a picture, a statue or a pattern: it never moved and never changed
    state: FaceState | None = None  # None: nobody asked; `looking` is not filled in yet
    state_t: float | None = None  # s: when `state` was last measured; equal to the frame's: now
    gone: bool = False  # neither detected nor followed in this frame: not to be judged

    @property
    def unit_box(self) -> tuple[float, float, float, float]:
        """(x, y, width, height) as fractions of the frame, cut off at its border."""
        width, height = self.frame_size
        left, top = max(self.box.x, 0.0), max(self.box.y, 0.0)
        right = min(self.box.x + self.box.width, float(width))
        bottom = min(self.box.y + self.box.height, float(height))
        return (
            min(left / width, 1.0),
            min(top / height, 1.0),
            max(right - left, 0.0) / width,
            max(bottom - top, 0.0) / height,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What the models said of one track in one frame, or why they were not asked."""

    track: str
    probabilities: NDArray[np.float32] | None  # (classes,), adding up to 1; None: see `reason`
    reason: Reason | None = None  # None without probabilities: only attributes were asked
    # Fresh answers of additional classifiers: by name, the probability of each label.
    attributes: dict[str, dict[str, float]] = field(default_factory=dict)
    # By what scores were multiplied because the face has them at rest; {}: nothing was.
    baseline: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttributeEstimate:
    """The smoothed answer of an additional classifier."""

    label: str
    confidence: float  # smoothed share of `label`, [0, 1]
    scores: dict[str, float]  # of every label, adding up to 1


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The smoothed answer for one track: what subscribers get to see."""

    track: Track
    emotion: str  # a label of the model, or `unknown`
    confidence: float  # smoothed score of `emotion` (of the best class when unknown), [0, 1]
    scores: dict[str, float]  # the emotion depth index: every label, adding up to 1; {} before any
    intensity: float  # 1 - score of neutral: how far from a resting face, [0, 1]
    since: float  # s: when `emotion` began
    reason: Reason | None
    window_s: float  # seconds of observation behind the scores, up to the configured window
    attributes: dict[str, AttributeEstimate] = field(default_factory=dict)  # by name
    state: FaceState | None = None  # the track's, with `looking`; None: it is not to be told
    conditions: tuple[Condition, ...] = ()
    sums: Sums | None = None  # None: nobody counts
    baseline: Mapping[str, float] = field(default_factory=dict)  # see `Scores`


@dataclass(frozen=True, slots=True, eq=False)
class PipelineEvent:
    """Something a subscriber will want to know; the publisher stamps it into an event."""

    kind: EventType
    t: float  # s, monotonic: when it became so
    estimate: Estimate
    previous: str | None  # emotion before
    faces: int  # in view after the change, pictures not counted
    alert: str | None = None  # alerts only: the name of the rule, where it has one
    grade: str | None = None  # alert_began: less, moderate or more
    duration_s: float | None = None  # face_left: first to last detection; alert_ended: its length
    reason: Reason | None = None  # overrides the estimate's
    level: str | None = None  # of a condition
    seconds: float | None = None  # of a condition: how long it has lasted
