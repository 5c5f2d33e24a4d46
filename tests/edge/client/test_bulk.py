"""Many messages that each have to be acknowledged, from a real broker."""

from __future__ import annotations

import random
from contextlib import closing
from typing import Any

import pytest

from edge.client.connection import Connection, Token
from edge.config_publish import Mqtt
from edge.publish import session
from tests.broker import Broker, subscribed
from tests.waiting import PATIENCE_S, wait_until

MESSAGES = 600
SESSION_S = 3600
LARGE = 60_000  # bytes: more than is read at once of what else has come


class Listener:
    """Holds what comes, unacknowledged."""

    def __init__(self, broker: Broker) -> None:
        self._log = broker.folder / "mosquitto.log"
        self.got: list[tuple[bytes, Token | None]] = []
        self.connection = Connection(
            Mqtt(host="127.0.0.1", port=broker.port),
            "bulk",
            [[("many", 1)]],
            lambda *_: None,
            SESSION_S,
            hold=lambda _topic, payload, token: self.got.append((payload, token)),
        )
        self.connection.start()
        self.connection.wait(PATIENCE_S)

    def close(self) -> None:
        """Hang up; the broker has read what was said before, acknowledgements too."""
        before = self._left()
        self.connection.close()
        # Else the next of the name may push this one out with what is still on its way.
        wait_until(lambda: self._left() > before, "the broker has noticed")

    def _left(self) -> int:
        return self._log.read_text().count("Client bulk disconnected")


@pytest.fixture
def waiting(broker: Broker) -> list[bytes]:
    """Messages that wait for the listener at the broker: small, empty and large ones."""
    Listener(broker).close()
    rng = random.Random(5)
    sizes = [rng.choice((0, 1, 127, 128, 900, 900, 900, 17_000)) for _ in range(MESSAGES)]
    sizes[MESSAGES // 2] = LARGE
    payloads = [rng.randbytes(size) for size in sizes]
    with subscribed(broker, "nothing") as sender:
        for payload in payloads:
            sender.publish("many", payload)
    return payloads


def test_messages_of_any_size_come_whole_and_in_order(broker: Broker, waiting: list[bytes]) -> None:
    with closing(Listener(broker)) as listener:
        wait_until(lambda: len(listener.got) == MESSAGES, "all have come")
    assert [payload for payload, _ in listener.got] == waiting


def test_what_was_acknowledged_together_does_not_come_again_and_the_rest_does(
    broker: Broker, waiting: list[bytes]
) -> None:
    with closing(Listener(broker)) as listener:
        wait_until(lambda: len(listener.got) == MESSAGES, "all have come")
        tokens = [token for _, token in listener.got if token is not None]
        listener.connection.acknowledge(tokens[:-100])
    with closing(Listener(broker)) as again:
        wait_until(lambda: len(again.got) >= 100, "the others have come again")
        again.connection.acknowledge([t for _, t in again.got if t is not None])
    assert [payload for payload, _ in again.got] == waiting[-100:]
    with closing(Listener(broker)) as third, subscribed(broker, "nothing") as sender:
        sender.publish("many", b"last")
        wait_until(lambda: third.got, "the next has come")
    assert [payload for payload, _ in third.got] == [b"last"]


def test_many_messages_take_few_calls_of_the_system(
    broker: Broker, waiting: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    receive = session.Client._sock_recv

    def counted(self: Any, size: int) -> bytes:
        nonlocal calls
        calls += 1
        return receive(self, size)

    monkeypatch.setattr(session.Client, "_sock_recv", counted)
    with closing(Listener(broker)) as listener:
        wait_until(lambda: len(listener.got) == MESSAGES, "all have come")
    assert calls < MESSAGES  # three for each, if paho read by itself
