"""What goes over a connection: retained messages, events out of the outbox, answers.

All methods but `retain` and `next_in` belong to the link's thread. Callbacks only take notes;
`pump` acts on them. Order: `online`, `info`, the present, then events by `seq`.
"""

from __future__ import annotations

import collections
import logging
import threading
import time
from collections.abc import Callable

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.contract import decode_event, encode
from edge.problems import Problem
from edge.publish import session
from edge.publish.discovery import BIRTH, Discovery
from edge.publish.frames import Row
from edge.publish.identity import Identity
from edge.publish.outbox import Outbox
from edge.publish.packet_limit import PacketLimit
from edge.publish.requests import Requests
from edge.stages import Clock

log = logging.getLogger(__name__)

LATE_S = 5.0  # an event sent later than this after it happened is marked `replayed`
READ_AHEAD = 64  # rows taken out of the outbox at once
RESERVED = 4  # of the places in flight: for retained messages and answers
REFUSED_FIRST_S, REFUSED_MOST_S = 1.0, 60.0  # pause of events after a refused publish, doubling
# Of retained messages after a connect.
ORDER = ("availability", "info", "state", "audience", "health", "discovery")
SHORTEST_S = 0.01  # between two looks, so that a wait never turns into a busy loop
GOODBYE_S = 0.5  # of the time to close, kept for `offline` and its acknowledgement
STALLED_S = 10.0  # a broker that has answered no publish for so long takes nothing
# After a message too large to be read: no subscription for so long, each time longer.
UNSUBSCRIBED_S, UNSUBSCRIBED_MOST_S, UNSUBSCRIBED_GROWS = 600.0, 86_400.0, 6
LAST_MOMENT_S = 0.1  # of that, to hang up properly though nothing was acknowledged


