"""Rules of the configuration that types cannot say: between keys, and of a host's name."""

from __future__ import annotations

import msgspec

from edge.config import Config
from edge.config_emotion import Alert
from edge.config_face import State
from edge.redact import HIDDEN


def asked_states(config: Config) -> State | None:
    """Return how often and of which faces the state is asked; None: of none.

    Where `[state]` is off it is asked to know which faces can be scored, and told to nobody.
    """
    of = config.classify
    if config.state.enabled:
        return config.state
    if not of.enabled or not of.check_rate:
        return None
    return msgspec.structs.replace(config.state, rate=of.check_rate, max_faces=of.max_faces)


def broken(c: Config) -> list[str]:
    """Return which rules a configuration breaks: key, value and what is allowed."""
    wrong = []
    if c.smooth.leave > c.smooth.enter:
        wrong.append(
            f"smooth.leave: got {c.smooth.leave}; allowed: 0 to smooth.enter ({c.smooth.enter})"
        )
    if c.camera.backoff_min_s > c.camera.backoff_max_s:
        wrong.append(
            f"camera.backoff_min_s: got {c.camera.backoff_min_s}; "
            f"allowed: up to camera.backoff_max_s ({c.camera.backoff_max_s})"
        )
    if 0 < c.camera.stride < c.camera.width:
        wrong.append(
            f"camera.stride: got {c.camera.stride}; "
            f"allowed: 0, or camera.width ({c.camera.width}) and more"
        )
    wrong += _of_alerts(c)
    if bool(c.mqtt.cert_file) != bool(c.mqtt.key_file):
        wrong.append("mqtt.cert_file: allowed: together with mqtt.key_file, or neither")
    if (c.mqtt.ca_file or c.mqtt.cert_file) and not c.mqtt.tls:
        wrong.append("mqtt.tls: got False; allowed: true, where ca_file or cert_file is given")
    if hint := no_host(c.mqtt.host):
        shown = without_login(c.mqtt.host)
        wrong.append(f"mqtt.host: got {shown!r}; allowed: a name or an address alone; {hint}")
    if not c.classify.enabled and c.attribute:
        wrong.append("attribute: allowed: none, where classify.enabled is false")
    if c.audience.enabled and not c.state.enabled:
        wrong.append("audience.enabled: got True; allowed: false, where state.enabled is false")
    names = [a.name for a in c.attribute]
    if len(set(names)) != len(names):
        wrong.append(f"attribute.name: got {', '.join(names)}; allowed: each name once")
    return wrong


def _of_alerts(c: Config) -> list[str]:
    wrong = []
    alerts = c.alerts()
    for i, alert in enumerate(alerts):
        name = "alert" if isinstance(c.alert, Alert) else f"alert[{i}]"
        if alert.moderate > alert.more:
            wrong.append(
                f"{name}.moderate: got {alert.moderate}; allowed: 0 to {name}.more ({alert.more})"
            )
        if len(alerts) > 1 and (not alert.name or alert.name in {a.name for a in alerts[:i]}):
            wrong.append(f"{name}.name: got {alert.name!r}; allowed: a name of its own")
    return wrong


def without_login(host: str) -> str:
    """Return what was given as a host without user and password, if they stand before it."""
    _, at, place = host.rpartition("@")
    return f"{HIDDEN}@{place}" if at else host


def no_host(
    text: str,
    *,
    port: str = "mqtt.port",
    tls: str = "mqtt.tls",
    login: str = "mqtt.username and mqtt.password_file",
) -> str:
    """Return what to do about a host that is none; empty: it may be one.

    Args:
        text: what was given.
        port: where a port is given.
        tls: where encryption is switched on.
        login: where user and password are given.
    """
    if "@" in text:
        return f"user and password are given as {login}"
    if "://" in text:
        return f"the port is {port}, encryption is {tls}"
    if text.startswith("["):
        return f"an IPv6 address stands without brackets, the port is {port}"
    if text.count(":") == 1:
        return f"the port is {port}"
    if "/" in text or any(c.isspace() for c in text):
        return "without path and blanks"
    return ""
