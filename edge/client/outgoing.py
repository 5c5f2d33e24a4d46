"""What a subscriber asks of devices, while it waits for a connection: for so long and no longer."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

_MOST_EXPIRY_S = 0xFFFF_FFFF  # four bytes, MQTT 5 3.3.2.3.3


class Outgoing:
    """Messages that wait; any thread puts and withdraws, one takes."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        # By number, in the order they were put; each call of a dict is whole for other threads.
        self._waiting: dict[int, tuple[str, bytes, float]] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(self, topic: str, payload: bytes, within_s: float) -> int:
        """Add a message that is of use for `within_s`; return its number."""
        number = next(self._numbers)
        self._waiting[number] = (topic, payload, time.monotonic() + within_s)
        return number

    def withdraw(self, number: int) -> None:
        """Forget a message, if it still waits."""
        self._waiting.pop(number, None)

    def take(self) -> Iterator[tuple[str, bytes, float]]:
        """Yield and forget topic, payload and the seconds left of each; not what came too late."""
        for number in list(self._waiting):
            topic, payload, until = self._waiting.pop(number, ("", b"", -math.inf))
            if (left_s := until - time.monotonic()) > 0:
                yield topic, payload, left_s


def expiring(left_s: float) -> Properties:
    """Return the properties by which a broker throws a message away after `left_s`, MQTT 5."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's
    properties.MessageExpiryInterval = max(math.ceil(min(left_s, _MOST_EXPIRY_S)), 1)
    return properties
