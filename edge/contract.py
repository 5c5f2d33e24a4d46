"""The contract with subscribers: every message that leaves the device, typed once.

Encoders, JSON Schemas and documentation are all made from these types. Topics are
`<base>/<device>/<name>`; see docs/subscribers.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

CONTRACT_VERSION = "1.0"  # major: breaks subscribers; minor: adds fields
TYPE_PREFIX = "emotion-edge."  # of a CloudEvent's `type`, before the event type

Unit = Annotated[float, Meta(ge=0, le=1)]
BoxList = Annotated[list[float], Meta(min_length=4, max_length=4)]  # x, y, width, height; 0-1


class Attribute(Struct, frozen=True):
    """Answer of an additional classifier."""

    label: str
    confidence: Unit


class EventData(Struct, frozen=True, kw_only=True):
    """`data` of an event."""

    event_type: Literal[
        "face_appeared", "emotion_changed", "face_left", "alert_began", "alert_ended"
    ]
    track: str
    emotion: str
    previous: str | None
    confidence: Unit
    scores: dict[str, Unit]
    intensity: Unit
    box: BoxList
    faces: int
    window_s: float
    started_at: str  # RFC 3339, UTC: when `emotion` began
    seq: int  # +1 an event, over restarts too: a gap is a loss
    boot_id: str
    uptime_s: float
    time_synced: bool  # false: do not believe `time` and `started_at`
    replayed: bool  # true: sent later than it happened; do not act on it as if it were now
    reason: str | None
    model: str
    attributes: dict[str, Attribute] = {}
    grade: Literal["less", "moderate", "more"] | None = None
    duration_s: float | None = None
    lost_before: int = 0  # events dropped from a full outbox since the one delivered before


class Event(Struct, frozen=True, kw_only=True):
    """A CloudEvents 1.0 event in structured JSON, on `.../event`."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str  # /<base>/<device>
    type: str
    subject: str  # the track
    time: str  # RFC 3339, UTC
    datacontenttype: Literal["application/json"] = "application/json"
    data: EventData


class FaceState(Struct, frozen=True, kw_only=True):
    """One face in view."""

    track: str
    emotion: str
    confidence: Unit
    scores: dict[str, Unit]
    intensity: Unit
    box: BoxList
    since_s: float  # seconds that `emotion` has lasted
    reason: str | None = None
    attributes: dict[str, Attribute] = {}


class State(Struct, frozen=True, kw_only=True):
    """The present, retained on `.../state`."""

    time: str
    seq: int  # of the last event already in this state
    status: Literal["running", "paused", "camera_lost", "stopped"]
    emotion: str  # of the largest face; `none` when nobody is there
    faces: list[FaceState]
    reason: str | None = None


class Health(Struct, frozen=True, kw_only=True):
    """How the device is, retained on `.../health`."""

    time: str
    uptime_s: float
    status: Literal["running", "paused", "camera_lost", "stopped"]
    reasons: list[str]  # what is wrong now; empty is good
    fps: float
    busy: float  # share of one core spent in the loop
    latency_ms: float  # exposure to the end of the loop, median
    frames: int
    dropped: int  # frames never looked at since the start
    camera_reopened: int
    faces: int
    outbox_depth: int
    outbox_lost: int
    outbox_oldest_s: float
    refused: int  # publishes that the broker refused
    memory_mb: float | None = None
    temperature_c: float | None = None
    throttled: bool | None = None


class ModelInfo(Struct, frozen=True, kw_only=True):
    """A model in use."""

    name: str
    sha256: str
    labels: list[str]
    runtime: str


class Info(Struct, frozen=True, kw_only=True):
    """What runs, retained on `.../info`. `config` holds no secrets."""

    time: str
    contract: str = CONTRACT_VERSION
    version: str
    device: str
    boot_id: str
    model: ModelInfo
    attributes: list[ModelInfo]
    detector: str
    config: dict[str, object]


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """Optional payload of `.../request/<verb>`."""

    transaction: Annotated[str, Meta(max_length=128)] = ""


class Response(Struct, frozen=True, kw_only=True):
    """Answer on `.../response/<verb>`."""

    status: Literal["ok", "error"]
    error: str | None = None
    transaction: str = ""
    state: State | None = None


_encoder = msgspec.json.Encoder(order=None)


def encode(message: Struct) -> bytes:
    """Return `message` as compact JSON in UTF-8."""
    return _encoder.encode(message)
