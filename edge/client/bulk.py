"""A paho client for a great many messages, each to be acknowledged.

paho reads a packet in three calls to the system or more, and writes an acknowledgement in two. At
each of them a thread gives the interpreter away, and while another one works it gets it back after
5 ms (`sys.getswitchinterval`): so it takes few messages exactly when there are many.
"""

from __future__ import annotations

from collections.abc import Sequence

from paho.mqtt.enums import MessageType

from edge.publish import session
from edge.publish.reasons import ProtocolError

READ_BYTES = 64 * 1024  # at once; some 60 events
_PUBACK = bytes((MessageType.PUBACK, 2))  # and a packet id of two bytes: success, MQTT 5 3.4.2.1


class BulkClient(session.Client):
    """Reads all that has come at once, and acknowledges many messages at once."""

    _read = b""
    _at = 0  # in `_read`: what paho has had

    @property
    def unread(self) -> bool:
        """Whether something has been read that paho has not had: do not wait for the socket."""
        return self._at < len(self._read)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self.max_packet is not None and bufsize > self.max_packet:
            raise ProtocolError(
                f"the broker sends {bufsize} bytes at once, more than was asked for"
            )
        if not self.unread:
            self._read, self._at = super()._sock_recv(READ_BYTES), 0
        at = self._at
        data = self._read[at : at + bufsize]
        self._at = at + len(data)
        return data

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1, in this order."""
        packets = b"".join(_PUBACK + mid.to_bytes(2, "big") for mid in mids)
        self._packet_queue(MessageType.PUBACK, packets, mids[-1], 1)
