"""What a broker's devices say, and what they said over the last minutes. Time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from edge.contract import Event, Health, Info, State

MAX_DEVICES = 2000  # bounds against nonsense on the broker
MAX_FACES = 32
MAX_STEPS = 5000  # of one device's timeline
LOG = 12  # events remembered a device

Step = tuple[float, tuple[str, ...], str]  # from when (s since 1970), emotions in view, status


@dataclass
class Device:
    """One device, as it was heard."""

    name: str
    availability: str = "?"
    state: State | None = None
    state_at: float = 0.0  # s since 1970, here: when the state came
    health: Health | None = None
    info: Info | None = None
    heard: float = 0.0  # s since 1970, here: the last message that was not a retained one
    strange: int = 0  # messages that do not keep to the contract
    alerts: dict[str, dict[str, object]] = field(default_factory=dict)  # by track
    log: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=LOG))
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=MAX_STEPS))
    fresh: list[Step] = field(default_factory=list)  # not yet sent

    @property
    def status(self) -> str:
        """What it does: offline, or what its state says."""
        if self.availability == "offline":
            return "offline"
        return self.state.status if self.state is not None else "online"

    def step(self, now: float, keep_s: float) -> None:
        """Note what is in view, if that is news; forget what is older than `keep_s`."""
        status = self.status
        faces = self.state.faces if self.state is not None and status == "running" else []
        emotions = tuple(sorted({f.emotion for f in faces[:MAX_FACES]}))
        if self.steps and self.steps[-1][1:] == (emotions, status):
            return
        self.steps.append((now, emotions, status))
        self.fresh.append(self.steps[-1])
        # The last one before the window still says what there was at its beginning.
        while len(self.steps) > 1 and self.steps[1][0] < now - keep_s:
            self.steps.popleft()


class Devices:
    """All devices under one base topic."""

    def __init__(self, base: str, keep_s: float) -> None:
        """Remember `keep_s` seconds of each."""
        self._base = base
        self._keep_s = keep_s
        self._all: dict[str, Device] = {}
        self._changed: set[str] = set()
        self._gone: set[str] = set()

    def message(self, topic: str, retained: bool, payload: bytes, now: float) -> None:
        """Take one MQTT message; `now` in s since 1970."""
        name, _, kind = topic.removeprefix(self._base + "/").partition("/")
        if kind not in ("availability", "state", "health", "info", "event"):
            return
        if not payload:  # a retained message was removed
            if kind == "availability" and self._all.pop(name, None) is not None:
                self._gone.add(name)
            return
        if name not in self._all and len(self._all) >= MAX_DEVICES:
            return
        device = self._all.setdefault(name, Device(name))
        self._gone.discard(name)
        self._changed.add(name)
        device.heard = device.heard if retained else now
        try:
            self._take(device, kind, payload, now)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            device.strange += 1
        device.step(now, self._keep_s)

    def _take(self, device: Device, kind: str, payload: bytes, now: float) -> None:
        decode = msgspec.json.decode
        if kind == "availability":
            device.availability = "online" if payload == b"online" else "offline"
            if device.availability == "offline":
                device.alerts.clear()  # whatever began, nobody watches it any more
        elif kind == "state":
            device.state, device.state_at = decode(payload, type=State), now
        elif kind == "health":
            device.health = decode(payload, type=Health)
        elif kind == "info":
            device.info = decode(payload, type=Info)
        else:
            _event(device, decode(payload, type=Event), now)

    def snapshot(self) -> dict[str, object]:
        """Return everything, for a browser that has just come."""
        return {
            "all": True,
            "devices": {n: _plain(d, list(d.steps)) for n, d in self._all.items()},
        }

    def changes(self) -> dict[str, object] | None:
        """Return what changed since the last call; None: nothing."""
        if not self._changed and not self._gone:
            return None
        devices = {}
        for name in self._changed & self._all.keys():
            device = self._all[name]
            devices[name] = _plain(device, device.fresh)
            device.fresh = []
        message = {"all": False, "devices": devices, "gone": sorted(self._gone)}
        self._changed, self._gone = set(), set()
        return message


def _event(device: Device, event: Event, now: float) -> None:
    data = event.data
    device.log.append(
        {
            "at": now,
            "type": data.event_type,
            "track": data.track,
            "emotion": data.emotion,
            "previous": data.previous,
            "reason": data.reason,
            "grade": data.grade,
            "replayed": data.replayed,
            "time": event.time,
        }
    )
    if data.replayed:  # old: nothing to be alarmed about now
        return
    if data.event_type == "alert_began":
        device.alerts[data.track] = {
            "since": now,
            "track": data.track,
            "emotion": data.emotion,
            "grade": data.grade,
        }
    elif data.event_type in ("alert_ended", "face_left"):
        device.alerts.pop(data.track, None)


def _plain(device: Device, steps: list[Step]) -> dict[str, object]:
    """Return a device for the page; the configuration in `info` is none of its business."""
    state, info = device.state, device.info
    return {
        "availability": device.availability,
        "status": device.status,
        "state_at": device.state_at,
        "heard": device.heard,
        "strange": device.strange,
        "emotion": state.emotion if state else None,
        "reason": state.reason if state else None,
        "faces": msgspec.to_builtins(state.faces[:MAX_FACES]) if state else [],
        "health": msgspec.to_builtins(device.health) if device.health else None,
        "info": {
            "version": info.version,
            "model": info.model.name,
            "labels": info.model.labels,
            "detector": info.detector,
        }
        if info
        else None,
        "alerts": list(device.alerts.values()),
        "log": list(device.log),
        "steps": steps,
    }
