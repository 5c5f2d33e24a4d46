"""Sections of the configuration about one face: its state, attention, drowsiness, the audience."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Share = Annotated[float, Meta(ge=0, le=1)]


class State(Struct, frozen=True, forbid_unknown_fields=True):
    """What a face is doing: where the head points, whether eyes and mouth are open."""

    enabled: Annotated[bool, Meta(description="tell it; off, it is told to nobody")] = False
    model: Annotated[str, Meta(description="model folder, or the name of a shipped one")] = "state"
    rate: Annotated[
        float,
        Meta(
            gt=0,
            le=120,
            description="times a second, each face, at most; a blink takes 0.1 to 0.4 s",
        ),
    ] = 15.0
    max_faces: Annotated[int, Meta(ge=1, le=32, description="faces a frame, largest first")] = 4
    min_face_px: Annotated[
        int, Meta(ge=8, le=512, description="of narrower faces nothing is told")
    ] = 32
    min_brightness: Annotated[
        float, Meta(ge=0, le=255, description="mean luma of the face; below, nothing is told")
    ] = 15.0
    smooth_s: Annotated[
        float,
        Meta(
            ge=0,
            le=5,
            description="time constant of the pose's low-pass at rest; in motion it is quicker, "
            "and eyes and mouth have none",
        ),
    ] = 0.25


class Attention(Struct, frozen=True, forbid_unknown_fields=True):
    """Who looks: the head within a cone round its natural pose. Wants `state`.

    Angles and the learning are those of openpilot's driver monitoring.
    """

    yaw: Annotated[
        float,
        Meta(gt=0, le=90, description="degrees to each side; openpilot: 23 (_POSE_YAW_THRESHOLD)"),
    ] = 23.0
    pitch: Annotated[
        float,
        Meta(gt=0, le=90, description="degrees up and down; openpilot: 18 (_POSE_PITCH_THRESHOLD)"),
    ] = 18.0
    hold_s: Annotated[
        float,
        Meta(
            ge=0,
            le=5,
            description="a shorter look, or look away, is none; openpilot's _DISTRACTED_FILTER_TS",
        ),
    ] = 0.25
    centre_yaw: Annotated[
        float,
        Meta(
            ge=-60,
            le=60,
            description="degrees: the pose of who looks at the middle of what is looked at, as the "
            "camera sees it; positive: to the picture's right edge",
        ),
    ] = 0.0
    centre_pitch: Annotated[float, Meta(ge=-60, le=60, description="the same, positive: up")] = 0.0
    natural: Annotated[
        Literal["track", "camera", "off"],
        Meta(
            description="learn the natural pose of each face (a driver's), of all faces before "
            "this camera (a screen's), or not"
        ),
    ] = "track"
    learn_s: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="of near-frontal pose until it is trusted; openpilot: 60 s "
            "(_POSE_OFFSET_MIN_COUNT)",
        ),
    ] = 60.0
    max_yaw_offset: Annotated[
        float,
        Meta(
            ge=0, le=45, description="degrees that are learned at most; openpilot: _YAW_MAX_OFFSET"
        ),
    ] = 16.6
    max_pitch_offset: Annotated[
        float,
        Meta(
            ge=0,
            le=45,
            description="degrees that are learned at most; openpilot: _PITCH_MAX_OFFSET",
        ),
    ] = 7.1
    unknown_s: Annotated[
        float,
        Meta(
            gt=0,
            le=600,
            description="without a sure pose, and nobody is called attentive or distracted; "
            "openpilot: 10 s (_WHEELTOUCH_FALLBACK_TIME)",
        ),
    ] = 10.0
    distraction: Annotated[bool, Meta(description="events `distracted`; in a car")] = False
    away_s: Annotated[
        float,
        Meta(
            gt=0, le=600, description="looking away for so long is distraction; Euro NCAP 2026: 3 s"
        ),
    ] = 3.0
    away_sum_s: Annotated[
        float,
        Meta(gt=0, le=600, description="so are short looks away of together; Euro NCAP 2026: 10 s"),
    ] = 10.0
    away_window_s: Annotated[
        float, Meta(gt=0, le=600, description="within; Euro NCAP 2026: 30 s")
    ] = 30.0


class Drowsiness(Struct, frozen=True, forbid_unknown_fields=True):
    """Eyes that stay shut, PERCLOS, yawns. Information, never certified safety. Wants `state`."""

    enabled: Annotated[
        bool, Meta(description="events `eyes_closed`, `drowsy` and `yawn`; in a car")
    ] = False
    closed: Annotated[
        float,
        Meta(
            gt=0,
            lt=1,
            description="openness at which eyes count as closed, as a fraction of the person's own "
            "open level",
        ),
    ] = 0.4
    microsleep_s: Annotated[
        float, Meta(gt=0, le=60, description="eyes closed for so long; Euro NCAP 2026: 0.5 s")
    ] = 0.5
    sleep_s: Annotated[
        float, Meta(gt=0, le=60, description="eyes closed for so long; Euro NCAP 2026: 3 s")
    ] = 3.0
    perclos: Annotated[
        Share,
        Meta(
            description="share of a minute with the eyes closed at which a face is drowsy; 0.12: "
            "where tired drivers left their lane or gave up (38 drivers, Vision Sciences Society "
            "2012: 6.1 % awake, 10.5 % at a microsleep of 1 s, 12.2 % at the end)"
        ),
    ] = 0.12
    blink_s: Annotated[
        float,
        Meta(
            gt=0,
            le=5,
            description="so is one whose blinks, five or more in a minute, last so long on "
            "average; 0.4: the length of a long blink, alert ones take 0.1 to 0.3 s",
        ),
    ] = 0.4
    yawn_mouth: Annotated[
        Share,
        Meta(
            description="opening of a yawning mouth, with which no emotion is read off a face; "
            "0.4: nine of ten of 300 photographed yawns reach it"
        ),
    ] = 0.4
    yawn_s: Annotated[
        float,
        Meta(gt=0, le=60, description="held for so long; yawns take 4 to 7 s, syllables 0.2"),
    ] = 2.0


class Audience(Struct, frozen=True, forbid_unknown_fields=True):
    """Who was there, who looked, for how long: numbers of people, nobody in particular."""

    enabled: Annotated[
        bool, Meta(description="count it, in `state` and by the hour in `audience`; wants `state`")
    ] = False
    look_s: Annotated[
        float,
        Meta(gt=0, le=600, description="who looked for so long, in all, counts as one who looked"),
    ] = 1.0
