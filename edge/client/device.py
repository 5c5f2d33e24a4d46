"""What a subscriber knows of one device: the newest of each message, duplicates, gaps."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from edge.contract import (
    CONTRACT_VERSION,
    AudienceHour,
    Event,
    Health,
    Info,
    State,
    decode_audience,
    decode_event,
    decode_health,
    decode_info,
    decode_state,
)
from edge.era import jumped
from edge.messages import Reason, Status

IDS_KEPT = 1000  # of events, to know one that comes again; a broker resends its last few
MISSING_MOST = 2000  # of `seq` remembered as missing; the lowest are forgotten first
# These tell of who stands before the camera, not of the device.
FACE_REASONS = frozenset(
    {
        Reason.TOO_SMALL,
        Reason.BLURRED,
        Reason.TURNED_AWAY,
        Reason.COVERED,
        Reason.YAWNING,
        Reason.LOW_LIGHT,
        Reason.LOW_CONFIDENCE,
        Reason.NOT_SCORED,
        Reason.NO_FACE,
    }
)
_MAJOR = CONTRACT_VERSION.partition(".")[0]


def device_of(event: Event) -> str:
    """Return the name of the device that an event comes from."""
    return event.source.rpartition("/")[2]


@dataclass(slots=True)
class Device:
    """One device."""

    name: str
    online: bool | None = None  # None: it has not said
    state: State | None = None
    health: Health | None = None
    info: Info | None = None
    audience: AudienceHour | None = None  # of the last full hour; None: it counts none
    last: Event | None = None  # the event with the highest `seq`
    received: int = 0  # events, duplicates not counted
    duplicates: int = 0  # dropped
    missing: frozenset[int] = frozenset()  # `seq` of events that did not come (yet)
    invalid: int = 0  # messages that do not keep to the contract
    kept: dict[str, int] = field(default_factory=dict, repr=False)  # bytes of messages, by kind
    _ids: OrderedDict[int, None] = field(default_factory=OrderedDict, repr=False)  # their hashes

    @property
    def compatible(self) -> bool:
        """Whether the device speaks the major version of the contract that we know."""
        return self.info is None or self.info.contract.partition(".")[0] == _MAJOR

    @property
    def fps(self) -> float | None:
        """Frames a second; None: not known, or not measured yet.

        A running daemon says 0 in the message that it sends with its first frame.
        """
        h = self.health
        return None if h is None or (h.status == Status.RUNNING and h.fps == 0) else h.fps

    @property
    def faces(self) -> int | None:
        """Faces in view now; None: not known, as of a device that is offline, paused or blind.

        `state` tells when it changes; `health` has it too, up to its interval old.
        """
        if not self.online:
            return None
        if self.state is not None:
            return len(self.state.faces) if self.state.status == Status.RUNNING else None
        return self.health.faces if self.health is not None and self.fps else None

    @property
    def last_word(self) -> str:
        """When it last said how it is, by its own clock: RFC 3339 in UTC; empty: never."""
        return max((m.time for m in (self.state, self.health) if m is not None), default="")

    @property
    def tags(self) -> list[str]:
        """Words that its operator gave it (`device.tags`), to find and group devices by."""
        section = self.info.config.get("device") if self.info is not None else None
        tags = section.get("tags") if isinstance(section, dict) else None
        return [t for t in tags if isinstance(t, str)] if isinstance(tags, list) else []

    @property
    def size(self) -> int:
        """Bytes of the messages that this is made of."""
        return sum(self.kept.values())

    def take(self, kind: str, payload: bytes) -> Event | None:
        """Take one message; return the event if it is a new one. Never raises for a payload.

        Args:
            kind: the topic after the device's name, such as `state`.
            payload: of the message.
        """
        if not payload:  # what was retained was removed
            return None
        try:
            event = self._decoded(kind, payload)
            self.kept[kind] = len(payload)
            return event
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.invalid += 1
        return None

    def _decoded(self, kind: str, payload: bytes) -> Event | None:
        if kind == "availability":
            self.online = {b"online": True, b"offline": False}.get(payload)
        elif kind == "state":
            self.state = decode_state(payload)
        elif kind == "health":
            self.health = decode_health(payload)
        elif kind == "info":
            self.info = decode_info(payload)
        elif kind == "audience":
            self.audience = decode_audience(payload)
        elif kind == "event":
            return self._event(decode_event(payload))
        return None

    def _event(self, event: Event) -> Event | None:
        known = hash(event.id)
        if known in self._ids:
            self.duplicates += 1
            return None
        self._ids[known] = None
        if len(self._ids) > IDS_KEPT:
            self._ids.popitem(last=False)
        self.received += 1
        last, seq = self.last, event.data.seq
        if last is None or _began_anew(last, event):
            self.missing = frozenset()
            self.last = event
        elif seq > last.data.seq:
            gap = range(max(last.data.seq + 1, seq - MISSING_MOST), seq)
            if gap and not jumped(last.data.seq, seq, _elapsed_s(last, event)):
                kept = sorted(self.missing.union(gap))[-MISSING_MOST:]
                self.missing = frozenset(kept)
            self.last = event
        else:  # late: brokers keep no order over a restart
            self.missing -= {seq}
        return event


def _began_anew(last: Event, event: Event) -> bool:
    """Whether a later event has a `seq` that is not higher: the device's counter was lost."""
    if event.data.seq > last.data.seq:
        return False
    if event.data.boot_id == last.data.boot_id:
        return event.data.uptime_s > last.data.uptime_s
    return event.time > last.time  # RFC 3339 in UTC with the same digits: sorts as text


def _elapsed_s(last: Event, event: Event) -> float:
    """Return the seconds between two events; 0 where their times are none."""
    if event.data.boot_id == last.data.boot_id:
        return event.data.uptime_s - last.data.uptime_s
    try:
        elapsed = datetime.fromisoformat(event.time) - datetime.fromisoformat(last.time)
    except (ValueError, TypeError):
        return 0.0
    return elapsed.total_seconds()
