"""The contract with subscribers: every message that leaves the device, typed once.

Encoders, JSON Schemas and documentation are all made from these types (see `schema`). Topics are
`<base>/<device>/<name>`; see docs/subscribers.md.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from edge import messages
from edge.messages import ConditionKind, EventType, FaceState
from edge.problems import REASONS

CONTRACT_VERSION = "1.2"  # major: breaks subscribers; minor: adds fields
TYPE_PREFIX = "emotion-edge."  # of a CloudEvent's `type`, before the event type

_DATE_TIME = {"format": "date-time"}

Unit = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Time = Annotated[str, Meta(description="RFC 3339, UTC", extra_json_schema=_DATE_TIME)]
Track = Annotated[
    str, Meta(description="random, short-lived: the same face as a moment ago, never who")
]
Emotion = Annotated[str, Meta(description="a label of the model (see `info`), or `unknown`")]
Confidence = Annotated[
    float, Meta(ge=0, le=1, description="score of `emotion`; of the best label when unknown")
]
DepthIndex = Annotated[
    dict[str, Unit],
    Meta(description="emotion depth index: every label, adding up to 1; empty before any score"),
]
Intensity = Annotated[
    float, Meta(ge=0, le=1, description="1 - score of neutral: how far from a resting face")
]
BoxList = Annotated[
    list[float],
    Meta(min_length=4, max_length=4, description="x, y, width, height; fractions of the frame"),
]
Status = Annotated[messages.Status, Meta(description="what the daemon does now")]
# An open enum: what there is today, and whatever a later version adds.
_REASON = {"anyOf": [{"enum": list(messages.Reason)}, {"type": "string"}]}
_EVENT_TYPE = {"anyOf": [{"enum": list(EventType)}, {"type": "string", "pattern": "^[a-z_]+$"}]}
EventKind = Annotated[
    str,
    Meta(
        description="what it says; minor versions add words, for what a configuration switches on",
        extra_json_schema=_EVENT_TYPE,
    ),
]
_CONDITION = {"anyOf": [{"enum": list(ConditionKind)}, {"type": "string"}]}
Why = Annotated[
    Annotated[str, Meta(extra_json_schema=_REASON)] | None,
    Meta(description="why there is no (sure) answer; minor versions add words"),
]


# Not an enumeration by itself: a minor version may add words, and devices differ in their versions.
HealthReason = Annotated[
    str,
    Meta(
        description="one of these words, or one of a later version",
        extra_json_schema={"anyOf": [{"enum": [*REASONS]}, {"pattern": "^[a-z_]+$"}]},
    ),
]


class Attribute(Struct, frozen=True):
    """Answer of an additional classifier."""

    label: str
    confidence: Annotated[float, Meta(ge=0, le=1, description="averaged share of `label`")]
    scores: Annotated[
        dict[str, Unit],
        Meta(description="of every label, averaged over the classifier's window; adds up to 1"),
    ] = {}


Rest = Annotated[
    dict[str, Unit],
    Meta(
        description="by what scores were multiplied because the face, or faces at this camera, "
        "have them at rest; empty: by nothing"
    ),
]
Attributes = Annotated[
    dict[str, Attribute], Meta(description="answers of additional classifiers, by name")
]


Doing = Annotated[
    FaceState | None, Meta(description="what the face is doing; null where `state` is off")
]


Sums = Annotated[
    messages.Sums | None,
    Meta(description="looks, blinks and yawns since it appeared; null where `state` is off"),
]


class EventData(Struct, frozen=True, kw_only=True):
    """`data` of an event."""

    event_type: EventKind
    track: Track
    emotion: Emotion
    previous: Annotated[str | None, Meta(description="emotion before")]
    confidence: Confidence
    scores: DepthIndex
    intensity: Intensity
    box: BoxList
    faces: Annotated[int, Meta(ge=0, description="in view after this")]
    window_s: Annotated[float, Meta(ge=0, description="seconds of observation behind the scores")]
    started_at: Annotated[
        str, Meta(description="RFC 3339, UTC: when `emotion` began", extra_json_schema=_DATE_TIME)
    ]
    seq: Annotated[int, Meta(ge=0, description="+1 an event, over restarts too: a gap is a loss")]
    boot_id: Annotated[str, Meta(description="another one after each boot of the device")]
    uptime_s: Annotated[float, Meta(ge=0, description="seconds since that boot: when it happened")]
    time_synced: Annotated[bool, Meta(description="false: do not believe `time` and `started_at`")]
    replayed: Annotated[
        bool,
        Meta(description="true: sent later than it happened; do not act on it as if it were now"),
    ]
    reason: Why
    model: Annotated[str, Meta(description="name of the emotion model; empty: none is loaded")]
    attributes: Attributes = {}
    state: Doing = None
    alert: Annotated[
        str | None, Meta(description="alerts only: which, where the configuration names it")
    ] = None
    baseline: Rest = {}
    grade: Annotated[
        Literal["less", "moderate", "more"] | None, Meta(description="alerts only")
    ] = None
    level: Annotated[
        str | None,
        Meta(
            description="eyes_closed: microsleep or sleep; distracted: long or repeated; minor "
            "versions add words"
        ),
    ] = None
    seconds: Annotated[
        float | None,
        Meta(
            description="attention, eyes_closed, drowsy, yawn, distracted: how long it has lasted; "
            "their ends: how long it lasted"
        ),
    ] = None
    sums: Sums = None
    duration_s: Annotated[
        float | None,
        Meta(description="face_left: first to last detection; alert_ended: time it lasted"),
    ] = None
    lost_before: Annotated[
        int, Meta(ge=0, description="events dropped from a full outbox since the one before")
    ] = 0


class Event(Struct, frozen=True, kw_only=True):
    """A CloudEvents 1.0 event in structured JSON, on `.../event`."""

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Meta(min_length=1, description="UUID; the same when sent again")]
    source: Annotated[str, Meta(description="/<base>/<device>")]
    type: Annotated[str, Meta(description="emotion-edge.<event_type>")]
    subject: Annotated[str, Meta(description="the track")]
    time: Annotated[
        str, Meta(description="RFC 3339, UTC: when it happened", extra_json_schema=_DATE_TIME)
    ]
    datacontenttype: Literal["application/json"] = "application/json"
    data: EventData


class FaceInView(Struct, frozen=True, kw_only=True):
    """One face in view."""

    track: Track
    emotion: Emotion
    confidence: Confidence
    scores: DepthIndex
    intensity: Intensity
    box: BoxList
    since_s: Annotated[float, Meta(ge=0, description="seconds that `emotion` has lasted")]
    reason: Why = None
    attributes: Attributes = {}
    state: Doing = None
    conditions: Annotated[
        list[Annotated[str, Meta(extra_json_schema=_CONDITION)]],
        Meta(description="what it is in now; minor versions add words"),
    ] = []
    sums: Sums = None
    baseline: Rest = {}
    still: Annotated[
        bool, Meta(description="a picture, a statue or a pattern: it never moved and never changed")
    ] = False


class AudienceNow(Struct, frozen=True, kw_only=True):
    """The audience of this hour so far: numbers of people, nobody in particular."""

    since: Annotated[
        str, Meta(description="RFC 3339, UTC: counted from then on", extra_json_schema=_DATE_TIME)
    ]
    now: Annotated[int, Meta(ge=0, description="in view")]
    looking: Annotated[int, Meta(ge=0, description="of them")]
    seen: Annotated[int, Meta(ge=0, description="who came; one who comes twice counts twice")]
    looked: Annotated[int, Meta(ge=0, description="of them, for `audience.look_s` and more")]
    dwell_s: Annotated[float, Meta(ge=0, description="seconds in view, of all together")]
    attention_s: Annotated[float, Meta(ge=0, description="seconds looked, of all together")]


class AudienceHour(Struct, frozen=True, kw_only=True):
    """The audience of the last full hour, retained on `.../audience`.

    Hours that ended while the broker was away come one after the other, the oldest first.
    """

    time: Time
    begin: Annotated[str, Meta(description="RFC 3339, UTC", extra_json_schema=_DATE_TIME)]
    end: Annotated[
        str,
        Meta(
            description="RFC 3339, UTC: of the last look in that hour", extra_json_schema=_DATE_TIME
        ),
    ]
    time_synced: Annotated[bool, Meta(description="false: do not believe the times")]
    seen: Annotated[int, Meta(ge=0, description="who came; one who comes twice counts twice")]
    looked: Annotated[int, Meta(ge=0, description="of them, for `audience.look_s` and more")]
    dwell_s: Annotated[float, Meta(ge=0, description="seconds in view, of all together")]
    attention_s: Annotated[float, Meta(ge=0, description="seconds looked, of all together")]


class State(Struct, frozen=True, kw_only=True):
    """The present, retained on `.../state`."""

    time: Time
    seq: Annotated[int, Meta(ge=0, description="of the last event already in this state")]
    status: Status
    emotion: Annotated[str, Meta(description="of the largest face; `none` when nobody is there")]
    faces: Annotated[list[FaceInView], Meta(description="largest first; pictures are in `still`")]
    reason: Why = None
    still: Annotated[
        list[FaceInView],
        Meta(description="pictures, statues and patterns taken for faces; none of them in `faces`"),
    ] = []
    audience: Annotated[AudienceNow | None, Meta(description="null where `audience` is off")] = None


class Health(Struct, frozen=True, kw_only=True):
    """How the device is, retained on `.../health`."""

    time: Time
    uptime_s: Annotated[float, Meta(ge=0, description="seconds since the daemon started")]
    status: Status
    reasons: Annotated[list[HealthReason], Meta(description="what is wrong now; empty is good")]
    fps: Annotated[float, Meta(ge=0, description="frames a second that went all the way through")]
    busy: Annotated[float, Meta(ge=0, description="fraction of one core spent in the loop")]
    pace: Annotated[
        float,
        Meta(ge=0, le=1, description="fraction of the configured rates that the budget leaves"),
    ] = 1.0
    latency_ms: Annotated[
        float, Meta(ge=0, description="exposure to the end of the loop, median, milliseconds")
    ]
    frames: Annotated[int, Meta(ge=0, description="since the start")]
    dropped: Annotated[int, Meta(ge=0, description="frames never processed since the start")]
    camera_reopened: Count
    faces: Annotated[int, Meta(ge=0, description="in view")]
    outbox_depth: Annotated[int, Meta(ge=0, description="events not yet acknowledged")]
    outbox_lost: Annotated[int, Meta(ge=0, description="dropped because the outbox was full")]
    outbox_oldest_s: Annotated[float, Meta(ge=0, description="age of the oldest event waiting")]
    refused: Annotated[
        int,
        Meta(ge=0, description="publishes that the broker refused, or that are too large for it"),
    ]
    memory_mb: Annotated[float | None, Meta(description="resident, 10^6 bytes")] = None
    temperature_c: Annotated[float | None, Meta(description="of the processor, Celsius")] = None
    throttled: Annotated[bool | None, Meta(description="the firmware holds it back")] = None


class ModelInfo(Struct, frozen=True, kw_only=True):
    """A model in use."""

    name: str
    sha256: Annotated[str, Meta(description="of the .tflite file, in hexadecimal")]
    labels: Annotated[list[str], Meta(description="in the order of the model's output")]
    prior: Annotated[
        dict[str, Unit],
        Meta(description="share of each label in what it learned from; empty: not known"),
    ] = {}
    runtime: str


class Info(Struct, frozen=True, kw_only=True):
    """What runs, retained on `.../info`. `config` holds no secrets."""

    time: Time
    contract: Annotated[
        str, Meta(description="version of these messages: major breaks, minor adds")
    ] = CONTRACT_VERSION
    version: Annotated[str, Meta(description="of emotion-edge")]
    device: str
    boot_id: str
    model: Annotated[
        ModelInfo, Meta(description="of emotions; without a name where `classify.enabled` is false")
    ]
    attributes: Annotated[list[ModelInfo], Meta(description="additional classifiers")]
    detector: str
    state_model: Annotated[
        ModelInfo | None, Meta(description="says what a face is doing; null where `state` is off")
    ] = None
    prior: Annotated[
        dict[str, Unit],
        Meta(
            description="how frequent each emotion is taken to be: scores are probabilities "
            "under it; empty: those of the model's training, which it does not tell"
        ),
    ] = {}
    config: Annotated[dict[str, Any], Meta(description="effective configuration")]


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """Optional payload of `.../request/<verb>`; the verbs are pause, resume and state."""

    transaction: Annotated[str, Meta(max_length=128, description="comes back in the response")] = ""
    on: Annotated[bool, Meta(description="pause only: false does what resume does")] = True


class Response(Struct, frozen=True, kw_only=True):
    """Answer on `.../response/<verb>`."""

    status: Literal["ok", "error"]
    error: str | None = None
    transaction: str = ""
    state: Annotated[State | None, Meta(description="answer to the request `state`")] = None


_encoder = msgspec.json.Encoder(order=None)


def encode(message: Struct) -> bytes:
    """Return `message` as compact JSON in UTF-8."""
    return _encoder.encode(message)


# Made once, by the thread that imports this: where several first decode the same type at once,
# msgspec 0.22 reads what the other has not filled in yet, and the process dies.
decode_event = msgspec.json.Decoder(Event).decode
decode_state = msgspec.json.Decoder(State).decode
decode_health = msgspec.json.Decoder(Health).decode
decode_info = msgspec.json.Decoder(Info).decode
decode_audience = msgspec.json.Decoder(AudienceHour).decode
decode_request = msgspec.json.Decoder(Request).decode
decode_response = msgspec.json.Decoder(Response).decode
