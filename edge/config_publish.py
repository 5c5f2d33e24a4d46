"""Sections of the configuration about what is published: broker, outbox, discovery, metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Mqtt(Struct, frozen=True, forbid_unknown_fields=True):
    """The broker."""

    host: Annotated[str, Meta(max_length=255, description="empty: no broker, events on stdout")] = (
        ""
    )
    port: Annotated[int, Meta(ge=1, le=65535, description="1883, or 8883 with TLS")] = 1883
    version: Annotated[Literal["5", "3.1.1"], Meta(description="of the protocol")] = "5"
    base: Annotated[
        str,
        Meta(
            pattern=r"^[^/+#\s\x00][^+#\s\x00]{0,127}$",
            description="first part of every topic",
            extra={"allowed": "1 to 128 characters, without '+', '#', blanks and a leading '/'"},
        ),
    ] = "emotion"
    client_id: Annotated[
        str, Meta(max_length=64, description="empty: emotion-edge-<device name>")
    ] = ""
    username: Annotated[str, Meta(max_length=256, description="empty: none")] = ""
    password_file: Annotated[
        str, Meta(description="file that holds the password; empty: the credential mqtt-password")
    ] = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600, description="between pings")] = 30
    tls: Annotated[bool, Meta(description="encrypt, and verify the broker")] = False
    ca_file: Annotated[str, Meta(description="certificates to trust; empty: the system's")] = ""
    cert_file: Annotated[str, Meta(description="this device's certificate")] = ""
    key_file: Annotated[str, Meta(description="its private key")] = ""


class Outbox(Struct, frozen=True, forbid_unknown_fields=True):
    """Events that the broker has not acknowledged yet."""

    path: Annotated[
        str,
        Meta(
            description="SQLite file; 'memory': not kept over a restart; empty: outbox.db in the "
            "service's state directory, memory where there is none"
        ),
    ] = ""
    max_events: Annotated[int, Meta(ge=1, le=10_000_000, description="then the oldest go")] = (
        200_000
    )
    max_mb: Annotated[
        float, Meta(gt=0, le=10_000, description="of payload, then the oldest go")
    ] = 200.0
    max_age_s: Annotated[
        float, Meta(gt=0, le=3650 * 86400, description="older events go unsent")
    ] = 7 * 86400.0
    resend_rate: Annotated[float, Meta(gt=0, le=100_000, description="backlog events a second")] = (
        200.0
    )


class Output(Struct, frozen=True, forbid_unknown_fields=True):
    """What is published beside events."""

    stdout: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="events as JSON Lines on standard output; auto: when there is no broker"),
    ] = "auto"
    state_s: Annotated[
        float, Meta(gt=0, le=3600, description="shortest time between two states without an event")
    ] = 1.0
    health_s: Annotated[float, Meta(gt=0, le=3600, description="between two health messages")] = (
        30.0
    )


class Homeassistant(Struct, frozen=True, forbid_unknown_fields=True):
    """Home Assistant's MQTT discovery."""

    enabled: Annotated[bool, Meta(description="announce this device to Home Assistant")] = False
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[^/+#\s\x00][^+#\s\x00]{0,127}$",
            description="first part of discovery topics, as set in Home Assistant",
            extra={"allowed": "1 to 128 characters, without '+', '#', blanks and a leading '/'"},
        ),
    ] = "homeassistant"


class Metrics(Struct, frozen=True, forbid_unknown_fields=True):
    """Prometheus; needs the extra `[metrics]`."""

    enabled: Annotated[bool, Meta(description="serve /metrics over HTTP")] = False
    address: Annotated[
        str, Meta(min_length=1, description="to listen on; 0.0.0.0: reachable from outside")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="to listen on")] = 9797
