"""Tries the broker once, for `check`: is it there, does it let us in?"""

from __future__ import annotations

import ssl
import time

from edge.config import Config
from edge.errors import UnavailableError
from edge.publish import reasons, session
from edge.publish.reasons import Failure

TIMEOUT_S = 10.0  # for the broker's answer, after the connection


def probe_broker(config: Config) -> str:
    """Connect as the daemon would, but under another client id, and say what was found.

    Raises:
        UnavailableError: why it did not work and what to do.
        ConfigError: a secret or certificate cannot be used.
    """
    mqtt = config.mqtt
    found: list[Failure | None] = []
    client_id = session.client_id(mqtt, config.device.name or "check") + "-check"
    client = session.new_client(mqtt, client_id, session.read_login(mqtt))
    client.on_connect = lambda _c, _u, _f, code, _p: found.append(
        reasons.answered(code) if code.is_failure else None
    )
    try:
        session.connect(client, mqtt)
        sock = client.socket()
        tls = sock.version() if isinstance(sock, ssl.SSLSocket) else None
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
        raise UnavailableError(f"broker {reasons.where(mqtt)}: {failure.text}")
    client.disconnect()
    secure = f"{tls}, certificate verified" if tls else "not encrypted"
    return f"{reasons.where(mqtt)}: connected, MQTT {mqtt.version}, {secure}"
