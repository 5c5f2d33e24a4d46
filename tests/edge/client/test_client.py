"""The subscriber, against a real broker and the real publisher."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from pathlib import Path
from typing import Literal

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.backoff import Waits
from edge.client import Client, device_of
from edge.client.connection import Connection
from edge.client.outgoing import expiring
from edge.clock import SystemClock
from edge.config_publish import Mqtt
from edge.errors import UnavailableError
from edge.stages import Control
from tests.broker import Broker, passwords, refusing, running, subscribed, wait_saved
from tests.edge.publish.rig import change, estimate, publishing
from tests.waiting import PATIENCE_S, free_port, wait_until


def now() -> float:
    return SystemClock().now()


def test_events_come_in_order_and_typed(broker: Broker) -> None:
    with Client("127.0.0.1", broker.port) as client:
        client.wait_connected(PATIENCE_S)
        with publishing(broker.port) as publisher:
            for emotion in ("happy", "sad", "fear"):
                publisher.publish(change(now(), emotion))
            got = list(itertools.islice(client.events(PATIENCE_S), 3))
    assert [e.data.emotion for e in got] == ["happy", "sad", "fear"]
    assert [e.data.seq for e in got] == [1, 2, 3]
    assert {device_of(e) for e in got} == {"kiosk"}


def test_who_comes_late_knows_the_present_but_no_past(broker: Broker) -> None:
    with publishing(broker.port) as publisher:
        publisher.publish(change(now()))
        publisher.state(now(), [estimate("sad", t=now())], "running")
        wait_until(lambda: publisher.stats().depth == 0, "the event is delivered")
        with Client("127.0.0.1", broker.port) as client:
            wait_until(lambda: client.devices.get("kiosk") is not None, "the device is known")
            wait_until(lambda: client.devices["kiosk"].state is not None, "its state is known")
            kiosk = client.devices["kiosk"]
            assert kiosk.online
            assert kiosk.info is not None and kiosk.info.model.name == "test"
            assert kiosk.state is not None and kiosk.state.emotion == "sad"
            assert list(client.events(0.3)) == []


def test_leaving_device_is_offline(broker: Broker) -> None:
    with Client("127.0.0.1", broker.port) as client:
        client.wait_connected(PATIENCE_S)
        with publishing(broker.port):
            wait_until(lambda: "kiosk" in client.devices, "the device is known")
        wait_until(lambda: client.devices["kiosk"].online is False, "it is offline")
        state = client.devices["kiosk"].state
        assert state is not None and state.status == "stopped"


def test_broker_restart_costs_no_event_and_doubles_none(tmp_path: Path) -> None:
    with (
        running(tmp_path / "broker", durable=True) as broker,
        Client("127.0.0.1", broker.port, client_id="dashboard", keep_s=3600) as client,
    ):
        client.wait_connected(PATIENCE_S)
        with publishing(broker.port, tmp_path / "outbox.db") as publisher:
            publisher.publish(change(now(), "happy"))
            assert next(client.events(PATIENCE_S)).data.seq == 1
            wait_saved(broker.folder, b"emotion/+/event")  # the subscription
            broker.kill()
            publisher.publish(change(now(), "sad"))
            wait_until(lambda: client.trouble, "the loss is noticed")
            broker.start()
            got = list(itertools.islice(client.events(PATIENCE_S), 1))
            publisher.publish(change(now(), "fear"))
            got += list(itertools.islice(client.events(PATIENCE_S), 1))
        assert [e.data.emotion for e in got] == ["sad", "fear"]
        assert client.devices["kiosk"].missing == set()


def test_broker_that_is_away_is_told_by_name(tmp_path: Path) -> None:
    port = free_port()
    with (
        Client("127.0.0.1", port) as client,
        pytest.raises(UnavailableError, match=f"127.0.0.1:{port}: connection refused"),
    ):
        wait_until(lambda: client.trouble != "not connected yet", "it has tried")
        client.wait_connected(0.1)


def test_wrong_password_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    settings = passwords(tmp_path / "broker", {"dashboard": "right"})
    with (
        running(tmp_path / "broker", settings) as broker,
        Client("127.0.0.1", broker.port, username="dashboard", password_file=str(secret)) as client,
        pytest.raises(UnavailableError, match="wrong user or password"),
    ):
        wait_until(lambda: client.trouble != "not connected yet", "it has tried")
        client.wait_connected(0.1)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_refused_subscription_is_an_error_that_names_the_topic(
    tmp_path: Path, version: Literal["5", "3.1.1"]
) -> None:
    with (
        running(tmp_path / "broker", refusing(tmp_path, "emotion/+/health")) as broker,
        Client("127.0.0.1", broker.port, version=version) as client,
        pytest.raises(UnavailableError, match=r"refused the subscription to emotion/\+/health: .*"),
    ):
        client.wait_connected(PATIENCE_S, first_try=True)


def test_a_first_try_that_succeeded_has_not_failed_when_the_broker_goes_at_once(
    broker: Broker,
) -> None:
    with Client("127.0.0.1", broker.port) as client:
        client.wait_connected(PATIENCE_S)
        broker.kill()
        wait_until(lambda: not client.connected, "the connection is lost")
        client.wait_connected(0.0, first_try=True)  # `watch` ended here
        with pytest.raises(UnavailableError):
            client.wait_connected(0.0)
        broker.start()
        client.wait_connected(PATIENCE_S)


def test_a_refused_login_waits_longest(tmp_path: Path) -> None:
    settings = passwords(tmp_path / "broker", {"dashboard": "right"})
    waits = Waits(first_s=0.01, most_s=0.01, refused_s=3600)
    with running(tmp_path / "broker", settings) as broker:
        mqtt = Mqtt(host="127.0.0.1", port=broker.port)
        connection = Connection(mqtt, "x", [], lambda *_: None, waits=waits)
        connection.start()
        wait_until(lambda: connection.tried, "the broker refused it")
        # Whoever is let in now comes long after a second try would have.
        wait_until(lambda: "refused the login" in connection.trouble, "it says so")
        with pytest.raises(UnavailableError):
            connection.wait(0.3)
        connection.close()
        log = (broker.folder / "mosquitto.log").read_text()
    assert log.count("not authorised") == 1


def test_pause_is_asked_and_answered(broker: Broker) -> None:
    control = Control()
    with publishing(broker.port, control=control), Client("127.0.0.1", broker.port) as client:
        client.wait_connected(PATIENCE_S)
        wait_until(lambda: "kiosk" in client.devices, "the device is there")
        assert client.request("kiosk", "pause", PATIENCE_S).status == "ok"
        assert control.paused
        assert client.request("kiosk", "resume", PATIENCE_S).status == "ok"
        assert not control.paused


def test_request_to_nobody_times_out(broker: Broker) -> None:
    with Client("127.0.0.1", broker.port) as client:
        client.wait_connected(PATIENCE_S)
        with pytest.raises(TimeoutError, match="nobody"):
            client.request("nobody", "state", timeout_s=0.3)


def test_a_request_that_was_given_up_is_never_carried_out(broker: Broker) -> None:
    """Nor do they pile up: the broker is away, and a board asks again and again."""
    client = Client("127.0.0.1", broker.port)  # no connection yet
    for _ in range(3):
        with pytest.raises(TimeoutError):
            client.request("kiosk", "pause", timeout_s=0.05)
    with subscribed(broker, "emotion/+/request/+") as others, client:
        with pytest.raises(TimeoutError):
            client.request("kiosk", "state", timeout_s=2.0)
        wait_until(lambda: others.on("state"), "the one that was made in time has come")
        assert others.on("pause") == []


def test_what_waited_too_long_for_a_connection_is_not_sent(broker: Broker) -> None:
    connection = Connection(Mqtt(host="127.0.0.1", port=broker.port), "x", [], lambda *_: None)
    connection.publish("a/late", b"", within_s=0.0)
    connection.withdraw(connection.publish("a/withdrawn", b"", within_s=PATIENCE_S))
    connection.publish("a/sent", b"", within_s=PATIENCE_S)
    with subscribed(broker, "a/+") as others:
        connection.start()
        wait_until(lambda: others.on("sent"), "it is sent")
        connection.close()
        assert [m.topic for m in others.messages] == ["a/sent"]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_broker_keeps_a_request_no_longer_than_somebody_waits(
    broker: Broker, version: Literal["5", "3.1.1"]
) -> None:
    kept: list[int | None] = []
    ready = threading.Event()
    listener = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    listener.on_connect = lambda *_: listener.subscribe("emotion/+/request/+", qos=1)
    listener.on_subscribe = lambda *_: ready.set()
    listener.on_message = lambda _c, _u, m: kept.append(
        getattr(m.properties, "MessageExpiryInterval", None)
    )
    listener.connect("127.0.0.1", broker.port)
    listener.loop_start()
    try:
        assert ready.wait(PATIENCE_S)
        with publishing(broker.port), Client("127.0.0.1", broker.port, version=version) as client:
            wait_until(lambda: "kiosk" in client.devices, "the device is there")
            client.request("kiosk", "state", PATIENCE_S)
            wait_until(lambda: kept, "the request is heard")
    finally:
        listener.disconnect()
        listener.loop_stop()
    if version == "5":
        assert kept[0] is not None and 0 < kept[0] <= PATIENCE_S
    else:
        assert kept == [None]


@pytest.mark.parametrize(("left_s", "said"), [(0.01, 1), (1.0, 1), (1.1, 2), (1e12, 2**32 - 1)])
def test_seconds_are_whole_and_at_least_one(left_s: float, said: int) -> None:
    assert expiring(left_s).MessageExpiryInterval == said


def test_who_does_not_keep_up_loses_the_oldest_and_is_told(broker: Broker) -> None:
    with Client("127.0.0.1", broker.port, buffer=2) as client:
        client.wait_connected(PATIENCE_S)
        with publishing(broker.port) as publisher:
            wait_until(lambda: "kiosk" in client.devices, "the device is known")
            for _ in range(5):
                publisher.publish(change(now()))
            wait_until(lambda: client.devices["kiosk"].received == 5, "all have come")
        # Behind the last event: that one is among those that wait, and not just being put there.
        wait_until(lambda: client.devices["kiosk"].online is False, "it is offline")
        assert [e.data.seq for e in itertools.islice(client.events(PATIENCE_S), 2)] == [4, 5]
        assert client.overflowed == 3


def test_closing_ends_a_loop_that_waits(broker: Broker) -> None:
    client = Client("127.0.0.1", broker.port)
    ended = threading.Event()
    with client:
        client.wait_connected(PATIENCE_S)
        thread = threading.Thread(target=lambda: (list(client.events()), ended.set()))
        thread.start()
    thread.join(PATIENCE_S)
    assert ended.is_set()


def test_session_that_is_kept_needs_a_name() -> None:
    with pytest.raises(ValueError, match="keep_s"):
        Client("127.0.0.1", keep_s=60)


def test_client_loads_no_camera_and_no_model() -> None:
    code = (
        "import sys, edge.client; print([m for m in ('cv2', 'ai_edge_litert') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
