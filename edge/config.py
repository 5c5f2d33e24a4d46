"""The configuration: every key with its type, range, default and meaning.

Loading is in `configfile`; what a face does is configured in `config_face`, its emotion in
`config_emotion`, what is published in `config_publish`.
The documentation and the schema are generated from these types. Times are seconds.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from edge.config_emotion import Alert, Attribute, Baseline, Classify, Smooth
from edge.config_face import Attention, Audience, Drowsiness, State
from edge.config_publish import Homeassistant, Metrics, Mqtt, Outbox, Output


class Device(Struct, frozen=True, forbid_unknown_fields=True):
    """Who this is."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[^/+#\s\x00]{0,64}$",
            description="name in topics; empty: the host name",
            extra={"allowed": "at most 64 characters, without '/', '+', '#' and blanks"},
        ),
    ] = ""
    tags: Annotated[
        list[Annotated[str, Meta(pattern=r"^[^\s#,]{1,40}$")]],
        Meta(
            max_length=16,
            description="words to find and group devices by, such as a site or a floor",
            extra={"allowed": "up to 16 words of up to 40 characters, without '#' and ','"},
        ),
    ] = msgspec.field(default_factory=list)


class Camera(Struct, frozen=True, forbid_unknown_fields=True):
    """Where frames come from."""

    source: Annotated[
        str,
        Meta(
            pattern=r"\S",
            description="a video, GIF, image or folder of images; a device such as "
            "/dev/v4l/by-id/... or an index; rtsp:// or http:// stream; 'rpicam'; 'command'",
            extra={"allowed": "a path, an index, an address, rpicam or command"},
        ),
    ] = "0"
    width: Annotated[int, Meta(ge=16, le=4096, description="pixels asked for")] = 640
    height: Annotated[int, Meta(ge=16, le=4096, description="pixels asked for")] = 480
    fps: Annotated[float, Meta(gt=0, le=240, description="frames a second asked for")] = 30.0
    rotate: Annotated[
        Literal[0, 90, 180, 270], Meta(description="degrees clockwise, for a turned camera")
    ] = 0
    loop: Annotated[bool, Meta(description="files: begin again at the end")] = False
    every_frame: Annotated[
        bool, Meta(description="files: every frame as fast as it goes, instead of at its own rate")
    ] = False
    command: Annotated[
        list[str],
        Meta(
            description="program and arguments that write YUV420 to standard output; empty: "
            "rpicam-vid. {width}, {height} and {fps} are filled in"
        ),
    ] = []
    stride: Annotated[
        int, Meta(ge=0, le=16384, description="bytes a row of the command's output; 0: the width")
    ] = 0
    open_timeout_s: Annotated[
        float,
        Meta(
            gt=0,
            le=60,
            description="to the first picture of a stream: its next key frame can take ten seconds",
        ),
    ] = 10.0
    stall_s: Annotated[
        float, Meta(ge=0.2, le=60, description="without a frame before the camera counts as lost")
    ] = 3.0
    backoff_min_s: Annotated[float, Meta(gt=0, le=60, description="first wait to reopen")] = 0.5
    backoff_max_s: Annotated[float, Meta(gt=0, le=600, description="longest wait")] = 15.0


class Detect(Struct, frozen=True, forbid_unknown_fields=True):
    """Finding faces."""

    name: Annotated[Literal["haar", "yunet", "face"], Meta(description="which detector")] = "face"
    model: Annotated[
        str,
        Meta(
            description="yunet: path of its .onnx; face: model folder or name; "
            "haar: path of a cascade; empty: the detector's own"
        ),
    ] = ""
    width: Annotated[
        int, Meta(ge=80, le=1920, description="pixels the frame is reduced to before detection")
    ] = 320
    rate: Annotated[float, Meta(gt=0, le=120, description="detections a second, at most")] = 10.0
    min_face: Annotated[
        float, Meta(gt=0, le=1, description="smallest face, as a fraction of the frame's height")
    ] = 0.08
    threshold: Annotated[
        float, Meta(gt=0, lt=1, description="lowest score of a face (not used by haar)")
    ] = 0.7
    refine: Annotated[
        str,
        Meta(
            description="face: model folder or name of a network that looks closer at each face "
            "found; empty: none"
        ),
    ] = "refine"


class Motion(Struct, frozen=True, forbid_unknown_fields=True):
    """Still scenes cost next to nothing: frames in which nothing moved are skipped."""

    gate: Annotated[bool, Meta(description="skip frames in which nothing moved")] = True
    level: Annotated[
        float,
        Meta(
            gt=0,
            le=255,
            description="change of luma, in a cell of an eightieth to a 160th of the frame's "
            "width, that counts as motion; above the camera's noise",
        ),
    ] = 6.0
    idle_s: Annotated[
        float,
        Meta(
            gt=0,
            le=60,
            description="between two frames processed of a still scene; with a face in it, 0.5",
        ),
    ] = 1.0


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """What the daemon may use: beyond it, faces are detected and scored less often."""

    cpu: Annotated[float, Meta(gt=0, le=16, description="cores, for the whole process")] = 0.4
    max_temperature_c: Annotated[
        float, Meta(ge=30, le=120, description="of the processor; above, the budget shrinks")
    ] = 78.0


class TrackKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """Following faces."""

    confirm: Annotated[
        int, Meta(ge=1, le=10, description="detections before a face is confirmed")
    ] = 3
    lost_s: Annotated[
        float, Meta(gt=0, le=30, description="without a detection after which a face has left")
    ] = 2.0
    still_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="without a sign of life, not even breathing, before a face counts as a "
            "picture; 0: never",
        ),
    ] = 120.0


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """The log, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="least severity shown")
    ] = "info"


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; each field but `profile` is a section."""

    profile: Annotated[
        Literal["", "kiosk", "car", "driver"],
        Meta(description="a coherent set of defaults; explicit keys win, but for those it locks"),
    ] = ""
    device: Device = msgspec.field(default_factory=Device)
    camera: Camera = msgspec.field(default_factory=Camera)
    budget: Budget = msgspec.field(default_factory=Budget)
    motion: Motion = msgspec.field(default_factory=Motion)
    detect: Detect = msgspec.field(default_factory=Detect)
    track: TrackKeys = msgspec.field(default_factory=TrackKeys)
    classify: Classify = msgspec.field(default_factory=Classify)
    attribute: list[Attribute] = []
    state: State = msgspec.field(default_factory=State)
    attention: Attention = msgspec.field(default_factory=Attention)
    drowsiness: Drowsiness = msgspec.field(default_factory=Drowsiness)
    baseline: Baseline = msgspec.field(default_factory=Baseline)
    audience: Audience = msgspec.field(default_factory=Audience)
    smooth: Smooth = msgspec.field(default_factory=Smooth)
    alert: Alert | Annotated[list[Alert], Meta(max_length=16)] = msgspec.field(
        default_factory=Alert
    )
    mqtt: Mqtt = msgspec.field(default_factory=Mqtt)
    outbox: Outbox = msgspec.field(default_factory=Outbox)
    output: Output = msgspec.field(default_factory=Output)
    homeassistant: Homeassistant = msgspec.field(default_factory=Homeassistant)
    metrics: Metrics = msgspec.field(default_factory=Metrics)
    log: Log = msgspec.field(default_factory=Log)

    def watches_lids(self) -> bool:
        """Return whether drowsiness is told."""
        return self.state.enabled and self.drowsiness.enabled

    def alerts(self) -> list[Alert]:
        """Return the alerts, whether there is one section or several."""
        return [self.alert] if isinstance(self.alert, Alert) else self.alert
