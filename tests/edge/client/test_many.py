"""A thousand devices on Mosquitto's default configuration: nobody is left out.

One subscription at QoS 1 would be given 1,020 retained messages, those of 255 devices.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import queue
import time
from collections.abc import Iterator

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge import cli
from edge.client import Client
from edge.client.watch import table
from edge.clock import SystemClock, rfc3339
from edge.config import Config
from edge.contract import FaceInView, State, encode
from edge.web.devices import Devices
from tests.broker import Broker, running
from tests.edge.publish.rig import LABELS, WHO
from tests.edge.publish.test_metrics import HEALTH
from tests.waiting import PATIENCE_S, wait_until

MANY = 1000


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker as it comes, with what a thousand devices have left on it."""
    clock = SystemClock()
    face = FaceInView(
        track="a1",
        emotion="happy",
        confidence=0.7,
        scores=dict.fromkeys(LABELS, 0.1428),
        intensity=0.5,
        box=[0.25, 0.25, 0.125, 0.125],
        since_s=3.0,
    )
    now = rfc3339(clock.wall())
    state = encode(State(time=now, seq=1, status="running", emotion="happy", faces=[face]))
    health = encode(msgspec.structs.replace(HEALTH, reasons=[], time=now))
    config = msgspec.to_builtins(Config())
    with running(tmp_path_factory.mktemp("crowd"), queued=None) as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_queued_messages_set(0)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        last = None
        for i in range(MANY):
            who = dataclasses.replace(WHO, device=f"kiosk-{i:04}")
            info = encode(msgspec.structs.replace(who.info(now), config=config))
            for kind, payload in (
                ("availability", b"online"),
                ("info", info),
                ("state", state),
                ("health", health),
            ):
                last = client.publish(f"emotion/{who.device}/{kind}", payload, 1, retain=True)
        assert last is not None
        wait_until(last.is_published, "the broker has them")
        client.disconnect()
        client.loop_stop()
        yield broker


def test_the_client_is_told_of_all(crowd: Broker) -> None:
    with Client("127.0.0.1", crowd.port) as client:
        client.wait_connected(PATIENCE_S, first_try=True)
        client.wait_retained(1.0, PATIENCE_S)
        devices = client.devices
    for kind in ("online", "info", "health", "state"):
        assert sum(getattr(d, kind) is not None for d in devices.values()) == MANY, kind


def test_fleet_lists_all(crowd: Broker) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert cli.main(["fleet", "--host", "127.0.0.1", "--port", str(crowd.port), "--json"]) == 0
    rows = [json.loads(line) for line in said.getvalue().splitlines()]
    assert len(rows) == MANY
    assert not any(row["problems"] or row["version"] is None for row in rows)


def test_the_dashboard_and_watch_are_told_of_all(crowd: Broker) -> None:
    devices = Devices(600.0)
    topics: queue.SimpleQueue[str] = queue.SimpleQueue()
    mqtt = msgspec.structs.replace(Config().mqtt, host="127.0.0.1", port=crowd.port)
    with Client.to(
        mqtt,
        listener=lambda m, d: (devices.message(m, d, time.time()), topics.put(m.topic)),
        also=("request/+",),
    ) as client:
        client.wait_connected(PATIENCE_S, first_try=True)
        client.wait_retained(1.0, PATIENCE_S)
        shown = devices.snapshot()["devices"]
        lines = table(client.devices, "t")
    assert isinstance(shown, dict)
    assert len(shown) == MANY
    assert all({"face_count", "health", "info"} <= d.keys() for d in shown.values())
    assert topics.qsize() == 4 * MANY
    assert sum("happy" in line for line in lines) == MANY
