"""The subscriber's connection: a thread that comes back, and a queue of events."""

from __future__ import annotations

import contextlib
import copy
import logging
import queue
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Literal, Self

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.backoff import Backoff, Waits
from edge.client.device import Device
from edge.config import Mqtt
from edge.contract import Event, Request, Response, decode_response, encode
from edge.errors import UnavailableError
from edge.publish import reasons, session
from edge.publish.reasons import Failure

log = logging.getLogger(__name__)

ANSWER_S = 10.0  # for the broker to let us in
TICK_S = 0.1  # longest wait on the socket: a request leaves within this
MAX_MESSAGE_BYTES = 1024 * 1024  # a bound against nonsense
CLOSE_S = 2.0

Verb = Literal["pause", "resume", "state"]


class Client:
    """Subscribes to the devices of a broker; a context manager. Thread-safe.

    Args:
        host: the broker.
        port: None: 1883, or 8883 with TLS.
        base: first part of the topics.
        device: only this one; None: all.
        username: empty: none.
        password_file: file that holds the password.
        tls: encrypt, and verify the broker.
        ca_file: certificates to trust; empty: the system's.
        cert_file: our own certificate, with `key_file`.
        key_file: its private key.
        version: of MQTT.
        client_id: must be ours alone; empty: a random one.
        keep_s: seconds that the broker keeps events for us while we are away, MQTT 5 only.
            Wants a `client_id`, so that it knows us again.
        buffer: events that wait for `events()`; beyond it the oldest are dropped (`overflowed`).
    """

    def __init__(
        self,
        host: str,
        port: int | None = None,
        *,
        base: str = "emotion",
        device: str | None = None,
        username: str = "",
        password_file: str = "",
        tls: bool = False,
        ca_file: str = "",
        cert_file: str = "",
        key_file: str = "",
        version: Literal["5", "3.1.1"] = "5",
        client_id: str = "",
        keep_s: int = 0,
        buffer: int = 10_000,
    ) -> None:
        if keep_s and (not client_id or version != "5"):
            raise ValueError("keep_s: allowed: with a client_id of its own, and MQTT 5")
        self._mqtt = Mqtt(
            host=host,
            port=port if port is not None else (8883 if tls else 1883),
            version=version,
            base=base,
            username=username,
            password_file=password_file,
            tls=tls,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
        )
        self._client_id = client_id or f"emotion-edge-client-{uuid.uuid4().hex[:12]}"
        self._keep_s = keep_s
        self._filter = f"{base}/{device or '+'}/+"
        self._responses = f"{base}/{device or '+'}/response/+"
        self._lock = threading.Lock()
        self._devices: dict[str, Device] = {}
        self._events: queue.Queue[Event | None] = queue.Queue(buffer)
        self._outgoing: deque[tuple[str, bytes]] = deque()
        self._waiting: dict[str, queue.Queue[Response]] = {}  # by transaction
        self._stop = threading.Event()
        self._subscribed = threading.Event()
        self._trouble = Failure("not connected yet")
        self._thread = threading.Thread(target=self._run, name="emotion-client", daemon=True)
        self.overflowed = 0  # events dropped because nobody took them
        self.last_message = 0.0  # s, monotonic

    def __enter__(self) -> Self:
        """Begin to connect; does not wait for the broker.

        Raises:
            ConfigError: a password file or certificate cannot be used.
        """
        self._login = session.read_login(self._mqtt)
        session.tls_context(self._mqtt)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Hang up; `events()` ends."""
        self._stop.set()
        self._thread.join(CLOSE_S)
        self._offer(None)

    @property
    def connected(self) -> bool:
        """Whether we hear the broker now."""
        return self._subscribed.is_set()

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty when there is."""
        return "" if self.connected else self._trouble.text

    @property
    def devices(self) -> dict[str, Device]:
        """What is known of every device now, by name: a copy."""
        with self._lock:
            return {name: copy.copy(d) for name, d in sorted(self._devices.items())}

    def wait_connected(self, timeout_s: float) -> None:
        """Wait until the broker has taken the subscription.

        Raises:
            UnavailableError: it has not in time; says why.
        """
        if not self._subscribed.wait(timeout_s):
            where = reasons.where(self._mqtt)
            raise UnavailableError(f"broker {where}: {self._trouble.text}")

    def events(self, timeout_s: float | None = None) -> Iterator[Event]:
        """Yield each event once, as it comes, over reconnects; see `Event.data.replayed`.

        Args:
            timeout_s: end when none came for so long; None: end when the client is closed.
        """
        while not self._stop.is_set():
            try:
                event = self._events.get(timeout=timeout_s)
            except queue.Empty:
                return
            if event is None:
                return
            yield event

    def request(self, device: str, verb: Verb, timeout_s: float = 5.0) -> Response:
        """Ask a device for something and wait for its answer.

        Raises:
            TimeoutError: none came.
        """
        transaction = uuid.uuid4().hex
        answer: queue.Queue[Response] = queue.Queue(1)
        self._waiting[transaction] = answer
        topic = f"{self._mqtt.base}/{device}/request/{verb}"
        self._outgoing.append((topic, encode(Request(transaction=transaction))))
        try:
            return answer.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"{device}: no answer to {verb} in {timeout_s:g} s") from None
        finally:
            del self._waiting[transaction]

    # Everything below belongs to the thread.

    def _run(self) -> None:
        backoff = Backoff(Waits(most_s=30.0, refused_s=30.0), random.Random())
        said = ""
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._trouble = self._serve()
            except Exception as e:  # whatever paho or the system came up with: come back
                self._trouble = reasons.explain(e)
            if self._subscribed.is_set():
                self._subscribed.clear()
                said = ""
                if time.monotonic() - began > Waits().steady_s:
                    backoff.reset()
            if self._stop.is_set():
                return
            level = logging.DEBUG if said == self._trouble.text else logging.WARNING
            said = self._trouble.text
            log.log(level, "broker %s: %s", reasons.where(self._mqtt), said)
            self._stop.wait(backoff.next(refused=self._trouble.refused))

    def _serve(self) -> Failure:
        """Serve one connection; return why it ended."""
        answers: list[Failure | None] = []
        client = session.new_client(self._mqtt, self._client_id, self._login)
        client.on_connect = lambda _c, _u, _f, code, _p: answers.append(
            reasons.answered(code) if code.is_failure else None
        )
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = lambda _c, _u, m: self._message(m.topic, bytes(m.payload))
        self._connect(client)
        try:
            by = time.monotonic() + ANSWER_S
            while not answers and time.monotonic() < by and client.loop(TICK_S) == 0:
                pass
            if not answers or answers[0] is not None:
                return (answers or [None])[0] or reasons.hung_up(self._mqtt)
            client.subscribe([(self._filter, 1), (self._responses, 1)])
            while not self._stop.is_set() and client.loop(TICK_S) == 0:
                while self._outgoing:
                    client.publish(*self._outgoing.popleft(), qos=1)
            if self._stop.is_set():
                client.disconnect()
                client.loop(TICK_S)
            return Failure("the connection was lost")
        finally:
            sock = client.socket()
            if sock is not None:
                sock.close()

    def _connect(self, client: paho.Client) -> None:
        m = self._mqtt
        if m.version != "5":
            client.connect(m.host, m.port, m.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        properties.MaximumPacketSize = MAX_MESSAGE_BYTES
        properties.SessionExpiryInterval = self._keep_s
        client.connect(
            m.host, m.port, m.keepalive_s, clean_start=not self._keep_s, properties=properties
        )

    def _message(self, topic: str, payload: bytes) -> None:
        self.last_message = time.monotonic()
        name, _, kind = topic.removeprefix(self._mqtt.base + "/").partition("/")
        if kind.startswith("response/"):
            self._response(payload)
            return
        with self._lock:
            device = self._devices.setdefault(name, Device(name))
            event = device.take(kind, payload)
        if event is not None:
            self._offer(event)

    def _response(self, payload: bytes) -> None:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            response = decode_response(payload)
            waiting = self._waiting.get(response.transaction)
            if waiting is not None and waiting.empty():
                waiting.put_nowait(response)

    def _offer(self, event: Event | None) -> None:
        while True:
            try:
                self._events.put_nowait(event)
                return
            except queue.Full:
                self.overflowed += 1
                with contextlib.suppress(queue.Empty):
                    self._events.get_nowait()
