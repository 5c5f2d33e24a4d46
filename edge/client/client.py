"""The subscriber: devices as they are now, events as they come, requests."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Literal, Self

import msgspec

from edge.client.connection import Connection, Filter
from edge.client.device import Device
from edge.client.inventory import RETAINED, Inventory, Message
from edge.config_publish import Mqtt
from edge.contract import Event, Request, Response, decode_response, encode

Verb = Literal["pause", "resume", "state"]


Listener = Callable[[Message, Device | None], None]


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
            0: none are kept, for those who have a `listener`.
        listener: called with every message and the device it was of, in the client's own thread;
            the device is None when it was removed, refused, or the message none of a device's.
        also: more topics below the device's name that `listener` gets, such as `request/+`.
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
        listener: Listener | None = None,
        also: Sequence[str] = (),
    ) -> None:
        if keep_s and (not client_id or version != "5"):
            raise ValueError("keep_s: allowed: with a client_id of its own, and MQTT 5")
        mqtt = Mqtt(
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
        self._base = base
        self._connection = Connection(
            mqtt,
            client_id or f"emotion-edge-client-{uuid.uuid4().hex[:12]}",
            filters(f"{base}/{device or '+'}", also),
            self._message,
            keep_s,
        )
        self._inventory = Inventory(base)
        self._listener = listener
        self._events: queue.Queue[Event | None] = queue.Queue(max(buffer, 1))
        self._buffered = buffer > 0
        self._waiting: dict[str, queue.Queue[Response]] = {}  # by transaction
        self.overflowed = 0  # events dropped because nobody took them

    @classmethod
    def to(
        cls,
        mqtt: Mqtt,
        *,
        listener: Listener | None = None,
        also: Sequence[str] = (),
        client_id: str = "",
    ) -> Self:
        """Return a client for this broker; `buffer` is 0 where there is a listener."""
        return cls(
            mqtt.host,
            mqtt.port,
            base=mqtt.base,
            username=mqtt.username,
            password_file=mqtt.password_file,
            tls=mqtt.tls,
            ca_file=mqtt.ca_file,
            cert_file=mqtt.cert_file,
            key_file=mqtt.key_file,
            version=mqtt.version,
            client_id=client_id,
            buffer=0 if listener else 10_000,
            listener=listener,
            also=also,
        )

    def __enter__(self) -> Self:
        """Begin to connect; does not wait for the broker.

        Raises:
            ConfigError: a password file or certificate cannot be used.
        """
        self._connection.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Hang up; `events()` ends."""
        self._connection.close()
        self._offer(None)

    @property
    def connected(self) -> bool:
        """Whether we hear the broker now."""
        return self._connection.connected

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty when there is."""
        return self._connection.trouble

    @property
    def devices(self) -> dict[str, Device]:
        """What is known of every device now, by name: a copy."""
        return self._inventory.devices

    @property
    def refused(self) -> int:
        """How many messages were dropped because they were too large or too many."""
        return self._inventory.refused

    @property
    def tried(self) -> bool:
        """Whether a first try to connect has ended, well or not."""
        return self._connection.tried

    def wait_connected(self, timeout_s: float, *, first_try: bool = False) -> None:
        """Wait until the broker has taken the subscriptions.

        Args:
            timeout_s: longest wait.
            first_try: do not wait for another try when the first has failed.

        Raises:
            UnavailableError: it has not in time; says why, and which topic it refuses.
        """
        self._connection.wait(timeout_s, first_try=first_try)

    def wait_retained(self, settle_s: float, most_s: float) -> None:
        """Wait until all that is retained has come, as far as one can know.

        A broker sends it at once and does not say when that is all: it is taken to be when no
        retained message came for `settle_s`, or after `most_s`.
        """
        began = time.monotonic()
        while True:
            now = time.monotonic()
            quiet = now - max(self._connection.last_retained, began) > settle_s
            if quiet or now - began > most_s:
                return
            time.sleep(0.05)

    def events(self, timeout_s: float | None = None) -> Iterator[Event]:
        """Yield each event once, as it comes, over reconnects; see `Event.data.replayed`.

        Args:
            timeout_s: end when none came for so long; None: end when the client is closed.
        """
        while not self._connection.closed:
            try:
                event = self._events.get(timeout=timeout_s)
            except queue.Empty:
                return
            if event is None:
                return
            yield event

    def request(self, device: str, verb: Verb, timeout_s: float = 5.0) -> Response:
        """Ask a device for something and wait for its answer.

        What has not left when the time is up never does. What the broker has by then may still
        arrive: with MQTT 5 it keeps it for `timeout_s` (whole seconds), with 3.1.1 for as long
        as it likes.

        Args:
            device: its name.
            verb: what it is to do.
            timeout_s: longest wait, for a connection too.

        Raises:
            TimeoutError: none came.
        """
        transaction = uuid.uuid4().hex
        answer: queue.Queue[Response] = queue.Queue(1)
        self._waiting[transaction] = answer
        payload = encode(Request(transaction=transaction))
        topic = f"{self._base}/{device}/request/{verb}"
        number = self._connection.publish(topic, payload, timeout_s)
        try:
            return answer.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"{device}: no answer to {verb} in {timeout_s:g} s") from None
        finally:
            self._connection.withdraw(number)
            del self._waiting[transaction]

    # Everything below belongs to the connection's thread.

    def _message(self, topic: str, retained: bool, payload: bytes) -> None:
        message, device = self._inventory.take(topic, retained, payload)
        if message.kind.startswith("response/"):
            self._response(payload)
        if self._listener is not None:
            self._listener(message, device)
        if message.event is not None and self._buffered:
            self._offer(message.event)

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


def filters(devices: str, also: Sequence[str] = ()) -> list[list[Filter]]:
    """Return the steps of subscriptions, see `Connection`.

    Args:
        devices: the topics of the devices, such as `emotion/+`.
        also: more topics below it.
    """
    lasting = [(f"{devices}/{kind}", 1) for kind in ("event", "response/+", *also)]
    return [lasting, *([(f"{devices}/{kind}", 0)] for kind in RETAINED)]
