"""The sections about the emotion of a face: scoring, rest, smoothing, alerts and attributes.

Times are seconds.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from edge.config_face import Share


class Classify(Struct, frozen=True, forbid_unknown_fields=True):
    """Scoring faces."""

    enabled: Annotated[
        bool,
        Meta(description="tell emotions; off, no emotion model is loaded and none is published"),
    ] = True
    model: Annotated[str, Meta(description="model folder, or the name of a shipped one")] = (
        "emotion"
    )
    runtime: Annotated[
        Literal["auto", "litert", "tflite-runtime"], Meta(description="TFLite runtime")
    ] = "auto"
    threads: Annotated[int, Meta(ge=1, le=16, description="threads of the interpreter")] = 1
    rate: Annotated[float, Meta(gt=0, le=120, description="times a second, each face, at most")] = (
        10.0
    )
    prior: Annotated[
        Literal["raters", "equal"] | dict[str, Share],
        Meta(
            description="how frequent each emotion is where the camera hangs; scores are "
            "probabilities under it. raters: as in the photographs that the model learned from",
            extra={
                "allowed": "raters, equal, or a share of each of the model's emotions, together 1: "
                "{angry = 0.05, happy = 0.2, ...}"
            },
        ),
    ] = "equal"
    max_faces: Annotated[int, Meta(ge=1, le=32, description="faces a frame, largest first")] = 4
    upright: Annotated[
        bool, Meta(description="turn tilted heads upright by their eyes first (not with haar)")
    ] = True
    min_face_px: Annotated[
        int, Meta(ge=8, le=512, description="narrower faces are not scored: too_small")
    ] = 24
    max_yaw: Annotated[
        float,
        Meta(
            ge=0,
            le=90,
            description="degrees; heads turned further aside are not scored: turned_away. 90: all "
            "are",
        ),
    ] = 30.0
    max_pitch: Annotated[
        float,
        Meta(
            ge=0,
            le=90,
            description="degrees; heads raised or bowed further are not scored: turned_away. "
            "90: all are",
        ),
    ] = 30.0
    max_bowed: Annotated[
        float,
        Meta(
            ge=0,
            le=90,
            description="degrees; heads bowed further are not scored either: that costs more than "
            "being raised. 90: as far as max_pitch",
        ),
    ] = 25.0
    score_covered: Annotated[
        bool,
        Meta(
            description="score faces whose mouth is hidden, behind a mask, say, too; false: covered"
        ),
    ] = False
    score_yawns: Annotated[
        bool,
        Meta(
            description="score faces whose mouth is as wide open as in a yawn and whose eyes are "
            "shut, too; false: yawning"
        ),
    ] = False
    check_rate: Annotated[
        float,
        Meta(
            ge=0,
            le=30,
            description="times a second, each face, at most, that `state.model` is asked whether "
            "the head is turned away, the mouth hidden or yawning; `[state]`, where on, knows by "
            "itself. 0: it is not asked, pitch and mouths are not known",
        ),
    ] = 4.0
    min_sharpness: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="variance of the Laplacian over that of luma, at 48 pixels; below: blurred",
        ),
    ] = 0.02
    min_brightness: Annotated[
        float, Meta(ge=0, le=255, description="mean luma of the face; below: low_light")
    ] = 25.0


class Baseline(Struct, frozen=True, forbid_unknown_fields=True):
    """What faces show at rest, learned and taken off."""

    enabled: Annotated[
        bool, Meta(description="learn what each face, and this camera's visitors, show at rest")
    ] = True
    emotions: Annotated[
        list[str],
        Meta(min_length=1, max_length=32, description="that a resting face is mistaken for"),
    ] = msgspec.field(default_factory=lambda: ["angry", "disgust", "fear", "sad"])
    bound: Annotated[
        float, Meta(ge=1, le=20, description="a score is divided by this much at most")
    ] = 4.0


class Smooth(Struct, frozen=True, forbid_unknown_fields=True):
    """From scores to an emotion that does not flicker."""

    method: Annotated[
        Literal["mean", "ema", "mode"],
        Meta(description="mean of scores, exponential, or most frequent label in the window"),
    ] = "mean"
    window_s: Annotated[float, Meta(gt=0, le=60, description="length of the window")] = 1.5
    react_s: Annotated[
        float,
        Meta(
            ge=0,
            le=10,
            description="so much strong evidence for another emotion (weak: longer), and what was "
            "before it in the window is forgotten; 0: never",
        ),
    ] = 0.4
    enter: Annotated[Share, Meta(description="score at which an emotion begins")] = 0.5
    leave: Annotated[Share, Meta(description="score under which it ends at once")] = 0.35
    hold_s: Annotated[float, Meta(ge=0, le=60, description="shortest time between two changes")] = (
        1.0
    )
    floor: Annotated[Share, Meta(description="best score below which it is unknown")] = 0.3


class Alert(Struct, frozen=True, forbid_unknown_fields=True):
    """A set of emotions held for a time; with `[[alert]]` several, each named. No diagnosis."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^([a-z][a-z0-9_]{0,31})?$",
            description="its name in events; several alerts need different ones",
            extra={"allowed": "a to z, 0 to 9 and _, at most 32 characters, a letter first"},
        ),
    ] = ""
    enabled: Annotated[
        bool, Meta(description="raise it; with [[alert]] true unless it says no")
    ] = False
    emotions: Annotated[
        list[str], Meta(min_length=1, max_length=32, description="whose scores are added up")
    ] = msgspec.field(default_factory=lambda: ["sad", "angry", "fear"])
    level: Annotated[Share, Meta(description="sum of scores that counts")] = 0.5
    after_s: Annotated[
        float, Meta(gt=0, le=3600, description="above the level before the alert begins")
    ] = 20.0
    clear_s: Annotated[float, Meta(gt=0, le=3600, description="below the level before it ends")] = (
        5.0
    )
    moderate: Annotated[Share, Meta(description="mean sum for the grade moderate")] = 0.65
    more: Annotated[Share, Meta(description="mean sum for the grade more")] = 0.8


class Attribute(Struct, frozen=True, forbid_unknown_fields=True):
    """One more classifier a face; its answer is in the events' `attributes`."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9_]{0,31}$",
            description="its name in events",
            extra={"allowed": "a to z, 0 to 9 and _, at most 32 characters"},
        ),
    ]
    model: Annotated[str, Meta(min_length=1, description="model folder, or a shipped one's name")]
    rate: Annotated[float, Meta(gt=0, le=120, description="times a second, each face")] = 2.0
    window_s: Annotated[
        float, Meta(gt=0, le=60, description="over which its shares are averaged")
    ] = 5.0
