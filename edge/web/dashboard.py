"""The page for subscribers: this command listens to the broker, browsers listen to this command."""

from __future__ import annotations

import time

import msgspec

from edge.client import Client
from edge.web.devices import Devices
from edge.web.server import Hub, Viewer

TICK_S = 0.25  # s between two words to the browsers: quick enough to see, slow enough for a phone
ALIVE_S = 5.0  # s without news after which they hear that there is none


class DashboardHub(Hub):
    """The browsers; all are told the same."""

    def __init__(
        self, client: Client, devices: Devices, title: str, keep_s: float, *, history: bool = False
    ) -> None:
        """Tell what `devices` know, if `client` hears the broker, and if there is a history."""
        super().__init__()
        self._client = client
        self._devices = devices
        self._title = title
        self._keep_s = keep_s
        self._history = history
        self._trouble = ""
        self._told = 0.0

    def joined(self, socket: Viewer) -> None:
        """Tell all there is."""
        socket.send(self._message(self._devices.snapshot()))

    def tick(self) -> None:
        """Tell what is new."""
        now, trouble = time.time(), self._trouble_now()
        self._devices.listening(not self._client.trouble, now)
        self._devices.end_alerts(now)
        changes = self._devices.changes()
        if changes is None and trouble == self._trouble and now - self._told < ALIVE_S:
            return
        self._trouble, self._told = trouble, now
        if self.sockets:
            self.tell(self._message(changes or {"all": False, "devices": {}, "gone": []}))

    def _trouble_now(self) -> str:
        if self._client.trouble:
            return f"The broker is not there: {self._client.trouble}."
        if self._client.refused:
            return f"{self._client.refused} messages were too large or too many: not all is shown."
        return ""

    def _message(self, news: dict[str, object]) -> str:
        about = {
            "now": time.time(),
            "title": self._title,
            "trouble": self._trouble_now(),
            "lost": bool(self._client.trouble),
            "keep_s": self._keep_s,
            "history": self._history,
        }
        return msgspec.json.encode(about | news).decode()
