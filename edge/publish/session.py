"""What it takes to open a connection: credentials, TLS, a paho client. Shared by run and check."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.config_publish import Mqtt
from edge.errors import ConfigError
from edge.publish.reasons import ProtocolError
from edge.redact import remember
from edge.secrets import refuse_public

CREDENTIAL = "mqtt-password"  # name under $CREDENTIALS_DIRECTORY, systemd.exec(5)
MAX_SECRET_BYTES = 65_535  # what MQTT allows for a password
CONNECT_TIMEOUT_S = 5.0  # TCP and TLS, each
INFLIGHT = 20  # unacknowledged publishes; Mosquitto's own default bound, and paho's
UNSENT_MOST = 1000  # packets that wait for the socket; ours are few, the rest are answers
QOS_BITS, QOS_2 = 0x06, 0x04  # of a PUBLISH's first byte, MQTT 3.3.1
MAX_PACKET_BYTES = 4096  # the broker keeps larger messages to itself (MQTT 5); ours come in small


@dataclass(frozen=True, slots=True)
class Login:
    """User and password, kept out of every repr."""

    username: str
    password: str | None

    def __repr__(self) -> str:
        return f"Login({self.username!r}, password {'set' if self.password else 'none'})"


def read_login(mqtt: Mqtt, env: Mapping[str, str] = os.environ) -> Login | None:
    """Return who to log in as; None: nobody.

    Raises:
        ConfigError: the password file cannot be read, is readable by others, or has no user.
    """
    if not mqtt.username:
        if mqtt.password_file:
            raise ConfigError("mqtt.username: got ''; allowed: a name, where password_file is set")
        return None
    path = Path(mqtt.password_file) if mqtt.password_file else None
    if path is None and "CREDENTIALS_DIRECTORY" in env:
        credential = Path(env["CREDENTIALS_DIRECTORY"]) / CREDENTIAL
        # The unit puts a line end there where its operator gave no password.
        path = credential if credential.exists() and credential.stat().st_size > 1 else None
    if path is None:
        return Login(mqtt.username, None)
    refuse_public(path, "mqtt.password_file")
    try:
        with path.open("rb") as f:
            secret = f.read(MAX_SECRET_BYTES + 2)
        text = secret.decode().rstrip("\r\n")
    except OSError as e:
        raise ConfigError(f"mqtt.password_file: {path}: {e.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"mqtt.password_file: {path}: not UTF-8 text") from None
    if not text:
        raise ConfigError(f"mqtt.password_file: {path}: is empty; allowed: the password, one line")
    if len(text.encode()) > MAX_SECRET_BYTES or "\n" in text:
        raise ConfigError(
            f"mqtt.password_file: {path}: allowed: one line of 1 to {MAX_SECRET_BYTES} bytes"
        )
    remember([text])
    return Login(mqtt.username, text)


def tls_context(mqtt: Mqtt) -> ssl.SSLContext | None:
    """Return a context that verifies the broker; None without TLS.

    Raises:
        ConfigError: a certificate or key cannot be used.
    """
    if not mqtt.tls:
        return None
    if mqtt.key_file:
        refuse_public(Path(mqtt.key_file), "mqtt.key_file")
    try:
        context = ssl.create_default_context(cafile=mqtt.ca_file or None)
    except (OSError, ValueError) as e:
        raise ConfigError(f"mqtt.ca_file: {mqtt.ca_file}: {_tls_why(e)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if mqtt.cert_file:
        try:
            # A password, though empty, keeps OpenSSL from asking for one at a terminal.
            context.load_cert_chain(mqtt.cert_file, mqtt.key_file, password="")
        except (OSError, ValueError) as e:
            raise ConfigError(
                f"mqtt.cert_file, mqtt.key_file: {mqtt.cert_file}, {mqtt.key_file}: {_tls_why(e)}; "
                "allowed: PEM files that belong together, the key without a passphrase"
            ) from None
    return context


def _tls_why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not a PEM certificate"
    return getattr(error, "strerror", None) or str(error)


class Client(paho.Client):
    """A paho client that hangs up on a broker that would fill its memory.

    It does so before it reads a packet that is too large: MQTT 3.1.1 has no way to tell a broker
    so, and paho reads into memory whatever comes. It does so, too, over a message of QoS 2, which
    paho keeps until the broker lets go of it and for which nobody here asks, and over answers that
    the broker does not read.
    """

    max_packet: int | None = None  # bytes after the fixed header
    too_large = 0  # bytes of the packet that it hung up for

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho asks for the rest of a packet at once, as soon as it has read its length.
        if self.max_packet is not None and bufsize > self.max_packet:
            self.too_large = bufsize
            raise ConnectionError(f"a packet of {bufsize} bytes")
        return super()._sock_recv(bufsize)

    def _handle_publish(self) -> MQTTErrorCode:
        if self._in_packet["command"] & QOS_BITS == QOS_2:
            raise ProtocolError("the broker sends with QoS 2, which was not asked for")
        return super()._handle_publish()

    def _packet_queue(self, *args: Any, **kwargs: Any) -> MQTTErrorCode:
        if len(self._out_packet) >= UNSENT_MOST:
            raise ProtocolError("the broker sends and does not read what it is answered")
        return super()._packet_queue(*args, **kwargs)


_AnyClient = TypeVar("_AnyClient", bound=Client)


def new_client(
    mqtt: Mqtt, client_id: str, login: Login | None, max_packet: int | None = None
) -> Client:
    """Return a client for one connection; nothing of an earlier one is in it.

    Args:
        mqtt: version, TLS.
        client_id: as the broker shall know it.
        login: who to log in as.
        max_packet: most bytes of a packet that is read; a larger one ends the connection.

    Raises:
        ConfigError: a certificate or key cannot be used (any more).
    """
    client = make_client(Client, mqtt, client_id, login)
    client.max_packet = max_packet
    return client


def make_client(
    kind: type[_AnyClient], mqtt: Mqtt, client_id: str, login: Login | None
) -> _AnyClient:
    """Return a client of a kind of its own; see `new_client`."""
    five = mqtt.version == "5"
    client = kind(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        clean_session=None if five else True,
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.max_inflight_messages_set(INFLIGHT)
    if login is not None:
        client.username_pw_set(login.username, login.password)
    context = tls_context(mqtt)
    if context is not None:
        client.tls_set_context(context)
    return client


def connect(client: paho.Client, mqtt: Mqtt, max_packet: int = MAX_PACKET_BYTES) -> None:
    """Open the connection and send CONNECT; the answer comes to `on_connect`.

    `max_packet` is the most bytes of a message that the broker may send us (MQTT 5 only).

    Raises:
        OSError, ValueError: it cannot be opened; `reasons.explain` knows why.
    """
    if mqtt.version == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        properties.MaximumPacketSize = max_packet
        client.connect(
            mqtt.host, mqtt.port, mqtt.keepalive_s, clean_start=True, properties=properties
        )
    else:
        client.connect(mqtt.host, mqtt.port, mqtt.keepalive_s)
    # Or an event behind a state waits in our kernel until the broker's has acknowledged the state:
    # one more round trip (RFC 896).
    sock: Any = client.socket()
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def client_id(mqtt: Mqtt, device: str) -> str:
    """Return the client id: as configured, or made of the device's name."""
    return mqtt.client_id or f"emotion-edge-{device}"
