"""Why a broker is not there, in words that say what to do."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from paho.mqtt.reasoncodes import ReasonCode

from edge.config_publish import Mqtt

QUICK_DROPS = 3  # connections that broke soon, one after the other
# MQTT 5, 2.4 Reason Code; paho translates the return codes of 3.1.1 into these.
TAKEN_OVER = 0x8E
TOO_LARGE = 0x95
LOGIN = (0x86, 0x87)
_SAYS = {
    0x86: "the broker refused the login: wrong user or password",
    0x87: "the broker refused the login: wrong user or password, or not allowed in",
    0x80: "the broker refused the connection without a reason",
    0x84: "the broker does not speak this version of MQTT; set mqtt.version",
    0x85: "the broker refused the client id",
    0x88: "the broker says that it is unavailable",
    0x8A: "the broker has banned this client",
    0x8B: "the broker is shutting down",
    0x8D: "the broker heard nothing for too long",
    TAKEN_OVER: "another client uses the same client id",
    TOO_LARGE: "the broker takes no packet so large",
    0x97: "the broker's quota is used up",
}
# OpenSSL, x509_vfy.h
_CERTIFICATE = {
    9: "is not valid yet: is this device's clock right?",
    10: "has expired",
    18: "is self-signed; name it in mqtt.ca_file",
    19: "comes from an unknown authority; name it in mqtt.ca_file",
    20: "comes from an unknown authority; name it in mqtt.ca_file",
    21: "comes from an unknown authority; name it in mqtt.ca_file",
    62: "is for another name",
    64: "is for another address",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no connection."""

    text: str  # for the log, `check` and people
    refused: bool = False  # the broker is there and says no: asking again soon is no use
    client_id_conflict: bool = False  # another client has our id
    too_large: bool = False  # a packet was larger than the broker takes
    login: bool = False  # user or password is wrong, or may not come in


class ProtocolError(Exception):
    """The broker does what MQTT does not allow; says what."""


def explain(error: Exception) -> Failure:
    """Return the reason of an error that `session.connect` or the socket raised."""
    if isinstance(error, ProtocolError):
        return Failure(str(error), refused=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        what = _CERTIFICATE.get(error.verify_code, f"is refused: {error.verify_message}")
        early = error.verify_code == 9  # no clock yet; soon there may be one
        return Failure(f"TLS: the broker's certificate {what}", refused=not early)
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        if "alert" in reason:  # it was the broker that broke off
            return Failure(f"TLS: the broker refused us: {reason}", refused=True)
        return Failure(f"TLS: {reason}; is this the broker's TLS port?", refused=True)
    if isinstance(error, socket.gaierror):
        return Failure(f"the name cannot be resolved: {error.strerror}")
    if isinstance(error, ConnectionRefusedError):
        return Failure("connection refused: no broker listens there")
    if isinstance(error, TimeoutError):
        return Failure("no answer: host or port is wrong, or a firewall is between")
    if isinstance(error, ConnectionError):
        return Failure("the broker closed the connection")
    if isinstance(error, OSError):
        return Failure(error.strerror or str(error) or type(error).__name__)
    return Failure(f"{type(error).__name__}: {error}")


def answered(code: ReasonCode) -> Failure:
    """Return the reason in a CONNACK or DISCONNECT."""
    text = _SAYS.get(code.value, f"the broker says: {code}")
    return Failure(
        text,
        refused=0x80 <= code.value not in (0x88, TOO_LARGE),
        client_id_conflict=code.value == TAKEN_OVER,
        too_large=code.value == TOO_LARGE,
        login=code.value in LOGIN,
    )


def hung_up(mqtt: Mqtt) -> Failure:
    """Return the reason of a connection that was closed before CONNACK."""
    # In TLS 1.3 a missing client certificate shows only after the client's handshake.
    hint = "does it ask for a client certificate?" if mqtt.tls else "is this its TLS port?"
    return Failure(f"the broker closed the connection before it answered; {hint}", refused=True)


def same_client_id(failure: Failure, client_id: str) -> Failure:
    """Return what to suspect when connections break soon, `QUICK_DROPS` times one after the other.

    MQTT 3.1.1 has no reason code for a takeover, and Mosquitto 2.0 hangs up before its own is sent
    in MQTT 5; the pattern gives it away.
    """
    return Failure(
        f"{failure.text} again and again just after connecting; "
        f"does another client use the same client id, {client_id}?",
        client_id_conflict=True,
    )


def too_large(size: int) -> Failure:
    """Return what to suspect when connections end on a packet larger than all before.

    MQTT 3.1.1 has no reason code for it: the broker hangs up, `QUICK_DROPS` times.
    """
    return Failure(
        f"the broker hangs up on a packet of {size} bytes: is its largest (max_packet_size of "
        "Mosquitto) smaller? Packets of that size are not sent for a while",
        too_large=True,
    )


def where(mqtt: Mqtt) -> str:
    """Return the broker's address for messages."""
    return f"{mqtt.host}:{mqtt.port}"
