"""Speaks to the broker once: is it there, does it let us in, does it take a message?"""

from __future__ import annotations

import ssl
import time

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import Config
from edge.contract import Response, encode
from edge.errors import UnavailableError
from edge.publish import reasons, session
from edge.publish.reasons import Failure

TIMEOUT_S = 10.0  # for each of the broker's answers


def probe_broker(config: Config, device: str = "check") -> str:
    """Connect as the daemon would, publish one message, and say what was found.

    The client id is another one, so that a daemon that runs keeps its connection. The message is an
    answer that nobody asked for: `<base>/<device>/response/check`, not retained.

    Raises:
        UnavailableError: why it did not work and what to do.
        ConfigError: a secret or certificate cannot be used.
    """
    mqtt = config.mqtt
    client = _connected(config)
    sock = client.socket()
    tls = sock.version() if isinstance(sock, ssl.SSLSocket) else None
    topic = f"{mqtt.base}/{device}/response/check"
    answer = Response(status="ok", transaction="check")
    _publish(client, config, topic, encode(answer), retain=False)
    secure = f"{tls}, certificate verified" if tls else "not encrypted"
    may = (
        f"may publish as {device}"
        if mqtt.version == "5"
        else f"whether it may publish as {device}, MQTT 3.1.1 does not say"
    )
    return f"{reasons.where(mqtt)}: connected, MQTT {mqtt.version}, {secure}, {may}"


def retain_once(config: Config, topic: str, payload: bytes) -> None:
    """Publish one retained message, with its acknowledgement; an empty one removes it.

    Raises:
        UnavailableError: why it did not work and what to do.
        ConfigError: a secret or certificate cannot be used.
    """
    _publish(_connected(config), config, topic, payload, retain=True)


def _publish(
    client: paho.Client, config: Config, topic: str, payload: bytes, *, retain: bool
) -> None:
    answers: list[ReasonCode] = []
    client.on_publish = lambda _c, _u, _m, code, _p: answers.append(code)
    client.publish(topic, payload, qos=1, retain=retain)
    by = time.monotonic() + TIMEOUT_S
    while not answers and time.monotonic() < by and client.loop(0.2) == 0:
        pass
    client.disconnect()
    if not answers or answers[0].is_failure:
        why = "no acknowledgement"
        if answers:
            why = f"the broker refused it: {answers[0]}; does its ACL know this name?"
        raise UnavailableError(f"broker {reasons.where(config.mqtt)}: {topic}: {why}")


def _connected(config: Config) -> paho.Client:
    mqtt = config.mqtt
    found: list[Failure | None] = []
    client_id = session.client_id(mqtt, config.device.name or "check") + "-check"
    login = session.read_login(mqtt)
    client = session.new_client(mqtt, client_id, login)
    client.on_connect = lambda _c, _u, _f, code, _p: found.append(
        reasons.answered(code) if code.is_failure else None
    )
    try:
        session.connect(client, mqtt)
        by = time.monotonic() + TIMEOUT_S
        while not found and time.monotonic() < by and client.loop(0.2) == 0:
            pass
        if not found:
            hung = time.monotonic() < by
            found.append(reasons.hung_up(mqtt) if hung else Failure("it does not answer"))
    except (OSError, ValueError) as e:
        found.append(reasons.explain(e))
    failure = found[0]
    if failure is not None:
        why = failure.text
        if failure.refused and login is not None and login.password is None:
            why += "; no password was sent: there is none, or its file is empty"
        raise UnavailableError(f"broker {reasons.where(mqtt)}: {why}")
    return client
