"""A paho client for a great many messages, each to be acknowledged.

paho reads a packet in three calls to the system or more, writes an acknowledgement in two, and
takes some 70 microseconds of Python for each message, most of them for MQTT 5's properties. At each
call a thread gives the interpreter away, and while another one works it gets it back after 5 ms
(`sys.getswitchinterval`): so it takes few messages exactly when there are many. Here whole messages
are taken from what was read at once; all that is not plain is left to paho.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from paho.mqtt.enums import MessageType, MQTTErrorCode, MQTTProtocolVersion

from edge.publish import session
from edge.publish.reasons import ProtocolError

READ_BYTES = 64 * 1024  # at once; some 60 events
_PUBACK = bytes((MessageType.PUBACK, 2))  # and a packet id of two bytes: success, MQTT 5 3.4.2.1
_TYPE_BITS, _RETAIN_BIT = 0xF0, 0x01  # of the first byte, MQTT 5 2.1.1 and 3.3.1
_LENGTH_BYTES = 4  # most of them, MQTT 5 1.5.5


class Publish(NamedTuple):
    """A message as it lies in a buffer."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    mid: int  # packet id; 0 with QoS 0
    end: int  # index behind it


class BulkClient(session.Client):
    """Reads all that has come at once, and acknowledges many messages at once."""

    # Gets each message: topic, payload, QoS, whether it was retained, packet id.
    take: Callable[[str, bytes, int, bool, int], None]

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

    def _packet_read(self) -> MQTTErrorCode:
        # A command: paho is within a packet.
        if not self._in_packet["command"] and self._take_what_has_come():
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super()._packet_read()

    def _take_what_has_come(self) -> bool:
        """Take the messages that lie next in what was read; return whether there was one."""
        five = self._protocol == MQTTProtocolVersion.MQTTv5
        began = self._at
        while (m := read_publish(self._read, self._at, five)) is not None:
            if self.max_packet is not None and m.end - self._at > self.max_packet:
                break
            self._at = m.end
            self.take(m.topic, m.payload, m.qos, m.retain, m.mid)
            if m.qos and not self._manual_ack:
                self._send_puback(m.mid)  # each by itself: those that wait are counted
        return self._at > began

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1, in this order."""
        packets = b"".join(_PUBACK + mid.to_bytes(2, "big") for mid in mids)
        self._packet_queue(MessageType.PUBACK, packets, mids[-1], 1)


def read_publish(data: bytes, at: int, five: bool) -> Publish | None:
    """Return the message that begins at `at`; None where paho has to look at it.

    That is what is no PUBLISH of QoS 0 or 1, what has not come whole, and what is wrong or rare: a
    topic that is empty or no UTF-8, properties of 128 bytes or more.

    Args:
        data: what came from the broker.
        at: where a packet begins.
        five: whether it is MQTT 5, whose messages have properties. They are skipped: the one that
            would matter, an alias of a topic, no broker may send that was not offered it.
    """
    try:
        first = data[at]
        if (
            first & _TYPE_BITS != MessageType.PUBLISH or first & session.QOS_2
        ):  # or 3, which is none
            return None
        length = shift = 0
        for n in range(at + 1, at + 1 + _LENGTH_BYTES):
            byte = data[n]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        else:
            return None
        start = n + 1
        end = start + length
        begin = start + 2 + (data[start] << 8 | data[start + 1])
        topic = data[start + 2 : begin]
        qos = first & session.QOS_BITS and 1
        mid = 0
        if qos:
            mid = data[begin] << 8 | data[begin + 1]
            begin += 2
        if five:
            size = data[begin]
            if size >= 0x80:
                return None
            begin += 1 + size
        if begin > end or end > len(data) or not topic or (qos and not mid):
            return None
        return Publish(topic.decode(), data[begin:end], qos, bool(first & _RETAIN_BIT), mid, end)
    except (IndexError, UnicodeDecodeError):
        return None
