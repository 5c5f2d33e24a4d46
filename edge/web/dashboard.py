"""The page for subscribers: this command listens to the broker, browsers listen to this command."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable

import msgspec

from edge.watch import View
from edge.web.devices import Devices
from edge.web.server import Hub, Viewer

TICK_S = 0.25  # s between two words to the browsers: quick enough to see, slow enough for a phone
ALIVE_S = 5.0  # s without news after which they hear that there is none


class Inbox(View):
    """Carries messages from the broker's thread to the page's."""

    def __init__(self, begun: Callable[[], None]) -> None:
        """Call `begun` once the broker has let us in."""
        self.messages: queue.SimpleQueue[tuple[str, bool, bytes, float]] = queue.SimpleQueue()
        self.trouble = ""
        self._begun: Callable[[], None] | None = begun

    def message(self, topic: str, retained: bool, payload: bytes) -> None:
        """Keep it until the page's thread takes it."""
        self.messages.put((topic, retained, payload, time.time()))

    def tick(self, trouble: str) -> None:
        """Remember whether the broker is there."""
        self.trouble = trouble
        if self._begun is not None:
            self._begun()
            self._begun = None


class DashboardHub(Hub):
    """The browsers; all are told the same."""

    def __init__(self, inbox: Inbox, devices: Devices, title: str, keep_s: float) -> None:
        """Tell what comes into `inbox`, as `devices` understands it."""
        super().__init__()
        self._inbox = inbox
        self._devices = devices
        self._title = title
        self._keep_s = keep_s
        self._trouble = ""
        self._told = 0.0

    def joined(self, socket: Viewer) -> None:
        """Tell all there is."""
        socket.send(self._message(self._devices.snapshot()))

    def tick(self) -> None:
        """Tell what is new."""
        while not self._inbox.messages.empty():
            self._devices.message(*self._inbox.messages.get())
        changes = self._devices.changes()
        now = time.time()
        trouble = self._inbox.trouble
        if changes is None and trouble == self._trouble and now - self._told < ALIVE_S:
            return
        self._trouble, self._told = trouble, now
        if self.sockets:
            self.tell(self._message(changes or {"all": False, "devices": {}, "gone": []}))

    def _message(self, news: dict[str, object]) -> str:
        about = {
            "now": time.time(),
            "title": self._title,
            "trouble": self._inbox.trouble,
            "keep_s": self._keep_s,
        }
        return msgspec.json.encode(about | news).decode()
