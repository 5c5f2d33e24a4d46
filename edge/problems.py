"""What is wrong with a device, in words that `health` publishes as `reasons`."""

from __future__ import annotations

from enum import StrEnum


class Problem(StrEnum):
    """What is wrong beside what the camera sees. Published as it stands."""

    BROKER_AWAY = "broker_away"
    BROKER_REFUSED = "broker_refused"
    LOGIN_REFUSED = "login_refused"
    BROKER_STALLED = "broker_stalled"
    CLIENT_ID_TAKEN = "client_id_taken"
    PUBLISH_REFUSED = "publish_refused"
    REQUESTS_OFF = "requests_off"
    OUTBOX_FULL = "outbox_full"
    OUTBOX_MEMORY = "outbox_memory"
    OUTBOX_STALLED = "outbox_stalled"
    OUTBOX_CORRUPT = "outbox_corrupt"
    DISK_FULL = "disk_full"
    THROTTLED = "throttled"
