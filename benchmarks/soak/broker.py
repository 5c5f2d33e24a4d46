"""A Mosquitto that comes and goes, and a subscriber that it keeps everything for."""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import random
import signal
import termios
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benchmarks.mosquitto import Mosquitto

UP_S, AWAY_S = (8.0, 25.0), (2.0, 15.0)  # shortest and longest
# Without a bound in flight, what it acknowledges it has written to the subscriber; and what it has
# acknowledged outlives its kill -9.
SETTINGS = (
    "max_inflight_messages 0",
    "autosave_on_changes true",
    "autosave_interval 1",
    "set_tcp_nodelay true",
)


class Comings:
    """Takes the broker away again and again: killed, stopped as it should be, or frozen."""

    def __init__(self, broker: Mosquitto, subscriber: Subscriber, rng: random.Random) -> None:
        self.outages = {"kill -9": 0, "SIGTERM": 0, "SIGSTOP": 0}
        self._broker = broker
        self._subscriber = subscriber
        self._rng = rng
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Leave the broker running for good."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._rng.uniform(*UP_S)):
            how = self._rng.choice(list(self.outages))
            self.outages[how] += 1
            if how == "SIGSTOP":
                self._broker.signal(signal.SIGSTOP)
                self._over.wait(self._rng.uniform(*AWAY_S))
                self._broker.signal(signal.SIGCONT)
            else:
                if how == "kill -9":
                    # paho throws away what it has not read when it cannot answer any more.
                    self._broker.signal(signal.SIGSTOP)
                    self._subscriber.read_up()
                self._broker.stop(signal.SIGKILL if how == "kill -9" else signal.SIGTERM)
                self._over.wait(self._rng.uniform(*AWAY_S))
                self._broker.start()


class Subscriber:
    """Counts events by `seq` and keeps the newest `health`; holds nothing else."""

    def __init__(self, port: int) -> None:
        self.seen: list[int] = []  # seq, in the order of arrival, each once
        self.repeated = 0
        self.kinds: dict[str, int] = {}
        self.lost = 0  # as the events themselves say
        self.health: dict[str, Any] = {}
        self._known: set[int] = set()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id="soak",
            protocol=MQTTProtocolVersion.MQTTv311,
            clean_session=False,
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda *_: self._client.subscribe("emotion/soak/+", qos=1)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _on_message(self, _client: object, _userdata: object, m: paho.MQTTMessage) -> None:
        if m.topic.endswith("/health"):
            self.health = json.loads(m.payload)
        elif m.topic.endswith("/event"):
            data = json.loads(m.payload)["data"]
            if data["seq"] in self._known:
                self.repeated += 1
                return
            self._known.add(data["seq"])
            self.seen.append(data["seq"])
            self.lost += data["lost_before"]
            self.kinds[data["event_type"]] = self.kinds.get(data["event_type"], 0) + 1

    def read_up(self) -> None:
        """Wait until everything that has arrived is read."""
        count = array.array("i", [1])
        with contextlib.suppress(OSError, TypeError):  # there is no connection
            while count[0]:
                time.sleep(0.01)
                fcntl.ioctl(self._client.socket(), termios.FIONREAD, count)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
