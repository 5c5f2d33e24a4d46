"""Shows what the devices on a broker say, as a live table or as JSON Lines."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from edge.client.client import Client
from edge.client.device import Device
from edge.client.inventory import Message
from edge.client.text import plain
from edge.config_publish import Mqtt
from edge.messages import FaceState

REDRAW_S = 0.5  # shortest time between two pictures of the table
TICK_S = 0.1
WAITING = 10_000  # messages; whoever reads our output more slowly than they come holds up the rest
_CLEAR = "\x1b[H\x1b[J"  # ECMA-48: cursor home, erase to the end
COLUMNS = 80  # of a terminal
_BAR = 20  # characters of a full score


class View(Protocol):
    """Shows messages."""

    def message(self, message: Message, /) -> None:
        """Take one message."""

    def tick(self, client: Client, /) -> None:
        """Show the present; called often."""


class JsonView:
    """One line a message: {"topic", "retained", "payload"}."""

    def message(self, message: Message, /) -> None:
        """Write it at once; a payload that is no JSON goes as a string."""
        payload = message.payload
        shown: object
        try:
            shown = json.loads(payload)
        except (ValueError, RecursionError):
            try:
                shown = payload.decode()
            except UnicodeDecodeError:
                shown = {"base64": base64.b64encode(payload).decode()}
        line = {"topic": message.topic, "retained": message.retained, "payload": shown}
        print(json.dumps(line), flush=True)

    def tick(self, client: Client, /) -> None:
        """Nothing: what came is written."""


@dataclass
class TableView:
    """Devices and the faces before them, drawn anew at most every `REDRAW_S`."""

    title: str
    drawn: float = -REDRAW_S
    changed: bool = True
    trouble: str = ""

    def message(self, message: Message, /) -> None:
        """Remember that there is something new."""
        self.changed = True

    def tick(self, client: Client, /) -> None:
        """Draw when there is something new."""
        now, trouble = time.monotonic(), client.trouble
        if now - self.drawn < REDRAW_S or not (self.changed or trouble != self.trouble):
            return
        self.drawn, self.changed, self.trouble = now, False, trouble
        size = shutil.get_terminal_size()
        lines = table(client.devices, self.title, trouble and f"no connection: {trouble}")
        picture = "\n".join(line[: size.columns] for line in lines[: size.lines - 1])
        print((_CLEAR if sys.stdout.isatty() else "") + picture, flush=True)


def table(devices: Mapping[str, Device], title: str, trouble: str = "") -> list[str]:
    """Return the lines of the table."""
    lines = [title + (f"   {trouble}" if trouble else ""), ""]
    if not devices:
        lines.append("no device has spoken yet")
    for name, d in sorted(devices.items()):
        parts = [plain(name), {True: "online", False: "offline", None: "?"}[d.online]]
        if d.state is not None:
            parts.append(d.state.status)
        if d.health is not None:
            if d.fps is not None:
                parts.append(f"{d.fps:.1f} frames/s")
            parts.append(f"{d.health.outbox_depth} waiting")
            parts += [plain(reason) for reason in d.health.reasons]
        if d.invalid:
            parts.append(f"{d.invalid} messages not understood")
        lines.append("  ".join(parts))
        for face in [*d.state.faces, *d.state.still] if d.state is not None else []:
            bar = "#" * round(face.confidence * _BAR)
            why = f"  {plain(face.reason)}" if face.reason else ""
            why += "".join(
                f"  {plain(name)}: {plain(a.label)} {a.confidence:.2f}"
                for name, a in face.attributes.items()
            )
            lines.append(
                f"  {plain(face.track)[:12]:12}  {plain(face.emotion)[:10]:10} "
                f"{face.confidence:5.2f} {bar:{_BAR}}  {face.since_s:6.1f} s{why}"
            )
            if face.state is not None:
                words = "  ".join([*map(plain, face.conditions), doing(face.state)])
                lines += [f"    {line}" for line in textwrap.wrap(words, COLUMNS - 4)]
        if d.state is not None and d.state.audience is not None:
            a = d.state.audience
            words = (
                f"  audience: {a.now} here, {a.looking} looking; this hour {a.seen} seen "
                f"({a.dwell_s:.0f} s), {a.looked} looked ({a.attention_s:.0f} s)"
            )
            lines += textwrap.wrap(words, COLUMNS, subsequent_indent="    ")
        if d.last is not None:
            e = d.last.data
            late = "  (replayed)" if e.replayed else ""
            lines.append(
                f"  last event: {e.event_type}{f' [{plain(e.alert)}]' if e.alert else ''} "
                f"{plain(e.emotion)}, {plain(d.last.time)}{late}"
            )
    return lines


def doing(state: FaceState) -> str:
    """Return what a face is doing in words: degrees and percent, `?` where it cannot be told.

    What matters most comes first, for lines that are cut.
    """
    parts = []
    if state.looking is not None:
        parts.append("looking" if state.looking else "looking away")
    degrees = ((name, getattr(state, name)) for name in ("yaw", "pitch", "roll"))
    shares = (
        ("eyes", (state.eyes.left, state.eyes.right)),
        ("mouth", (state.mouth,)),
        ("smile", (state.smile,)),
    )
    parts += [f"{name} {'?' if v is None else f'{round(v):+d}'}" for name, v in degrees]
    parts += [
        f"{name} {'/'.join('?' if v is None else f'{v:.0%}' for v in values)}"
        for name, values in shares
    ]
    return "  ".join(parts)


def watch(mqtt: Mqtt, view: View, stopping: Callable[[], bool]) -> None:
    """Show what comes; after a first connection, come back for ever.

    Args:
        mqtt: the broker.
        view: what shows it.
        stopping: asked every `TICK_S` and between messages; true ends it.

    Raises:
        UnavailableError: the first try to connect or subscribe fails.
        ConfigError: a file that was named cannot be used.
    """
    came: queue.Queue[Message] = queue.Queue(WAITING)
    begun = False

    def take(message: Message, _: object) -> None:
        while not stopping():  # never wait for a reader that is gone
            with contextlib.suppress(queue.Full):
                came.put(message, timeout=TICK_S)
                return

    with Client.to(mqtt, listener=take, also=("request/+",)) as client:
        while not stopping():
            try:
                view.message(came.get(timeout=TICK_S))
                while not came.empty() and not stopping():
                    view.message(came.get())
            except queue.Empty:
                pass
            if not begun and client.tried:
                client.wait_connected(0.0, first_try=True)
                begun = True
            if begun:
                view.tick(client)
