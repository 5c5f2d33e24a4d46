"""What the page is told of a broker's devices, and what they said before. Time is an argument."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from msgspec import to_builtins

from edge.client import Device, Message
from edge.client.device import FACE_REASONS
from edge.contract import EventData, FaceInView, Health
from edge.messages import Status

# Bounds against nonsense on the broker; a page shows less than this.
MAX_FACES = 6  # of a device, the largest first; the others are counted
MAX_LABELS = 32  # of a face's scores
MAX_REASONS = 16
MAX_TAGS = 16
MAX_CONDITIONS = 8  # of a face
MAX_ALERTS = 16  # of a device
MAX_ATTRIBUTES = 8  # of a face
MAX_TEXT = 80  # characters of a label, a reason, a name
MAX_STEPS = 2000  # of one device's timeline
MAX_ALL_STEPS = 300_000  # of all: about 60 MB
LOG = 12  # events remembered a device
# s without its face in `state` until an alert is over whose end we did not hear: longer than a
# device follows a face that it does not see (`track.lost_s`, at most 30).
GONE_S = 35.0
UNHEARD = "unheard"  # in a timeline: nobody listened
OF_HEALTH = (
    "uptime_s",
    "busy",
    "outbox_depth",
    "outbox_lost",
    "outbox_oldest_s",
    "memory_mb",
    "temperature_c",
)
KINDS = frozenset({"availability", "state", "health", "info", "event"})

Step = tuple[float, tuple[str, ...], str]  # from when (s since 1970), emotions in view, status
Plain = dict[str, object]


@dataclass
class History:
    """A device as it is, and what it was."""

    device: Device
    state_at: float = 0.0  # s since 1970, here: when the state came
    heard: float = 0.0  # s since 1970, here: the last message that was not a retained one
    offline_at: float = 0.0  # s since 1970, here: when it went; 0: that was before we listened
    alerts: dict[tuple[str, str], Plain] = field(default_factory=dict)  # by track and name
    missing: dict[str, float] = field(default_factory=dict)  # tracks with alerts: not seen since
    log: deque[Plain] = field(default_factory=lambda: deque(maxlen=LOG))
    steps: deque[Step] = field(default_factory=deque)
    fresh: list[Step] = field(default_factory=list)  # not yet told
    changed: set[str] = field(default_factory=set)  # kinds of messages not yet told

    @property
    def status(self) -> str:
        """What it does: offline, or what its state says."""
        if self.device.online is False:
            return "offline"
        return self.device.state.status if self.device.state is not None else "online"


class Devices:
    """All devices of a broker. Thread-safe: the client's thread feeds it, the page's asks."""

    def __init__(self, keep_s: float) -> None:
        """Remember `keep_s` seconds of each."""
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._all: dict[str, History] = {}
        self._changed: set[str] = set()
        self._gone: set[str] = set()
        self._steps = 0
        self._listening = False  # to all that there is to hear: `listening` says when
        self._spoke: set[str] = set()  # devices, meanwhile

    def message(self, message: Message, device: Device | None, now: float) -> None:
        """Take one message, as `edge.client` understood it; `now` in s since 1970."""
        if message.kind not in KINDS:
            return
        with self._lock:
            if device is None:
                self._removed(message)
                return
            history = self._all.setdefault(device.name, History(device))
            history.device = device
            self._gone.discard(device.name)
            self._changed.add(device.name)
            history.changed.add(message.kind)
            history.heard = history.heard if message.retained else now
            if message.kind == "state":
                history.state_at = now
                _end_alerts(history, now)
            elif message.kind == "availability" and device.online is False:
                history.offline_at = 0.0 if message.retained else now
                history.alerts.clear()  # whatever began, nobody watches it any more
                history.changed.add("event")
            elif message.event is not None:
                _event(history, message.event.data, message.event.time, now)
            if self._listening:
                self._step(history, now)
            else:  # a connection that got half-way, and may fail yet
                self._spoke.add(device.name)
                self._note(history, now, (), UNHEARD)

    def _removed(self, message: Message) -> None:
        if message.kind == "availability" and not message.payload:
            history = self._all.pop(message.name, None)
            if history is not None:
                self._steps -= len(history.steps)
                self._gone.add(message.name)

    def listening(self, yes: bool, now: float) -> None:
        """Note whether all that devices say is heard from now on (s since 1970)."""
        with self._lock:
            if yes and not self._listening:
                for name in self._spoke & self._all.keys():
                    self._step(self._all[name], now)
                    self._changed.add(name)
                for history in self._all.values():
                    history.missing.clear()  # it counts what was heard
            elif self._listening and not yes:
                self._spoke.clear()
                for name, history in self._all.items():
                    self._note(history, now, (), UNHEARD)
                    self._changed.add(name)
            self._listening = yes

    def end_alerts(self, now: float) -> None:
        """End alerts whose faces have gone: of a scene that stays empty a device says it once."""
        with self._lock:
            for name, history in self._all.items() if self._listening else ():
                if history.alerts and _end_alerts(history, now):
                    self._changed.add(name)

    def _step(self, h: History, now: float) -> None:
        """Note what is in view."""
        status, state = h.status, h.device.state
        faces = state.faces if state is not None and status == Status.RUNNING else []
        emotions = tuple(sorted({_short(f.emotion) for f in faces[:MAX_FACES]}))
        self._note(h, now, emotions, status)

    def _note(self, h: History, now: float, emotions: tuple[str, ...], status: str) -> None:
        """Add a step, if it is news; forget what is older than `keep_s`."""
        if h.steps and h.steps[-1][1:] == (emotions, status):
            return
        h.steps.append((now, emotions, status))
        h.fresh = [*h.fresh[-MAX_STEPS:], h.steps[-1]]
        self._steps += 1
        # The last one before the window still says what there was at its beginning.
        while len(h.steps) > 1 and (h.steps[1][0] < now - self._keep_s or len(h.steps) > MAX_STEPS):
            self._forget_first(h)
        while self._steps > MAX_ALL_STEPS:  # those who told most lose most, not whoever speaks next
            self._forget_first(max(self._all.values(), key=lambda h: len(h.steps)))

    def _forget_first(self, h: History) -> None:
        h.steps.popleft()
        self._steps -= 1

    def snapshot(self) -> Plain:
        """Return everything, for a browser that has just come."""
        with self._lock:
            return {
                "all": True,
                "devices": {n: _plain(h, KINDS, list(h.steps)) for n, h in self._all.items()},
                "gone": [],
            }

    def changes(self) -> Plain | None:
        """Return what changed since the last call, by kinds of messages; None: nothing."""
        with self._lock:
            if not self._changed and not self._gone:
                return None
            devices = {}
            for name in self._changed & self._all.keys():
                history = self._all[name]
                devices[name] = _plain(history, history.changed, history.fresh)
                history.changed, history.fresh = set(), []
            message: Plain = {"all": False, "devices": devices, "gone": sorted(self._gone)}
            self._changed, self._gone = set(), set()
            return message


def _event(history: History, data: EventData, time: str, now: float) -> None:
    history.log.append(
        {
            "at": now,
            "type": data.event_type,
            "emotion": _short(data.emotion),
            "previous": _short(data.previous or ""),
            "reason": _short(data.reason or ""),
            "alert": _short(data.alert or ""),
            "grade": _short(str(data.grade or "")),
            "replayed": data.replayed,
        }
    )
    if data.replayed:  # old: nothing to be alarmed about now
        return
    track = _short(data.track)
    if data.event_type == "alert_began" and len(history.alerts) < MAX_ALERTS:
        history.alerts[track, _short(data.alert or "")] = {
            "since": now,
            "alert": _short(data.alert or ""),
            "emotion": _short(data.emotion),
            "grade": _short(str(data.grade or "")),
        }
    elif data.event_type == "alert_ended":
        history.alerts.pop((track, _short(data.alert or "")), None)
    elif data.event_type == "face_left":
        for key in [k for k in history.alerts if k[0] == track]:
            del history.alerts[key]


def _end_alerts(history: History, now: float) -> bool:
    """End alerts of faces that have gone without our being told: the broker was away, say.

    Returns:
        Whether there were any.
    """
    state, before = history.device.state, len(history.alerts)
    if state is None or not before:
        return False
    seen = {_short(f.track) for f in state.faces}
    for key in list(history.alerts):
        track = key[0]
        if track in seen:
            history.missing.pop(track, None)
            continue
        since = history.missing.setdefault(track, now)
        if now - since >= GONE_S or state.status != Status.RUNNING:
            del history.alerts[key]
            history.changed.add("event")
    tracks = {track for track, _ in history.alerts}
    history.missing = {t: since for t, since in history.missing.items() if t in tracks}
    return len(history.alerts) < before


def _plain(h: History, kinds: frozenset[str] | set[str], steps: list[Step]) -> Plain:
    """Return a device for the page: what belongs to `kinds`, and what is always told."""
    d = h.device
    plain: Plain = {
        "online": d.online,
        "status": h.status,
        "heard": h.heard,
        "offline_at": h.offline_at,
        "last_word": _short(d.last_word),
        "invalid": d.invalid,
        "steps": steps,
    }
    if "state" in kinds:
        faces = d.state.faces if d.state is not None else []
        plain |= {
            "state_at": h.state_at,
            "faces": [_face(f, scores=i == 0) for i, f in enumerate(faces[:MAX_FACES])],
            "face_count": len(faces),
            "audience": to_builtins(d.state.audience) if d.state is not None else None,
        }
    if "health" in kinds and d.health is not None:
        plain["health"] = _health(d.health) | {"fps": d.fps}
    if "info" in kinds and d.info is not None:  # its configuration is none of the page's business
        model = d.info.model
        plain["info"] = {
            "version": _short(d.info.version),
            "model": _short(model.name),
            "labels": [_short(label) for label in model.labels[:MAX_LABELS]],
        }
        plain["tags"] = [_short(tag) for tag in d.tags[:MAX_TAGS]]
    if "event" in kinds:
        plain |= {"alerts": list(h.alerts.values()), "log": list(h.log)}
    return plain


def _health(health: Health) -> Plain:
    reasons = [_short(r) for r in health.reasons[:MAX_REASONS]]
    plain: Plain = {name: getattr(health, name) for name in OF_HEALTH}
    return plain | {
        "problems": [r for r in reasons if r not in FACE_REASONS],
        "of_faces": [r for r in reasons if r in FACE_REASONS],
    }


def _face(face: FaceInView, *, scores: bool) -> Plain:
    plain: Plain = {
        "emotion": _short(face.emotion),
        "confidence": face.confidence,
        "since_s": face.since_s,
        "reason": _short(face.reason) if face.reason else None,
        "attributes": [
            [_short(name), _short(a.label), a.confidence]
            for name, a in list(face.attributes.items())[:MAX_ATTRIBUTES]
        ],
    }
    if face.state is not None:
        plain["state"] = to_builtins(face.state)
        plain["conditions"] = [_short(c) for c in face.conditions[:MAX_CONDITIONS]]
        plain["sums"] = to_builtins(face.sums)
    if scores:
        some = list(face.scores.items())[:MAX_LABELS]
        plain["scores"] = {_short(label): score for label, score in some}
    return plain


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
