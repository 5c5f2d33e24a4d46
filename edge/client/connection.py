"""A subscriber's connection to the broker: a thread that comes back by itself."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.backoff import Backoff, Waits
from edge.client.bulk import BulkClient
from edge.client.outgoing import Outgoing, expiring
from edge.config_publish import Mqtt
from edge.errors import UnavailableError
from edge.publish import reasons, session
from edge.publish.reasons import Failure

log = logging.getLogger(__name__)

ANSWER_S = 10.0  # for each of the broker's answers
TICK_S = 0.1  # longest wait on the socket: a request leaves within this
MAX_MESSAGE_BYTES = 64 * 1024  # a state of 32 faces has about 12 kB; a bound against nonsense
CLOSE_S = 2.0
WAITS = Waits(most_s=30.0)  # a refused login or subscription waits longest, as a device's does

AWAITED_S = 0.01  # the same, while somebody owes acknowledgements
BURST = 200  # messages read before anything else is looked after

Filter = tuple[str, int]  # a topic filter and the QoS asked for
# Names a message that has to be acknowledged: the connection it came by, and MQTT's packet id,
# which means something else on the next connection.
Token = tuple[int, int]
Hold = Callable[[str, bytes, Token | None], None]


class Connection:
    """Holds a connection, subscribes, and hands over what comes.

    Args:
        mqtt: the broker.
        client_id: must be ours alone.
        steps: filters to subscribe to; each step when the one before was granted. A broker puts
            all retained messages of a step into our queue at once, and Mosquitto's has room for
            1,000 by default: so one step for each kind of retained message, and QoS 0, which is
            written to the socket at once where there is room.
        take: gets topic, whether it was retained, and payload; in the thread of the connection.
        keep_s: seconds that the broker keeps a session for us, MQTT 5 only.
        waits: between two tries.
        hold: gets what is not retained in place of `take`, and is to `acknowledge` it by its token;
            without a token (QoS 0) it need not. The broker keeps what is not acknowledged.
        unacknowledged: most messages that the broker sends ahead of their acknowledgement.
        leave: filters to unsubscribe from, of an earlier use of the same session.
    """

    def __init__(
        self,
        mqtt: Mqtt,
        client_id: str,
        steps: Sequence[Sequence[Filter]],
        take: Callable[[str, bool, bytes], None],
        keep_s: int = 0,
        waits: Waits = WAITS,
        *,
        hold: Hold | None = None,
        unacknowledged: int = 65_535,
        leave: Sequence[str] = (),
    ) -> None:
        self.mqtt = mqtt
        self._client_id = client_id
        self._steps = steps
        self._take = take
        self._keep_s = keep_s
        self._waits = waits
        self._hold = hold
        self._unacknowledged = unacknowledged
        self._leave = leave
        self._made = 0  # connections
        self._came = 0  # messages
        self._owed = 0  # acknowledgements, on this connection
        self._acks: deque[Token] = deque()
        self._outgoing = Outgoing()
        self._stop = threading.Event()
        self._subscribed = threading.Event()
        self._tried = threading.Event()
        self._first_failed = False
        self._trouble = Failure("not connected yet")
        self._thread = threading.Thread(target=self._run, name="emotion-client", daemon=True)
        self.last_retained = 0.0  # s, monotonic: when the last retained message came

    def start(self) -> None:
        """Begin to connect; does not wait for the broker.

        Raises:
            ConfigError: a password file or certificate cannot be used.
        """
        self._login = session.read_login(self.mqtt)
        session.tls_context(self.mqtt)
        self._thread.start()

    def close(self) -> None:
        """Hang up."""
        self._stop.set()
        self._thread.join(CLOSE_S)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._stop.is_set()

    @property
    def connected(self) -> bool:
        """Whether the broker has taken all subscriptions, and the connection stands."""
        return self._subscribed.is_set()

    @property
    def tried(self) -> bool:
        """Whether a first try has ended, well or not."""
        return self._tried.is_set()

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty when there is."""
        return "" if self.connected else self._trouble.text

    def wait(self, timeout_s: float, *, first_try: bool = False) -> None:
        """Wait until the broker has taken the subscriptions.

        Args:
            timeout_s: longest wait.
            first_try: do not wait for another try when the first has failed. If it has not, all
                is well, though the connection may be lost by now: it comes back.

        Raises:
            UnavailableError: it has not in time; says why.
        """
        if first_try and self._tried.wait(timeout_s) and not self._first_failed:
            return
        if not self._subscribed.wait(0 if first_try else timeout_s):
            raise self.unavailable()

    def unavailable(self) -> UnavailableError:
        """Return the error that says why there is no connection."""
        return UnavailableError(f"broker {reasons.where(self.mqtt)}: {self._trouble.text}")

    def publish(self, topic: str, payload: bytes, within_s: float) -> int:
        """Send a message with QoS 1 as soon as there is a connection; from any thread.

        Args:
            topic: where to.
            payload: what.
            within_s: not sent later; with MQTT 5 the broker, too, keeps it no longer.

        Returns:
            A number to `withdraw` it by.
        """
        return self._outgoing.put(topic, payload, within_s)

    def withdraw(self, number: int) -> None:
        """Do not send what `publish` was given, if it has not been yet; from any thread."""
        self._outgoing.withdraw(number)

    def acknowledge(self, tokens: Iterable[Token]) -> None:
        """Tell the broker that these messages are safe; in the order they came; from any thread."""
        self._acks.extend(tokens)

    # Everything below belongs to the thread.

    def _run(self) -> None:
        backoff = Backoff(self._waits, random.Random())
        away = 0.0  # s, monotonic: since when there is no connection; 0: there was none yet
        said = ""
        quick = 0  # connections that broke soon
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._trouble = self._serve(away)
            except Exception as e:  # whatever paho or the system came up with: come back
                self._trouble = reasons.explain(e)
            if self._subscribed.is_set():
                self._subscribed.clear()
                said, away = "", time.monotonic()
                quick += 1
                if away - began > self._waits.steady_s:
                    backoff.reset()
                    quick = 0
                if quick >= reasons.QUICK_DROPS and self._client_id and not self._trouble.refused:
                    self._trouble = reasons.same_client_id(self._trouble, self._client_id)
            if not self._tried.is_set():
                self._first_failed = True
            self._tried.set()
            if self._stop.is_set():
                return
            away = away or began
            level = logging.DEBUG if said == self._trouble.text else logging.WARNING
            said = self._trouble.text
            log.log(level, "broker %s: %s", reasons.where(self.mqtt), said)
            self._stop.wait(backoff.next(refused=self._trouble.refused))

    def _serve(self, away: float) -> Failure:
        """Serve one connection; return why it ended."""
        answers: list[Failure | None] = []
        granted: dict[int, list[ReasonCode]] = {}
        said: list[Failure] = []  # by the broker, in a DISCONNECT
        client = session.make_client(BulkClient, self.mqtt, self._client_id, self._login)
        client.max_packet = MAX_MESSAGE_BYTES
        client.manual_ack_set(self._hold is not None)
        self._made, self._owed = self._made + 1, 0
        client.on_connect = lambda _c, _u, _f, code, _p: answers.append(
            reasons.answered(code) if code.is_failure else None
        )
        client.on_subscribe = lambda _c, _u, mid, codes, _p: granted.update({mid: codes})
        client.on_disconnect = lambda _c, _u, flags, code, _p: (
            said.append(reasons.answered(code)) if flags.is_disconnect_packet_from_server else None
        )
        client.take = self._message
        client.on_message = lambda _c, _u, m: self._message(
            m.topic, bytes(m.payload), m.qos, m.retain, m.mid
        )
        self._connect(client)
        try:
            self._loop_until(client, lambda: bool(answers))
            if not answers or answers[0] is not None:
                return (answers or [None])[0] or reasons.hung_up(self.mqtt)
            for topic in self._leave:
                client.unsubscribe(topic)
            for filters in self._steps:
                _, mid = client.subscribe(list(filters))
                assert mid is not None  # connected, or _loop_until says why not
                if not self._loop_until(client, lambda mid=mid: mid in granted):  # type: ignore[misc]  # mypy takes no default in a lambda
                    return (said or [Failure("the broker does not answer a subscription")])[0]
                for (topic, _), code in zip(filters, granted[mid], strict=True):
                    if code.is_failure:
                        return refused(topic, code)
            if away:
                log.info(
                    "broker %s: back after %.0f s",
                    reasons.where(self.mqtt),
                    time.monotonic() - away,
                )
            self._subscribed.set()
            self._tried.set()
            while not self._stop.is_set() and self._loop(client):
                for topic, payload, left_s in self._outgoing.take():
                    properties = expiring(left_s) if self.mqtt.version == "5" else None
                    client.publish(topic, payload, qos=1, properties=properties)
            if self._stop.is_set():
                self._send_acks(client)
                client.disconnect()
                client.loop(TICK_S)
            return (said or [Failure("the connection was lost")])[0]
        finally:
            sock = client.socket()
            if sock is not None:
                sock.close()

    def _loop_until(self, client: BulkClient, true: Callable[[], bool]) -> bool:
        """Serve until `true()`; give up when the broker says nothing for `ANSWER_S`."""
        began = time.monotonic()
        while not true():
            silent = time.monotonic() - max(began, self.last_retained)
            if self._stop.is_set() or silent > ANSWER_S or not self._loop(client):
                return true()
        return True

    def _loop(self, client: BulkClient) -> bool:
        """Serve once; return whether the connection stands."""
        longest_s = AWAITED_S if self._owed else TICK_S
        if client.loop(0.0 if client.unread else longest_s) != 0:
            return False
        # paho reads once each time it has waited for the socket.
        most = self._came + BURST
        while self._came < most:
            came = self._came
            if client.loop_read() != 0 or self._came == came:
                break
        self._send_acks(client)
        return True

    def _send_acks(self, client: BulkClient) -> None:
        mids = []
        while self._acks:
            made, mid = self._acks.popleft()
            if made == self._made:  # else the broker sends it again on this connection
                mids.append(mid)
        if mids:
            client.acknowledge(mids)
            self._owed -= len(mids)

    def _connect(self, client: BulkClient) -> None:
        m = self.mqtt
        if m.version != "5":
            client.connect(m.host, m.port, m.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        properties.MaximumPacketSize = MAX_MESSAGE_BYTES
        properties.SessionExpiryInterval = self._keep_s
        if self._hold is not None:
            properties.ReceiveMaximum = self._unacknowledged
        client.connect(
            m.host, m.port, m.keepalive_s, clean_start=not self._keep_s, properties=properties
        )

    def _message(self, topic: str, payload: bytes, qos: int, retain: bool, mid: int) -> None:
        self._came += 1
        if retain:
            self.last_retained = time.monotonic()
        try:
            if self._hold is not None:
                token = (self._made, mid) if qos else None
                self._owed += qos > 0
                if not retain:
                    self._hold(topic, payload, token)
                    return
                self._acks += [token] if token else []
            self._take(topic, retain, payload)
        except Exception:  # one message must not cost the connection, and with it all others
            log.exception("%.100r: a message could not be taken", topic)


def refused(topic: str, code: ReasonCode) -> Failure:
    """Return the failure that a SUBACK tells of."""
    why = "not allowed for this login" if code.value == 0x87 else str(code).lower()
    return Failure(f"the broker refused the subscription to {topic}: {why}", refused=True)
