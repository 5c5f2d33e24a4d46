"""Shows what the devices on a broker say, as a live table or as JSON Lines."""

from __future__ import annotations

import base64
import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from typing import NoReturn

import msgspec

from edge.config import Mqtt
from edge.contract import Event, Health, State, decode_event, decode_health, decode_state
from edge.errors import UnavailableError
from edge.publish import reasons, session
from edge.publish.reasons import Failure

ANSWER_S = 10.0  # for the broker to let us in
MAX_MESSAGE_BYTES = 1024 * 1024  # a state of 32 faces has about 12 kB; a bound against nonsense
REDRAW_S = 0.5  # shortest time between two pictures of the table
AGAIN_S = 2.0  # between two tries to come back
_CLEAR = "\x1b[H\x1b[J"  # ECMA-48: cursor home, erase to the end
_BAR = 20  # characters of a full score


class View:
    """Shows messages."""

    def message(self, topic: str, retained: bool, payload: bytes) -> None:
        """Take one message."""

    def tick(self, trouble: str) -> None:
        """Show the present; called often."""


class JsonView(View):
    """One line a message: {"topic", "retained", "payload"}."""

    def message(self, topic: str, retained: bool, payload: bytes) -> None:
        """Write it at once; a payload that is no JSON goes as a string."""
        shown: object
        try:
            shown = json.loads(payload)
        except (ValueError, RecursionError):
            try:
                shown = payload.decode()
            except UnicodeDecodeError:
                shown = {"base64": base64.b64encode(payload).decode()}
        print(json.dumps({"topic": topic, "retained": retained, "payload": shown}), flush=True)


@dataclass
class Device:
    """What is known of one device."""

    availability: str = "?"
    state: State | None = None
    health: Health | None = None
    event: Event | None = None
    strange: int = 0  # messages that do not keep to the contract


@dataclass
class TableView(View):
    """Devices and the faces before them, drawn anew at most every `REDRAW_S`."""

    base: str
    broker: str
    devices: dict[str, Device] = field(default_factory=dict)
    drawn: float = -REDRAW_S
    changed: bool = True
    trouble: str = ""

    def message(self, topic: str, retained: bool, payload: bytes) -> None:
        """Remember the newest of each kind."""
        name, _, kind = topic.removeprefix(self.base + "/").partition("/")
        if kind not in ("availability", "state", "health", "event"):
            return
        device = self.devices.setdefault(name, Device())
        self.changed = True
        try:
            if kind == "availability":
                device.availability = plain(payload.decode())[:16] or "?"
            elif kind == "state":
                device.state = decode_state(payload)
            elif kind == "health":
                device.health = decode_health(payload)
            else:
                device.event = decode_event(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            device.strange += 1

    def tick(self, trouble: str) -> None:
        """Draw when there is something new."""
        now = time.monotonic()
        if now - self.drawn < REDRAW_S or not (self.changed or trouble != self.trouble):
            return
        self.drawn, self.changed, self.trouble = now, False, trouble
        size = shutil.get_terminal_size()
        lines = table(self.devices, f"{self.base} on {self.broker}", trouble)
        picture = "\n".join(line[: size.columns] for line in lines[: size.lines - 1])
        print((_CLEAR if sys.stdout.isatty() else "") + picture, flush=True)


def table(devices: dict[str, Device], title: str, trouble: str = "") -> list[str]:
    """Return the lines of the table."""
    lines = [title + (f"   {trouble}" if trouble else ""), ""]
    if not devices:
        lines.append("no device has spoken yet")
    for name, d in sorted(devices.items()):
        parts = [plain(name), d.availability]
        if d.state is not None:
            parts.append(d.state.status)
        if d.health is not None:
            h = d.health
            parts += [f"{h.fps:.1f} frames/s", f"{h.outbox_depth} waiting"]
            parts += [plain(reason) for reason in h.reasons]
        if d.strange:
            parts.append(f"{d.strange} messages not understood")
        lines.append("  ".join(parts))
        for face in d.state.faces if d.state is not None else []:
            bar = "#" * round(face.confidence * _BAR)
            why = f"  {plain(face.reason)}" if face.reason else ""
            lines.append(
                f"  {plain(face.track)[:12]:12}  {plain(face.emotion)[:10]:10} "
                f"{face.confidence:5.2f} {bar:{_BAR}}  {face.since_s:6.1f} s{why}"
            )
        if d.event is not None:
            e = d.event.data
            late = "  (replayed)" if e.replayed else ""
            lines.append(
                f"  last event: {e.event_type} {plain(e.emotion)}, {plain(d.event.time)}{late}"
            )
    return lines


def plain(text: str) -> str:
    """Return `text` without control characters: a message must not drive the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def watch(mqtt: Mqtt, view: View) -> NoReturn:
    """Show what comes until interrupted; after a first connection, come back for ever.

    Raises:
        UnavailableError: the broker is not there at first.
        ConfigError: a file that was named cannot be used.
    """
    login = session.read_login(mqtt)
    failure, served = _connection(mqtt, login, view)
    if not served:
        raise UnavailableError(f"broker {reasons.where(mqtt)}: {failure.text}")
    while True:
        until = time.monotonic() + AGAIN_S
        while time.monotonic() < until:
            view.tick(f"no connection: {failure.text}")
            time.sleep(0.1)
        failure, _ = _connection(mqtt, login, view)


def _connection(mqtt: Mqtt, login: session.Login | None, view: View) -> tuple[Failure, bool]:
    """Serve one connection; return why it ended, and whether it had begun."""
    answers: list[Failure | None] = []
    client = session.new_client(mqtt, f"emotion-edge-watch-{time.time_ns():x}", login)
    client.on_connect = lambda _c, _u, _f, code, _p: answers.append(
        reasons.answered(code) if code.is_failure else None
    )
    client.on_message = lambda _c, _u, m: view.message(m.topic, m.retain, bytes(m.payload))
    try:
        session.connect(client, mqtt, MAX_MESSAGE_BYTES)
        by = time.monotonic() + ANSWER_S
        while not answers and time.monotonic() < by and client.loop(0.1) == 0:
            pass
        if not answers:
            return reasons.hung_up(mqtt), False
        if answers[0] is not None:
            return answers[0], False
        client.subscribe(f"{mqtt.base}/+/#", qos=1)
        while client.loop(0.1) == 0:
            view.tick("")
    except (OSError, ValueError) as e:
        if isinstance(e, BrokenPipeError) and answers:
            raise  # standard output's reader is gone, not the broker
        return reasons.explain(e), bool(answers)
    return Failure("the connection was lost"), True
