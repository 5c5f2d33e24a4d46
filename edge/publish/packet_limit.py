"""The largest packet that a broker takes: told by it (MQTT 5), or learnt from its hanging up."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

LEARNT_S = 3600.0  # for which a limit that was only learnt is believed
PACKET_ID, TOPIC_LENGTH, NO_PROPERTIES = 2, 2, 1  # bytes of a PUBLISH's header, MQTT 3.3.2


def publish_bytes(topic: str, payload: bytes) -> int:
    """Return the size of a PUBLISH with QoS 1 and no properties (in MQTT 3.1.1 it is one less)."""
    rest = TOPIC_LENGTH + len(topic.encode()) + PACKET_ID + NO_PROPERTIES + len(payload)
    length, more = 1, rest >> 7  # 7 bits a byte, MQTT 2.1.4
    while more:
        length, more = length + 1, more >> 7
    return 1 + length + rest


class PacketLimit:
    """Says what may be sent. Of the link's thread, but `exceeded`."""

    def __init__(self) -> None:
        """Nothing is known of the broker."""
        self.unanswered = 0  # bytes: the largest packet that the last connection ended on
        self.suspicious = False  # none as large was ever answered
        self._told: int | None = None  # bytes
        self._learnt: int | None = None  # bytes
        self._learnt_until = 0.0  # time.monotonic
        self._too_large: set[str] = set()  # names, in this connection
        self._said: set[str] = set()  # names that were logged
        self._sent: dict[int, int] = {}  # mid -> bytes, in flight
        self._largest_answered = 0  # bytes, of all connections

    @property
    def exceeded(self) -> bool:
        """Whether something is too large to be sent."""
        return bool(self._too_large)

    def connected(self, told: int | None) -> None:
        """The broker is there and takes packets of `told` bytes; None: it does not say."""
        self._told = told
        self._too_large.clear()
        self._sent.clear()

    def disconnected(self) -> None:
        """The connection is gone: what was in flight may be why."""
        self.unanswered = max(self._sent.values(), default=0)
        self.suspicious = self.unanswered > self._largest_answered
        self._sent.clear()

    def learn(self, too_large: int) -> None:
        """The broker hangs up on packets of so many bytes: send none for a while."""
        self._learnt = too_large - 1
        self._learnt_until = time.monotonic() + LEARNT_S

    def fits(self, name: str, topic: str, payload: bytes, otherwise: str) -> bool:
        """Return whether a message may be sent; logs `otherwise` the first time that it may not."""
        size, most = publish_bytes(topic, payload), self._most()
        if most is None or size <= most:
            self._too_large.discard(name)
            self._said.discard(name)
            return True
        first = name not in self._said
        self._too_large.add(name)
        self._said.add(name)
        log.log(
            logging.WARNING if first else logging.DEBUG,
            "%s: a packet of %d bytes, and the broker takes %d at most (max_packet_size of "
            "Mosquitto): %s",
            topic,
            size,
            most,
            otherwise,
        )
        return False

    def sent(self, mid: int, topic: str, payload: bytes) -> None:
        """A message is on its way."""
        self._sent[mid] = publish_bytes(topic, payload)

    def answered(self, mid: int) -> None:
        """The broker has answered it: it takes packets of that size."""
        self._largest_answered = max(self._largest_answered, self._sent.pop(mid, 0))

    def _most(self) -> int | None:
        learnt = self._learnt if time.monotonic() < self._learnt_until else None
        known = [most for most in (self._told, learnt) if most is not None]
        return min(known) if known else None
