"""Every device on a broker as it is now, within bounds."""

from __future__ import annotations

import copy
import logging
import threading
from dataclasses import dataclass

from edge.client.connection import MAX_MESSAGE_BYTES
from edge.client.device import Device
from edge.contract import Event

log = logging.getLogger(__name__)

RETAINED = (
    "availability",
    "info",
    "health",
    "audience",
    "state",
)  # in the order they are asked for
# Bounds against nonsense on the broker. A device's messages have about 8 kB together, and decoded
# they take up to 25 times their bytes.
MAX_DEVICES = 5000
MAX_NAME = 64  # characters, as of `device.name`
MAX_TOTAL_BYTES = 24 * 1024 * 1024  # of the messages that are kept


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message, and what it was understood to be."""

    topic: str
    name: str  # of the device
    kind: str  # the topic behind it, such as `state`
    retained: bool
    payload: bytes
    event: Event | None = None  # a new one


class Inventory:
    """Understands messages; one thread writes, any may read."""

    def __init__(self, base: str) -> None:
        """Know nothing yet of the devices whose topics begin with `base`."""
        self._base = base
        self._lock = threading.Lock()
        self._devices: dict[str, Device] = {}
        self._bytes = 0
        self.refused = 0  # messages dropped because they were too large or too many

    @property
    def devices(self) -> dict[str, Device]:
        """What is known of every device now, by name: a copy."""
        with self._lock:
            return {name: copy.copy(d) for name, d in sorted(self._devices.items())}

    def take(self, topic: str, retained: bool, payload: bytes) -> tuple[Message, Device | None]:
        """Return what a message was understood to be, and the device as it is with it.

        The device is None when it was removed from the broker, when the message was refused, and
        when it is none that says how a device is.
        """
        name, _, kind = topic.removeprefix(self._base + "/").partition("/")
        device, event = None, None
        if kind in (*RETAINED, "event"):
            with self._lock:
                device, event = self._take(name, kind, payload)
        return Message(topic, name, kind, retained, payload, event), device

    def _take(self, name: str, kind: str, payload: bytes) -> tuple[Device | None, Event | None]:
        device = self._devices.get(name)
        if not payload and (device is None or kind == "availability"):  # removed from the broker
            self._bytes -= self._devices.pop(name).size if device is not None else 0
            return None, None
        if self._too_much(name, device, kind, payload):
            self.refused += 1
            level = logging.WARNING if self.refused == 1 else logging.DEBUG
            log.log(level, "%.80r: too large or too many; such messages are dropped", name)
            return None, None
        device = device or self._devices.setdefault(name, Device(name))
        before = device.size
        event = device.take(kind, payload)
        self._bytes += device.size - before
        return device, event

    def _too_much(self, name: str, device: Device | None, kind: str, payload: bytes) -> bool:
        more = len(payload) - (device.kept.get(kind, 0) if device is not None else 0)
        if len(payload) > MAX_MESSAGE_BYTES or self._bytes + max(more, 0) > MAX_TOTAL_BYTES:
            return True
        return device is None and (len(name) > MAX_NAME or len(self._devices) >= MAX_DEVICES)
