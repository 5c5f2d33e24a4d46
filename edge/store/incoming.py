"""Events as they come from the broker: read leniently, kept whole.

A later version of the contract adds fields and kinds, so nothing is asked for but an id; what a
field should not be it is not taken for, and the whole message is kept in any case.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

MAX_TEXT = 200  # characters of a field in a column of its own; the whole is in `raw`
# 64 bits of the database, less room for sums.
_Count = Annotated[int, Meta(ge=0, le=2**62)]
_Seconds = Annotated[float, Meta(ge=0, le=1e11)]
# What a clock may be ahead before it counts as wrong.
AHEAD = timedelta(hours=1)
MOST_LOST = 10**9  # events at once, as far as it is believed: their sums fit into a column
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)  # before this project; a clock that was never set


class _Sums(Struct):
    looked_s: _Seconds | None = None


class _Data(Struct):
    event_type: str = "unknown"
    track: str = ""
    emotion: str | None = None
    previous: str | None = None
    reason: str | None = None
    duration_s: _Seconds | None = None
    seconds: _Seconds | None = None
    sums: _Sums | None = None
    seq: _Count = 0
    boot_id: str = ""
    uptime_s: _Seconds = 0.0
    time_synced: bool = True
    replayed: bool = False
    lost_before: _Count = 0
    faces: _Count | None = None


class _Event(Struct):
    id: Annotated[str, Meta(min_length=1)]
    time: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


class _Bare(Struct):
    """An event whose data are not what they should be."""

    id: Annotated[str, Meta(min_length=1)]
    type: str = "unknown"


class NewEvent(Struct, frozen=True):
    """A row for `events`, without the numbers that the database gives."""

    device: str
    track: str
    id: str
    seq: int
    kind: str
    time: datetime
    received: datetime
    time_synced: bool
    replayed: bool
    boot_id: str
    uptime_s: float
    emotion: str | None
    previous: str | None
    reason: str | None
    duration_s: float | None
    attention_s: float | None
    lost_before: int
    faces: int | None  # in view after it
    raw: str


_decode = msgspec.json.Decoder(_Event).decode
_decode_bare = msgspec.json.Decoder(_Bare).decode


def read_event(device: str, payload: bytes, received: datetime) -> NewEvent | None:
    """Return the event in a message; None when it is none.

    Args:
        device: the name in the topic.
        payload: the message.
        received: when it came, aware.
    """
    try:
        raw = payload.decode()
        try:
            event = _decode(payload)
        except msgspec.ValidationError:
            bare = _decode_bare(payload)
            kind = bare.type.rpartition(".")[2]
            event = _Event(bare.id, data=_Data(event_type=kind, time_synced=False))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    data = event.data
    return NewEvent(
        device=text(device),
        track=text(data.track),
        id=text(event.id),
        seq=data.seq,
        kind=text(data.event_type),
        time=_when(event.time, data, received),
        received=received,
        time_synced=data.time_synced,
        replayed=data.replayed,
        boot_id=text(data.boot_id),
        uptime_s=data.uptime_s,
        emotion=_maybe(data.emotion),
        previous=_maybe(data.previous),
        reason=_maybe(data.reason),
        duration_s=data.duration_s,
        attention_s=_attention_s(data),
        lost_before=min(data.lost_before, MOST_LOST),
        faces=data.faces,
        raw=raw,
    )


def text(value: str) -> str:
    """Return it as a database takes it: PostgreSQL has no NUL in text."""
    if len(value) <= MAX_TEXT and "\0" not in value:
        return value
    return value.replace("\0", "")[:MAX_TEXT]


def _maybe(value: str | None) -> str | None:
    return None if value is None else text(value)


def _attention_s(data: _Data) -> float | None:
    if data.event_type == "face_left":
        return data.sums.looked_s if data.sums is not None else None
    return data.seconds if data.event_type == "attention_ended" else None


def _when(told: str, data: _Data, received: datetime) -> datetime:
    """Return when it happened; when it came, where the device's clock cannot be believed."""
    try:
        time = datetime.fromisoformat(told).astimezone(UTC)
    except (ValueError, OverflowError):
        return received
    if not EARLIEST <= time <= received + AHEAD:
        return received
    return time if data.time_synced or data.replayed else received


COLUMNS: tuple[str, ...] = tuple(n for n in NewEvent.__struct_fields__ if n != "device")


def values(event: NewEvent) -> tuple[Any, ...]:
    """Return the values of `COLUMNS`."""
    return msgspec.structs.astuple(event)[1:]
