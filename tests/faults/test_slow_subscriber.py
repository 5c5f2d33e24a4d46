"""A subscriber that stays connected and reads nothing: nobody else may feel it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.broker import PATIENCE_S, Broker, Message, running, subscribed, wait_until
from tests.edge.publish.rig import change, estimate, publishing

pytestmark = pytest.mark.faults

EVENTS = 3000
IN_FLIGHT = 20  # Mosquitto's max_inflight_messages by default: sent and not yet acknowledged
QUEUED = 1000  # its max_queued_messages by default


class Sleeper:
    """Subscribes to the events with a persistent session, and from then on leaves its socket."""

    def __init__(self, port: int) -> None:
        self.seqs: list[int] = []
        subscribed: list[object] = []
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id="sleeper",
            protocol=MQTTProtocolVersion.MQTTv311,
            clean_session=False,
        )
        self._client.on_connect = lambda *_: self._client.subscribe("emotion/+/event", qos=1)
        self._client.on_subscribe = lambda *_: subscribed.append(1)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port, keepalive=3600)  # or the broker hangs up
        deadline = time.monotonic() + PATIENCE_S
        while not subscribed and time.monotonic() < deadline:
            self._client.loop(0.1)  # by hand: no thread that would go on reading
        assert subscribed

    def _on_message(self, _client: object, _userdata: object, m: paho.MQTTMessage) -> None:
        self.seqs.append(Message(m.topic, bytes(m.payload), m.retain, 0.0).json["data"]["seq"])

    def wake(self) -> None:
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def sleeping(broker: Broker) -> Iterator[Sleeper]:
    sleeper = Sleeper(broker.port)
    try:
        yield sleeper
    finally:
        sleeper.close()


def publish_past(broker: Broker, sleeper: Sleeper, outbox: Path) -> None:
    """Publish; the outbox empties and another subscriber gets all while one sleeps."""
    with subscribed(broker) as other, publishing(broker.port, outbox) as p:
        for n in range(EVENTS):
            p.publish(change(time.monotonic()))
            p.state(float(n), [estimate(t=float(n))], "running")
            if n % 100 == 99:  # a bound on what waits between the loop and the disk
                wait_until(lambda n=n: len(other.seqs()) > n, "the other one has them", 60)
        wait_until(lambda: p.stats().depth == 0, "all is acknowledged", 60)
        assert p.stats().lost == 0
        assert p.stats().problems == ()
        assert other.seqs() == list(range(1, EVENTS + 1)), "each once, in order"
        assert other.on("state"), "and what is no event"
    assert sleeper.seqs == [], "it did sleep"


def test_a_sleeping_subscriber_holds_up_nobody_and_has_all_when_it_wakes(tmp_path: Path) -> None:
    with running(tmp_path / "b") as b, sleeping(b) as sleeper:  # max_queued_messages 0: no bound
        publish_past(b, sleeper, tmp_path / "outbox.db")
        sleeper.wake()
        wait_until(lambda: len(sleeper.seqs) >= EVENTS, "every event", 60)
        assert sleeper.seqs == list(range(1, EVENTS + 1))


def test_past_the_brokers_queue_a_sleeping_subscriber_alone_loses_the_newest(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "b", queued=QUEUED) as b, sleeping(b) as sleeper:
        publish_past(b, sleeper, tmp_path / "outbox.db")
        sleeper.wake()
        wait_until(lambda: len(sleeper.seqs) >= QUEUED, "what the broker kept", 60)
        with publishing(b.port, tmp_path / "outbox.db") as p:
            p.publish(change(time.monotonic()))
            wait_until(lambda: EVENTS + 1 in sleeper.seqs, "awake, it gets what comes", 60)
            assert p.stats().lost == 0
    *old, new = sleeper.seqs
    assert old == list(range(1, len(old) + 1)), "the oldest, in order"
    assert QUEUED <= len(old) <= QUEUED + IN_FLIGHT
    assert new == EVENTS + 1, "and a gap in seq that says what is missing"
