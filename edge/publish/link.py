"""The connection to the broker: one thread, one paho client a connection, states by name.

Everything of MQTT happens in this thread: it waits on the socket itself and calls paho's
`loop_read`, `loop_write` and `loop_misc`, so nothing is queued inside paho that the outbox does
not know, and callbacks only take notes.
"""

from __future__ import annotations

import contextlib
import logging
import random
import select
import socket
import threading
import time
from enum import Enum
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.backoff import Backoff, Waits
from edge.config_publish import Mqtt
from edge.errors import ConfigError
from edge.problems import Problem
from edge.publish import reasons, session
from edge.publish.reasons import Failure
from edge.publish.traffic import Traffic

log = logging.getLogger(__name__)

ANSWER_S = 10.0  # from CONNECT to CONNACK; a frozen broker accepts TCP and then says nothing
TICK_S = 1.0  # longest wait on the socket: keepalive is looked at so often


class LinkState(Enum):
    """Where the connection is."""

    WAITING = "waiting"  # for the next try
    CONNECTING = "connecting"
    ONLINE = "online"
    REFUSED = "refused"  # waiting long: the broker is there and says no
    CLOSED = "closed"


class Link:
    """Keeps a connection open and lets `Traffic` use it."""

    def __init__(
        self,
        mqtt: Mqtt,
        client_id: str,
        login: session.Login | None,
        will_topic: str,
        traffic: Traffic,
        rng: random.Random,
        waits: Waits,
    ) -> None:
        self._mqtt = mqtt
        self._client_id = client_id
        self._login = login
        self._will_topic = will_topic
        self._traffic = traffic
        self._waits = waits
        self._backoff = Backoff(waits, rng)
        self.state = LinkState.WAITING
        self.client_id_conflict = False  # another client has our id
        self._login_refused = False
        self._closing: float | None = None  # monotonic deadline
        self._failure: Failure | None = None
        self._connected = False
        self._quick_drops = 0
        self._drops_on_size = 0  # of these, one after the other, on the largest packet so far
        self._away_since: float | None = None
        self._said: set[str] = set()  # reasons logged in this outage
        self._wake_r, self._wake_w = socket.socketpair()
        for end in (self._wake_r, self._wake_w):
            end.setblocking(False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    @property
    def problems(self) -> set[Problem]:
        """What is wrong with the connection."""
        if self.state is LinkState.ONLINE:
            return set()
        if self.client_id_conflict:
            return {Problem.CLIENT_ID_TAKEN}
        if self._login_refused:
            return {Problem.BROKER_REFUSED, Problem.LOGIN_REFUSED}
        refused = self.state is LinkState.REFUSED
        return {Problem.BROKER_REFUSED if refused else Problem.BROKER_AWAY}

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to send; from any thread, never waits."""
        with contextlib.suppress(OSError):  # full: it is awake already; closed: it is gone
            self._wake_w.send(b"\0")

    def close(self, deadline: float) -> None:
        """Say goodbye, wait for acknowledgements, stop; until `deadline` (time.monotonic)."""
        self._closing = deadline
        self._stop.set()
        self.wake()
        if self.state is LinkState.CONNECTING:
            # It may hang in connect(); it is a daemon thread and has nothing to hand over.
            self._thread.join(min(0.2, max(deadline - time.monotonic(), 0.0)))
        else:
            self._thread.join(max(deadline - time.monotonic(), 0.0))
        if not self._thread.is_alive():
            self._wake_r.close()
            self._wake_w.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            self.state = LinkState.CONNECTING
            self._failure = None
            self._connected = False
            try:
                self._connection()
            except ConfigError as e:  # a renewed certificate that does not fit, say
                self._failure = Failure(str(e), refused=True)
            except Exception as e:
                # Whatever paho or the system came up with: this thread must live.
                self._failure = reasons.explain(e)
            self._traffic.disconnected()
            if self._stop.is_set():
                break
            failure = self._failure or Failure("the connection was lost")
            if self._connected:
                failure = self._look_at_drop(failure, time.monotonic() - began)
            else:
                self._quick_drops = 0
            self.client_id_conflict = failure.client_id_conflict
            self._login_refused = failure.login
            self.state = LinkState.REFUSED if failure.refused else LinkState.WAITING
            wait = self._backoff.next(refused=failure.refused)
            self._report(failure, wait)
            self._stop.wait(wait)
        self.state = LinkState.CLOSED

    def _look_at_drop(self, failure: Failure, lasted_s: float) -> Failure:
        """Start over after a steady connection; grow suspicious after several short ones."""
        limit = self._traffic.limit
        self._drops_on_size = self._drops_on_size + 1 if limit.suspicious else 0
        if failure.too_large or self._drops_on_size >= reasons.QUICK_DROPS:
            self._drops_on_size = 0
            limit.learn(limit.unanswered)
            return reasons.too_large(limit.unanswered)
        if lasted_s >= self._waits.steady_s:
            self._backoff.reset()
            self._quick_drops = 0
            self._said.clear()
            return failure
        self._quick_drops += 1
        if self._traffic.refusing:
            return Failure("the broker hung up after it refused a publish")
        if self._quick_drops < reasons.QUICK_DROPS or failure.refused:
            return failure
        return reasons.same_client_id(failure, self._client_id)

    def _report(self, failure: Failure, wait: float) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        first = failure.text not in self._said
        self._said.add(failure.text)
        log.log(
            logging.WARNING if first else logging.DEBUG,
            "broker %s: %s; trying again in %.1f s",
            reasons.where(self._mqtt),
            failure.text,
            wait,
        )

    def _connection(self) -> None:
        """Open one connection and serve it until it ends; notes why in `_failure`."""
        client = session.new_client(
            self._mqtt, self._client_id, self._login, session.MAX_PACKET_BYTES
        )
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._traffic.on_publish
        client.on_message = self._traffic.on_message
        client.on_subscribe = self._traffic.on_subscribe
        client.will_set(self._will_topic, "offline", qos=1, retain=True)
        try:
            session.connect(client, self._mqtt)
            answer_by = time.monotonic() + ANSWER_S
            while self._step(client, answer_by):
                pass
        finally:
            # No DISCONNECT here: after a failure the broker shall publish the will.
            sock = client.socket()
            if sock is not None:
                sock.close()

    def _step(self, client: session.Client, answer_by: float) -> bool:
        """Wait for the socket or work, and handle it; False: the connection is over."""
        if self._connected:
            if not self._traffic.pump(client, self._closing):
                return False
        elif time.monotonic() > answer_by:
            self._failure = Failure("the broker accepts the connection and then does not answer")
            return False
        elif self._stop.is_set():
            return False
        sock: Any = client.socket()
        if sock is None:
            return False
        pending = getattr(sock, "pending", int)()  # bytes that TLS holds and select cannot see
        timeout = 0.0 if pending else min(TICK_S, self._traffic.next_in())
        writers = [sock] if client.want_write() else []
        readable, writable, _ = select.select([sock, self._wake_r], writers, [], timeout)
        if self._wake_r in readable:
            with contextlib.suppress(BlockingIOError):
                while self._wake_r.recv(4096):
                    pass
        if (pending or sock in readable) and client.loop_read() != 0:
            self._failure = self._failure or self._hung_up(client)
            return False
        if writable and client.loop_write() != 0:
            return False
        return client.loop_misc() == 0 and client.socket() is not None

    def _hung_up(self, client: session.Client) -> Failure | None:
        if client.too_large:
            wait = self._traffic.unsubscribe()
            return Failure(
                f"a message of {client.too_large} bytes is on a topic of requests (retained?); "
                f"no requests are heard for {wait / 60:.0f} minutes"
            )
        return None if self._connected else reasons.hung_up(self._mqtt)

    def _on_connect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if code.is_failure:
            self._failure = reasons.answered(code)
            return
        self._connected = True
        self.state = LinkState.ONLINE
        self.client_id_conflict = self._login_refused = False
        room = min(getattr(properties, "ReceiveMaximum", session.INFLIGHT), session.INFLIGHT)
        self._traffic.connected(room, getattr(properties, "MaximumPacketSize", None))
        since = self._away_since
        away = f" after {time.monotonic() - since:.0f} s" if since is not None else ""
        log.log(
            logging.DEBUG if self._quick_drops else logging.INFO,
            "broker %s: connected%s, MQTT %s%s",
            reasons.where(self._mqtt),
            away,
            self._mqtt.version,
            " over TLS" if self._mqtt.tls else "",
        )
        self._away_since = None

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.DisconnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._failure = reasons.answered(code)
        elif code.getName() == "Keep alive timeout":
            self._failure = Failure("the broker does not answer pings any more")
