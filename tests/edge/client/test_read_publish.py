"""Messages as they lie in a buffer: what is plain is read, the rest is left to paho."""

from __future__ import annotations

import pytest

from edge.client.bulk import read_publish

TOPIC = "emotion/tür/event"
QOS_0, QOS_1, RETAIN, DUP = 0x30, 0x32, 0x01, 0x08


def packet(
    payload: bytes, *, first: int = QOS_1, topic: bytes = TOPIC.encode(), properties: bytes = b""
) -> bytes:
    """Return a PUBLISH of MQTT 5, written as its standard says (3.3)."""
    body = len(topic).to_bytes(2, "big") + topic
    if first & 0x06:
        body += (0x1234).to_bytes(2, "big")
    body += bytes([len(properties)]) + properties + payload
    length, size = b"", len(body)
    while not length or size:
        length += bytes([size % 128 | (0x80 if size >= 128 else 0)])
        size //= 128
    return bytes([first]) + length + body


@pytest.mark.parametrize("size", [0, 1, 90, 127, 128, 900, 16_384, 60_000])
@pytest.mark.parametrize("first", [QOS_0, QOS_1, QOS_1 | DUP, QOS_0 | RETAIN])
def test_a_message_is_read_where_it_lies(size: int, first: int) -> None:
    one = packet(b"x" * size, first=first)
    found = read_publish(b"before" + one + b"after", 6, True)
    assert found is not None
    assert (found.topic, found.payload, found.end) == (TOPIC, b"x" * size, 6 + len(one))
    assert (found.qos, found.mid) == ((1, 0x1234) if first & QOS_1 == QOS_1 else (0, 0))
    assert found.retain == bool(first & RETAIN)


def test_properties_are_no_payload() -> None:
    found = read_publish(packet(b"{}", properties=b"\x01\x01\x02\x00\x00\x00\x09"), 0, True)
    assert found is not None and found.payload == b"{}"


def test_mqtt_3_has_no_properties() -> None:
    body = b"\x00\x01a" + b"{}"
    found = read_publish(bytes([QOS_0, len(body)]) + body, 0, False)
    assert found is not None and (found.topic, found.payload) == ("a", b"{}")


@pytest.mark.parametrize("size", [3, 300])
def test_what_has_not_come_whole_is_left(size: int) -> None:
    one = packet(b"x" * size, properties=b"\x01\x01")
    assert all(read_publish(one[:cut], 0, True) is None for cut in range(len(one)))
    assert read_publish(one, len(one), True) is None


@pytest.mark.parametrize(
    "data",
    [
        packet(b"{}", first=0x34),  # QoS 2
        packet(b"{}", first=0x36),  # QoS 3
        packet(b"{}", topic=b""),
        packet(b"{}", topic=b"\xff"),
        packet(b"{}", properties=bytes(0x80)),
        packet(b"{}").replace(b"\x12\x34", b"\x00\x00"),  # packet id 0
        b"\xd0\x00",  # PINGRESP
        b"\x32\xff\xff\xff\xff\x01" + bytes(9),  # a length of five bytes
        b"\x32\x05\x00\xff" + bytes(300),  # a topic longer than the packet
        b"\x32\x06\x00\x01a\x00\x01\x7f" + bytes(300),  # properties longer than the packet
        b"\x30\x00" + bytes(9),
    ],
)
def test_what_is_wrong_or_rare_is_left_to_paho(data: bytes) -> None:
    assert read_publish(data, 0, True) is None
