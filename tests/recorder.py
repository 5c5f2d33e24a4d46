"""`emotion-edge record` as a process, and senders that deliver each event at least once."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.waiting import PATIENCE_S, wait_until

RECONNECT_S = 0.2
UNDER_WAY = 20  # as of a device


class RecorderProcess:
    """One recorder; its log is a file."""

    def __init__(self, folder: Path, port: int, history: str, *options: str) -> None:
        self.log = folder / "recorder.log"
        url = folder / "url"
        url.write_text(history)
        url.chmod(0o600)
        self._command = [sys.executable, "-m", "edge", "record", "--host", "127.0.0.1"]
        self._command += ["--port", str(port), "--to-file", str(url), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    def launch(self) -> None:
        """Start it, and do not wait."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def start(self) -> None:
        """Start it (again) and wait until it is subscribed."""
        self.launch()
        self._starts += 1
        wait_until(lambda: self.said("recording") >= self._starts or not self.runs(), "it records")
        assert self.runs(), self.log.read_text()

    def said(self, text: str) -> int:
        """How often a text is in the log."""
        return self.log.read_text().count(text) if self.log.exists() else 0

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE_S)


@contextlib.contextmanager
def recording(folder: Path, port: int, history: str, *options: str) -> Iterator[RecorderProcess]:
    """Run a recorder for the length of a `with`."""
    folder.mkdir(parents=True, exist_ok=True)
    process = RecorderProcess(folder, port, history, *options)
    process.start()
    try:
        yield process
    finally:
        process.kill()


def send(port: int, device: str, payloads: Sequence[bytes], *, qos: int = 1) -> None:
    """Publish events and wait until the broker has them."""
    with sending(port, device, payloads, qos=qos) as sender:
        sender.wait()


class Sender(threading.Thread):
    """Publishes as a device does: what is not acknowledged is sent again, over reconnects."""

    def __init__(self, port: int, device: str, payloads: Sequence[bytes], qos: int = 1) -> None:
        super().__init__(daemon=True)
        self._port, self._qos = port, qos
        self._topic = f"emotion/{device}/event"
        self._payloads = list(payloads)
        self._acknowledged: dict[int, float] = {}  # by number: when, s since 1970
        self._ended = threading.Event()
        self._connected = False

    def done(self) -> bool:
        """Whether the broker has acknowledged all."""
        return len(self._acknowledged) == len(self._payloads)

    def arrived(self) -> int:
        """How many the broker has acknowledged."""
        return len(self._acknowledged)

    def acknowledged_since(self, since: float) -> list[bytes]:
        """Return what the broker has acknowledged since then, once it is away or all is sent."""
        wait_until(lambda: not self._connected, "the sender has noticed")
        return [self._payloads[n] for n, at in self._acknowledged.items() if at > since]

    def unacknowledged(self) -> list[bytes]:
        """Return what the broker has not acknowledged."""
        return [p for n, p in enumerate(self._payloads) if n not in self._acknowledged]

    def wait(self) -> None:
        """Wait until it has acknowledged all."""
        wait_until(self.done, "the broker has all events")

    def close(self) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                if not self.done():
                    self._connection()
            self._connected = False
            self._ended.wait(RECONNECT_S)

    def _connection(self) -> None:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(UNDER_WAY)
        under_way: dict[int, int] = {}  # by packet id
        client.on_publish = lambda _c, _u, mid, _r, _p: self._acknowledged.update(
            {under_way.pop(mid): time.time()}
        )
        client.connect("127.0.0.1", self._port)
        self._connected = True
        try:
            while not client.is_connected():
                if client.loop(0.1) != 0 or self._ended.is_set():
                    return
            for n, payload in enumerate(self._payloads):
                if n in self._acknowledged:
                    continue
                under_way[client.publish(self._topic, payload, qos=self._qos).mid] = n
                while len(under_way) >= UNDER_WAY:
                    if client.loop(0.1) != 0 or self._ended.is_set():
                        return
            while not self.done() and not self._ended.is_set():
                if client.loop(0.1) != 0:
                    return
        finally:
            sock = client.socket()
            if sock is not None:
                sock.close()


@contextlib.contextmanager
def sending(port: int, device: str, payloads: Sequence[bytes], *, qos: int = 1) -> Iterator[Sender]:
    """Send for the length of a `with`."""
    sender = Sender(port, device, payloads, qos)
    sender.start()
    try:
        yield sender
    finally:
        sender.close()
