"""A broker that does what MQTT forbids: it gets no memory for it, and events outlive it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.client.connection import Connection
from edge.config_publish import Mqtt
from edge.publish import session
from tests.edge.publish.rig import QUICK, change, publishing
from tests.waiting import PATIENCE_S, wait_until

CONNACK = {"5": b"\x20\x03\0\0\0", "3.1.1": b"\x20\x02\0\0"}
SIZE = 3000  # bytes of a message; below what a device reads
MESSAGES = 3000  # 9 MB


def publish(qos: int, mid: int, version: str) -> bytes:
    """A packet of MQTT, with a request that nobody made."""
    topic = b"emotion/kiosk/request/state"
    head = struct.pack(">H", len(topic)) + topic + struct.pack(">H", mid)
    body = head + (b"\0" if version == "5" else b"") + bytes(SIZE)
    return bytes([0x30 | qos << 1, len(body) & 0x7F | 0x80, len(body) >> 7]) + body


def flood(qos: int, version: str) -> list[bytes]:
    return [publish(qos, mid, version) for mid in range(1, MESSAGES)]


class Hostile:
    """Answers every CONNECT, then sends what it has for as long as anybody listens."""

    def __init__(self, sends: list[bytes], version: str) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._sends = sends
        self._connack = CONNACK[version]
        self.hung_up = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with client:
                    client.recv(4096)
                    client.sendall(self._connack)
                    try:
                        for packet in self._sends:
                            client.sendall(packet)
                        client.settimeout(PATIENCE_S)
                        while client.recv(65_536):
                            pass
                    except OSError:
                        pass
                    self.hung_up += 1

    def close(self) -> None:
        self._server.close()


@contextlib.contextmanager
def hostile(sends: list[bytes], version: str = "5") -> Iterator[Hostile]:
    broker = Hostile(sends, version)
    try:
        yield broker
    finally:
        broker.close()


@contextlib.contextmanager
def a_device(broker: Hostile, version: str, folder: Path) -> Iterator[Callable[[], int]]:
    with publishing(broker.port, folder / "o.db", mqtt__version=version, close_s=2.0) as publisher:
        publisher.publish(change(time.monotonic()))
        yield lambda: publisher.stats().depth


@contextlib.contextmanager
def a_subscriber(broker: Hostile, version: str, folder: Path) -> Iterator[Callable[[], int]]:
    mqtt = Mqtt(host="127.0.0.1", port=broker.port, version=version)  # type: ignore[arg-type]  # one of two
    connection = Connection(mqtt, "s", [[("#", 1)]], lambda *_: None, waits=QUICK)
    connection.start()
    try:
        yield lambda: 1
    finally:
        connection.close()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("who", [a_device, a_subscriber])
def test_messages_of_qos_2_that_are_never_let_go_of_are_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, who: Callable[..., object], version: str
) -> None:
    with hostile(flood(2, version), version) as broker, who(broker, version, tmp_path) as waiting:  # type: ignore[attr-defined]  # a context manager
        wait_until(lambda: broker.hung_up > 2, "it hangs up, and comes back")
        wait_until(lambda: "sends with QoS 2, which was not asked for" in caplog.text, "why")
        assert waiting() == 1, "the event goes on waiting"


@pytest.mark.parametrize("who", [a_device, a_subscriber])
def test_answers_that_the_broker_does_not_read_do_not_pile_up(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    who: Callable[..., object],
) -> None:
    send = session.Client._sock_send

    def full(client: session.Client, data: bytes) -> int:
        """The socket takes no PUBACK, as if the broker had not read for long."""
        if bytes(data[:1]) == b"\x40":
            raise BlockingIOError
        return send(client, data)

    monkeypatch.setattr(session.Client, "_sock_send", full)
    with hostile(flood(1, "5")) as broker, who(broker, "5", tmp_path) as waiting:  # type: ignore[attr-defined]  # a context manager
        wait_until(lambda: broker.hung_up > 0, "it hangs up")
        wait_until(lambda: "sends and does not read" in caplog.text, "why")
        assert waiting() == 1, "the event goes on waiting"


def test_a_packet_larger_than_was_asked_for_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    giant = [b"\x30\xff\xff\xff\x7f", *[bytes(1_000_000)] * 100]
    with hostile(giant) as broker, a_subscriber(broker, "5", tmp_path):
        wait_until(lambda: broker.hung_up > 0, "it hangs up")
        wait_until(lambda: "sends 268435455 bytes at once" in caplog.text, "why")
