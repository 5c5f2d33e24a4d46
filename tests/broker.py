"""A real Mosquitto on a free loopback port, and a subscriber that remembers everything."""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import termios
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.waiting import PATIENCE_S, free_port, wait_until

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
OPEN = ("allow_anonymous true",)
CLOCK_S = 0.02  # by which times of files may be behind


class Broker:
    """One Mosquitto; `settings` are lines of its configuration, for the listener and globally."""

    def __init__(
        self,
        folder: Path,
        settings: Sequence[str] = OPEN,
        *,
        durable: bool = False,
        queued: int | None = 0,
    ) -> None:
        if MOSQUITTO is None:
            pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
        self.port = free_port()
        self.folder = folder
        # Messages that wait for a subscriber; 0 is no bound, None is Mosquitto's default.
        self._settings = [*settings, *([] if queued is None else [f"max_queued_messages {queued}"])]
        if durable:
            # What it has acknowledged outlives its kill -9 only so; 20 times slower. With Nagle's
            # algorithm some of it would wait in the kernel, which then throws it away.
            self._settings += [
                "persistence true",
                f"persistence_location {folder}/",
                "autosave_on_changes true",
                "autosave_interval 1",
                "set_tcp_nodelay true",
            ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start (again), on the same port."""
        assert MOSQUITTO is not None
        config = self.folder / "mosquitto.conf"
        user = ["user root"] if os.geteuid() == 0 else []
        config.write_text("\n".join([*user, *self._lines()]) + "\n")
        log = (self.folder / "mosquitto.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(config)], stdout=log, stderr=subprocess.STDOUT
            )
        process = self._process
        wait_until(lambda: self._listens() or process.poll() is not None, "the broker listens")
        assert process.poll() is None, (self.folder / "mosquitto.log").read_text()

    def _lines(self) -> list[str]:
        return [f"listener {self.port} 127.0.0.1", *self._settings]

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP freezes it, SIGCONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def wait_saved(folder: Path, text: bytes, times: int = 1) -> None:
    """Wait until a broker that keeps its sessions in `folder` has written `text` down so often."""
    file = folder / "mosquitto.db"
    wait_until(lambda: file.exists() and file.read_bytes().count(text) >= times, f"{text!r} saved")


def saved_at(broker: Broker) -> float:
    """Return when a broker that keeps its sessions wrote them down last, or before; s since 1970.

    Mosquitto 2.0 acknowledges a message before: killed in between, it has forgotten it.
    """
    file = broker.folder / "mosquitto.db"
    return file.stat().st_mtime - CLOCK_S if file.exists() else 0.0


@contextlib.contextmanager
def running(
    folder: Path,
    settings: Sequence[str] = OPEN,
    *,
    durable: bool = False,
    queued: int | None = 0,
) -> Iterator[Broker]:
    """Run a broker for the length of a `with`."""
    folder.mkdir(exist_ok=True, parents=True)
    broker = Broker(folder, settings, durable=durable, queued=queued)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A plain broker that lets everybody in."""
    with running(tmp_path / "broker") as b:
        yield b


def passwords(folder: Path, users: dict[str, str], acl: str = "") -> list[str]:
    """Return settings of a broker that knows `users` (name: password) and holds to `acl`."""
    folder.mkdir(exist_ok=True, parents=True)
    file = folder / "passwords"
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        pytest.skip("mosquitto_passwd is not installed (apt-get install mosquitto)")
    file.write_text("".join(f"{name}:{word}\n" for name, word in users.items()))
    subprocess.run([tool, "-U", str(file)], check=True, capture_output=True)
    settings = ["allow_anonymous false", f"password_file {file}"]
    if acl:
        (folder / "acl").write_text(acl)
        settings.append(f"acl_file {folder / 'acl'}")
    return settings


def refusing(folder: Path, topic: str) -> list[str]:
    """Return settings of a broker that refuses subscriptions to `topic`.

    Mosquitto's ACL file lets everybody subscribe and holds the messages back; its own plugin
    refuses, as other brokers do.
    """
    found = sorted(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    if not found:
        pytest.skip("mosquitto_dynamic_security.so is not installed (apt-get install mosquitto)")
    acl = {"acltype": "subscribeLiteral", "topic": topic, "priority": 0, "allow": False}
    yes = dict.fromkeys(
        ("publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"), True
    )
    config = {
        "defaultACLAccess": yes,
        "clients": [],
        "groups": [{"groupname": "all", "roles": [{"rolename": "reader"}], "clients": []}],
        "anonymousGroup": "all",
        "roles": [{"rolename": "reader", "acls": [acl]}],
    }
    file = folder / "dynamic-security.json"
    file.write_text(json.dumps(config))
    return [*OPEN, f"plugin {found[0]}", f"plugin_opt_config_file {file}"]


@dataclass(frozen=True)
class Message:
    """What a subscriber got."""

    topic: str
    payload: bytes
    retain: bool
    at: float  # s, monotonic

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Subscriber:
    """Subscribes to everything and keeps it, over restarts of the broker too."""

    def __init__(self, port: int, topic: str = "#", login: tuple[str, str] | None = None) -> None:
        self.messages: list[Message] = []
        self._seqs: list[int] = []
        self._both = threading.Lock()  # a message is in both lists, or in none yet
        self.subscribed = threading.Event()
        self._topic = topic
        # A persistent session: what comes while it is away is kept for it by the broker.
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"subscriber-{uuid.uuid4()}",  # an address may come again
            protocol=MQTTProtocolVersion.MQTTv311,
            clean_session=False,
        )
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda *_: self._client.subscribe(self._topic, qos=1)
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self.subscribed.wait(PATIENCE_S)

    def _on_message(self, _client: object, _userdata: object, m: paho.MQTTMessage) -> None:
        message = Message(m.topic, bytes(m.payload), m.retain, time.monotonic())
        with self._both:
            self.messages.append(message)
            if message.payload.startswith(b'{"specversion"'):  # others' exceptions end the thread
                self._seqs.append(message.json["data"]["seq"])

    def on(self, name: str) -> list[Message]:
        """Return the messages whose topic ends in `/name`, in the order of arrival."""
        with self._both:
            messages = self.messages.copy()
        return [m for m in messages if m.topic.endswith("/" + name)]

    def events(self) -> list[Any]:
        """Return the events, in the order of arrival."""
        return [m.json for m in self.on("event")]

    def seqs(self) -> list[int]:
        """Return `seq` of the events, in the order of arrival."""
        with self._both:
            return self._seqs.copy()

    def unread(self) -> int:
        """Return how many bytes have arrived that paho has not taken yet."""
        count = array.array("i", [0])
        with contextlib.suppress(OSError, TypeError):  # closed, or none
            fcntl.ioctl(self._client.socket(), termios.FIONREAD, count)
        return count[0]

    def publish(self, topic: str, payload: bytes | str = b"", *, retain: bool = False) -> None:
        """Publish and wait until the broker has it."""
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(PATIENCE_S)
        assert sent.is_published()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def subscribed(
    broker: Broker, topic: str = "#", login: tuple[str, str] | None = None
) -> Iterator[Subscriber]:
    """A subscriber for the length of a `with`."""
    subscriber = Subscriber(broker.port, topic, login)
    try:
        yield subscriber
    finally:
        subscriber.close()
