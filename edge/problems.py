"""What is wrong with a device: the words of `reasons` in `health`, and what they mean."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Problem(StrEnum):
    """What is wrong beside what the camera sees (`Reason`). Published as it stands."""

    BROKER_AWAY = "broker_away"
    BROKER_REFUSED = "broker_refused"
    LOGIN_REFUSED = "login_refused"
    CLIENT_ID_TAKEN = "client_id_taken"
    BROKER_STALLED = "broker_stalled"
    PUBLISH_REFUSED = "publish_refused"
    REQUESTS_OFF = "requests_off"
    PACKET_TOO_LARGE = "packet_too_large"
    OUTBOX_FULL = "outbox_full"
    OUTBOX_MEMORY = "outbox_memory"
    DISK_FULL = "disk_full"
    OUTBOX_STALLED = "outbox_stalled"
    OUTBOX_CORRUPT = "outbox_corrupt"
    METRICS_UNAVAILABLE = "metrics_unavailable"
    RELOAD_REFUSED = "reload_refused"
    RESTART_PENDING = "restart_pending"
    THROTTLED = "throttled"


class Help(NamedTuple):
    """A reason in words."""

    means: str
    do: str


# In the order of the table in docs/troubleshooting.md, which is made from it.
REASONS: dict[str, Help] = {
    "camera_lost": Help(
        "the camera does not answer; it is tried again", "its cable; another program that has it"
    ),
    "paused": Help("somebody asked for a pause", "`request/resume`"),
    "no_face": Help("nobody is in view, or a face has just left the frame", "nothing"),
    "too_small": Help("a face is too small to be scored", "move the camera closer; zoom"),
    "blurred": Help("a face is blurred", "focus; more light, so that exposures are shorter"),
    "turned_away": Help(
        "a head is turned further from the camera than can be judged",
        "mount the camera where people look; `classify.max_yaw`, `max_pitch`, `max_bowed`",
    ),
    "covered": Help(
        "a mouth is hidden, behind a mask, say",
        "nothing: that is an answer; `classify.score_covered` scores it all the same",
    ),
    "yawning": Help(
        "a mouth is wide open and the eyes are shut: a yawn, or a scream",
        "nothing: that is an answer; `classify.score_yawns` scores it all the same",
    ),
    "low_light": Help("a face is too dark", "more light on faces"),
    "low_confidence": Help("no emotion is likely enough", "nothing: that is an answer"),
    "not_scored": Help(
        "more faces are in view than `classify.max_faces`", "raise it, if the processor can"
    ),
    Problem.BROKER_AWAY: Help(
        "no connection to the broker; events wait in the outbox", "broker, network, `mqtt.host`"
    ),
    Problem.BROKER_REFUSED: Help(
        "the broker refuses the connection", "the log says why; certificates, `mqtt.version`"
    ),
    Problem.LOGIN_REFUSED: Help(
        "the broker refuses the login", "`mqtt.username` and its password; the broker's own log"
    ),
    Problem.CLIENT_ID_TAKEN: Help(
        "another client uses the same client id",
        "give each device its own `device.name` and `mqtt.client_id`",
    ),
    Problem.BROKER_STALLED: Help(
        "the broker is connected and acknowledges nothing", "the broker: its disk, its load"
    ),
    Problem.PUBLISH_REFUSED: Help(
        "the broker refuses to publish events", "the broker's access list (ACL) for this device"
    ),
    Problem.REQUESTS_OFF: Help(
        "no requests are heard: a message too large to read was among them",
        "clear what is retained on `request/#`; they are heard again by and by, or after a restart",
    ),
    Problem.PACKET_TOO_LARGE: Help(
        "messages are larger than the broker takes, and are not sent; events are kept",
        "the log says which and how large; the broker's `max_packet_size`",
    ),
    Problem.OUTBOX_FULL: Help(
        "the outbox is full: the oldest events are dropped", "the broker; `outbox.max_events`"
    ),
    Problem.OUTBOX_MEMORY: Help(
        "the disk cannot be used: events are kept in memory only",
        "the log says why; the disk, its rights, a second process with the same outbox",
    ),
    Problem.DISK_FULL: Help("the disk is full", "make room"),
    Problem.OUTBOX_STALLED: Help(
        "the disk does not answer: events wait for it", "the disk; an SD card at its end does that"
    ),
    Problem.OUTBOX_CORRUPT: Help(
        "the outbox was damaged: what could be read was kept, the rest counted as lost",
        "watch the SD card; `outbox_lost` says how many; a restart clears this word",
    ),
    Problem.METRICS_UNAVAILABLE: Help(
        "metrics are enabled and cannot be served; an address or port is tried again",
        "the log says why",
    ),
    Problem.RELOAD_REFUSED: Help(
        "a reload was refused: the configuration has mistakes, the old one stays",
        "the log or `emotion-edge check` names them; mend and reload",
    ),
    Problem.RESTART_PENDING: Help(
        "the configuration was changed in what takes a restart",
        "restart it when that disturbs nobody; the log says which keys",
    ),
    Problem.THROTTLED: Help(
        "the firmware holds the processor back", "cooling; a stronger power supply"
    ),
}