class Traffic:
    """Sends what there is to send, within what the broker bears."""

    def __init__(
        self,
        who: Identity,
        outbox: Outbox,
        requests: Requests,
        resend_rate: float,
        clock: Clock,
        discovery: Discovery | None = None,
        retained: Callable[[str, bytes], None] = lambda name, payload: None,
    ) -> None:
        """Know nothing of a broker yet.

        `retained` is told of each retained message, by name, that the broker has acknowledged.
        """
        self._who = who
        self._outbox = outbox
        self._requests = requests
        self._rate = resend_rate
        self._clock = clock
        self._lock = threading.Lock()
        self._retained: dict[str, bytes] = {"availability": b"online"}
        self._discovery = discovery
        self._on_retained = retained
        if discovery is not None:
            self._retained["discovery"] = discovery.payload
        self._dirty: set[str] = set()
        self.refused = 0  # publishes
        self.refusing = False  # the last answer to an event was a refusal
        self._said_refused: set[str] = set()  # topics whose refusal was logged
        self._pause_s = REFUSED_FIRST_S
        self._paused_until = 0.0  # time.monotonic; outlives a connection, see on_publish
        self._highest_sent = 0  # seq
        self._unsubscribed_until = 0.0  # time.monotonic
        self._unsubscribe_s = UNSUBSCRIBED_S
        self._requests_off = False
        self.limit = PacketLimit()
        self._reset()

    def _reset(self) -> None:
        # What was sent in an earlier connection may have arrived: sent again, it is marked.
        self._sent_before = self._highest_sent
        self._ahead: collections.deque[Row] = collections.deque()
        self._events: dict[int, tuple[Row, int]] = {}  # mid -> in flight, lost ones told
        # mid -> name of a retained message or answer, payload
        self._others: dict[int, tuple[str, bytes]] = {}
        self._tokens = 1.0
        self._filled = time.monotonic()
        self._room = session.INFLIGHT
        self._to_subscribe = True
        self._answered = time.monotonic()  # when the broker answered last, or had nothing to answer
        self._accepted = False  # an event, in this connection
        self._said_goodbye = False

    @property
    def problems(self) -> set[Problem]:
        """What is wrong with what goes over the connection."""
        now = time.monotonic()
        busy = self._events or self._others
        found = {
            Problem.PUBLISH_REFUSED: self.refusing,
            Problem.BROKER_STALLED: busy and now - self._answered > STALLED_S,
            Problem.REQUESTS_OFF: self._requests_off,
            Problem.PACKET_TOO_LARGE: self.limit.exceeded,
        }
        return {problem for problem, is_so in found.items() if is_so}

    def unsubscribe(self) -> float:
        """Hear no requests for a while; return its seconds. For the next connection."""
        self._requests_off = True
        wait = self._unsubscribe_s
        self._unsubscribed_until = time.monotonic() + wait
        self._unsubscribe_s = min(wait * UNSUBSCRIBED_GROWS, UNSUBSCRIBED_MOST_S)
        return wait

    def retain(self, name: str, payload: bytes) -> None:
        """Hand over a retained message; only the newest of each name is sent. Any thread."""
        with self._lock:
            self._retained[name] = payload
            self._dirty.add(name)

    def connected(self, room: int, most: int | None) -> None:
        """A connection is up: everything retained is sent again, then what waits.

        Args:
            room: how many publishes the broker takes before it has acknowledged one.
            most: bytes of a packet that it takes; None: it does not say.
        """
        self._reset()
        self.limit.connected(most)
        self._room = room
        with self._lock:
            self._dirty = set(self._retained)

    def disconnected(self) -> None:
        """The connection is gone: what was in flight waits again."""
        self._outbox.requeue([row.seq for row, _ in self._events.values()])
        self._outbox.requeue([row.seq for row in self._ahead])
        self.limit.disconnected()
        self._reset()

    def next_in(self) -> float:
        """Return seconds until `pump` has something to do by itself."""
        now = time.monotonic()
        if now < self._paused_until:
            return self._paused_until - now
        if self._ahead and len(self._events) < self._event_room():
            return max((1.0 - self._tokens) / self._rate, SHORTEST_S)
        return 60.0

    def pump(self, client: paho.Client, closing: float | None) -> bool:
        """Send what may be sent now; False when a goodbye is complete (`closing`: its deadline)."""
        if self._to_subscribe and time.monotonic() >= self._unsubscribed_until:
            self._to_subscribe = False
            wanted = [(self._who.topic("request/#"), 1)]
            wanted += [(self._discovery.birth_topic, 1)] if self._discovery else []
            client.subscribe(wanted)
        if not self._said_goodbye:
            self._send_retained(client)
            while not self._full() and (answer := self._requests.next_answer()) is not None:
                self._send(client, *answer, retain=False)
            self._send_events(client, backlog=closing is None)
        if closing is None:
            return True
        return self._goodbye(client, closing)

    def _goodbye(self, client: paho.Client, deadline: float) -> bool:
        now = time.monotonic()
        row = self._next()
        live = row is not None and not self._is_late(row) and now >= self._paused_until
        busy = self._events or live or self._dirty
        if not self._said_goodbye and (now > deadline - GOODBYE_S or not busy):
            self._said_goodbye = True
            self._send(client, "availability", b"offline", retain=True)
        quiet = self._said_goodbye and not self._events and not self._others
        if quiet or now > deadline - LAST_MOMENT_S:
            client.disconnect()
            return False
        return True

    def _send_retained(self, client: paho.Client) -> None:
        # One of a name in flight at most: a broker that is slow gets fewer, not a queue of them.
        free = max(self._room - len(self._events) - len(self._others), 0)
        with self._lock:
            under_way = {name for name, _ in self._others.values()}
            names = sorted(self._dirty - under_way, key=ORDER.index)[:free]
            messages = [(name, self._retained[name]) for name in names]
            self._dirty.difference_update(names)
        for name, payload in messages:
            self._send(client, name, payload, retain=True)

    def _send(self, client: paho.Client, name: str, payload: bytes, *, retain: bool) -> None:
        topic = self._topic(name)
        if not self.limit.fits(name, topic, payload, "it is not sent"):
            self.refused += 1
            return
        self._begin_to_wait()
        sent = client.publish(topic, payload, qos=1, retain=retain)
        if sent.rc == paho.MQTT_ERR_SUCCESS:
            self._others[sent.mid] = name, payload
            self.limit.sent(sent.mid, topic, payload)

    def _begin_to_wait(self) -> None:
        if not self._events and not self._others:
            self._answered = time.monotonic()

    def _topic(self, name: str) -> str:
        if name == "discovery" and self._discovery is not None:
            return self._discovery.topic
        return self._who.topic(name)

    def _send_events(self, client: paho.Client, *, backlog: bool) -> None:
        now = time.monotonic()
        self._tokens = min(self._tokens + (now - self._filled) * self._rate, 1.0 + self._rate / 10)
        self._filled = now
        if now < self._paused_until:
            return
        while len(self._events) < self._event_room() and not self._full():
            row = self._next()
            if row is None:
                return
            late = self._is_late(row)
            if late and (self._tokens < 1.0 or not backlog):
                return
            telling = any(told for _, told in self._events.values())
            told = 0 if telling else self._outbox.unreported_drops
            payload = _marked(row.payload, late, told) if late or told else row.payload
            topic = self._who.topic("event")
            if not self.limit.fits("event", topic, payload, "events are kept"):
                self.refused += 1
                self._hold_back()
                return
            self._begin_to_wait()
            sent = client.publish(topic, payload, qos=1)
            if sent.rc != paho.MQTT_ERR_SUCCESS:
                return
            self._tokens -= late
            self._ahead.popleft()
            self._highest_sent = max(self._highest_sent, row.seq)
            self._events[sent.mid] = (row, told)
            self.limit.sent(sent.mid, topic, payload)

    def _next(self) -> Row | None:
        if not self._ahead:
            self._ahead.extend(self._outbox.lease(READ_AHEAD))
        return self._ahead[0] if self._ahead else None

    def _full(self) -> bool:
        return len(self._events) + len(self._others) >= self._room

    def _event_room(self) -> int:
        # One at first: a broker that refuses it and hangs up (Mosquitto 2.0) must be heard, and
        # with more on the way its answer is lost with the connection.
        return max(self._room - RESERVED, 1) if self._accepted and not self.refusing else 1

    def _is_late(self, row: Row) -> bool:
        return (
            row.seq < self._outbox.first_seq
            or row.seq <= self._sent_before
            or self._clock.now() - row.t > LATE_S
        )

    def on_publish(
        self,
        client: paho.Client,
        userdata: object,
        mid: int,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        """Paho: the broker has answered a publish (by a reason code only in MQTT 5)."""
        self._answered = time.monotonic()
        self.limit.answered(mid)
        row, told = self._events.pop(mid, (None, 0))
        other = self._others.pop(mid, None)
        if row is None and other is None:
            return
        name, payload = other or ("event", b"")
        if code.is_failure:
            self._say_refused(name, code)
            if row is not None:
                self._outbox.requeue([row.seq])
                self._hold_back()
                self.refusing = True
            return
        if name in self._said_refused:
            self._said_refused.discard(name)
            log.info("%s: the broker accepts it again", self._topic(name))
        if row is not None:
            self._outbox.ack(row, told)
            self._pause_s = REFUSED_FIRST_S
            self.refusing = False
            self._accepted = True
        elif name in self._retained:
            self._on_retained(name, payload)

    def _hold_back(self) -> None:
        """Try events again after a pause, one alone and before all others: order is kept.

        The pause outlives the connection: Mosquitto 2.0 hangs up after it refused a publish, and
        coming back with the same event at once would never leave the present on the broker.
        """
        self._outbox.requeue([r.seq for r in self._ahead])
        self._ahead.clear()
        now = time.monotonic()
        if now >= self._paused_until:  # several refused at once are one refusal
            self._paused_until = now + self._pause_s
            self._pause_s = min(self._pause_s * 2, REFUSED_MOST_S)

    def _say_refused(self, name: str, code: ReasonCode) -> None:
        self.refused += 1
        first = name not in self._said_refused
        self._said_refused.add(name)
        log.log(
            logging.WARNING if first else logging.DEBUG,
            "%s: the broker refused the publish: %s%s",
            self._who.topic(name),
            code,
            "; events are kept" if name == "event" else "",
        )

    def on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        """Paho: a request has come, or Home Assistant has started."""
        if self._discovery is not None and message.topic == self._discovery.birth_topic:
            if bytes(message.payload) == BIRTH:
                with self._lock:
                    self._dirty.add("discovery")
            return
        prefix = self._who.topic("request/")
        if message.topic.startswith(prefix) and not message.retain:
            verb = message.topic.removeprefix(prefix)
            self._requests.on_message(verb, bytes(message.payload), self._clock.now())

    def on_subscribe(
        self,
        client: paho.Client,
        userdata: object,
        mid: int,
        codes: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        """Paho: the broker has answered the subscriptions, in the order they were made."""
        self._requests_off = False
        names = ["request/#"] + ([self._discovery.birth_topic] if self._discovery else [])
        for name, code in zip(names, codes, strict=False):
            if code.is_failure:
                first = name not in self._said_refused
                self._said_refused.add(name)
                log.log(
                    logging.WARNING if first else logging.DEBUG,
                    "%s: the broker refuses the subscription; what is sent there will not be heard",
                    self._who.topic(name) if name == "request/#" else name,
                )


def _marked(payload: bytes, replayed: bool, lost_before: int) -> bytes:
    """Return the event with what is known only when it is sent."""
    event = decode_event(payload)
    data = msgspec.structs.replace(event.data, replayed=replayed, lost_before=lost_before)
    return encode(msgspec.structs.replace(event, data=data))
