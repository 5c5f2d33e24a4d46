"""What `analyze` says of pictures and recordings: every line of `--json`, typed once."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from edge.contract import Attributes, BoxList, Confidence, DepthIndex, Doing, Emotion, Unit, Why

Name = Annotated[
    str, Meta(description="as named, or found below it; a byte that is no UTF-8 is \\udc80-\\udcff")
]
Pixels = Annotated[int, Meta(ge=0, description="pixels, turned upright as EXIF says")]
Seconds = Annotated[float, Meta(ge=0)]
Point = Annotated[list[float], Meta(min_length=2, max_length=2)]
TrackId = Annotated[str, Meta(description="the same face in this recording, never who")]


class AnalyzedFace(Struct, frozen=True, kw_only=True):
    """One face in a picture, or in a frame of a recording."""

    track: TrackId | UnsetType = UNSET  # recordings only
    box: BoxList
    score: Annotated[float, Meta(ge=0, le=1, description="the detector's")]
    landmarks: Annotated[
        list[Point] | None,
        Meta(
            description="right eye, left eye, nose, right and left mouth corner of the subject; "
            "x, y as fractions of the picture"
        ),
    ]
    emotion: Emotion
    confidence: Confidence
    scores: DepthIndex
    reason: Why
    state: Doing = None
    attributes: Attributes | UnsetType = UNSET  # where some are configured
    still: Annotated[bool | UnsetType, Meta(description="a picture, not a living face")] = UNSET


class PictureLine(Struct, frozen=True, kw_only=True):
    """A picture, or a frame of a recording."""

    file: Name
    frame: Annotated[int | UnsetType, Meta(description="recordings: number, from 0")] = UNSET
    t: Annotated[float | UnsetType, Meta(description="recordings: seconds from its start")] = UNSET
    width: Pixels
    height: Pixels
    faces: Annotated[list[AnalyzedFace], Meta(description="largest first")]


class EmotionShare(Struct, frozen=True, kw_only=True):
    """One emotion over a time."""

    seconds: Annotated[float, Meta(ge=0, description="that a face showed it")]
    share: Annotated[float, Meta(ge=0, le=1, description="of the seconds with a face in view")]
    mean: Annotated[float, Meta(ge=0, le=1, description="of its score")]


Emotions = Annotated[
    dict[str, EmotionShare], Meta(description="by label; what is missing to 1 was `unknown`")
]


class Span(Struct, frozen=True, kw_only=True):
    """An alert, or something else that began and ended."""

    what: Annotated[str, Meta(description="alert, distracted, drowsy, eyes_closed, yawn, ...")]
    name: Annotated[str | None, Meta(description="of the alert, where it has one")] = None
    track: TrackId
    from_s: Seconds
    to_s: Seconds
    grade: Annotated[str | None, Meta(description="less, moderate, more; or a level")] = None


class FaceSummary(Struct, frozen=True, kw_only=True):
    """One face of a recording."""

    track: TrackId
    from_s: Seconds
    to_s: Seconds
    seconds: Annotated[float, Meta(ge=0, description="in view, to its last detection")]
    dominant: Annotated[str, Meta(description="shown the longest; `unknown`: none was")]
    emotions: Emotions
    attention: Annotated[
        Unit | None, Meta(description="share of its time that it looked; null: not measured")
    ] = None
    still: Annotated[bool, Meta(description="a picture; in no sum")] = False


class Summary(Struct, frozen=True, kw_only=True):
    """A whole recording. It says what faces showed, for how long, and is no diagnosis."""

    frames: Annotated[int, Meta(ge=0)]
    seconds: Seconds
    face_seconds: Annotated[float, Meta(ge=0, description="two faces for a second are two")]
    nobody_seconds: Annotated[float, Meta(ge=0, description="without a face in view")]
    dominant: Annotated[
        str, Meta(description="shown the longest; `unknown`: no emotion; `none`: no face")
    ]
    emotions: Emotions
    attention: Annotated[
        Unit | None, Meta(description="share of the face seconds; null: not measured")
    ] = None
    alerts: Annotated[list[Span], Meta(description="in the order they began")]
    faces: Annotated[list[FaceSummary], Meta(description="in order of appearance")]


class SummaryLine(Struct, frozen=True, kw_only=True):
    """The last line of a recording."""

    file: Name
    width: Pixels
    height: Pixels
    summary: Summary
    error: Annotated[
        str | UnsetType, Meta(description="where it ended before its end; the rest is missing")
    ] = UNSET


class ErrorLine(Struct, frozen=True, kw_only=True):
    """A file that was skipped."""

    file: Name
    error: Annotated[str, Meta(description="why")]


Line = PictureLine | SummaryLine | ErrorLine


def encode_line(line: Struct) -> bytes:
    """Return one line of JSON, with its end. Any file name goes through and comes back."""
    try:
        return msgspec.json.encode(line) + b"\n"
    except (UnicodeEncodeError, ValueError):  # a name that is no UTF-8
        plain: Any = msgspec.to_builtins(line)
        return json.dumps(plain, separators=(",", ":")).encode() + b"\n"
