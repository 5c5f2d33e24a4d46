"""The AsyncAPI 3 document of the contract: the messages' types and one table of channels.

Follows AsyncAPI 3.0.0 and its MQTT bindings 0.2.0
(https://github.com/asyncapi/bindings/tree/master/mqtt).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.contract import CONTRACT_VERSION
from edge.publish.requests import VERBS
from edge.schema import jsonschema

MQTT_BINDING = "0.2.0"
_SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic under `<base>/<device>/`."""

    name: str  # may hold the parameter {verb}
    message: str  # one of `schema.MESSAGES`, or `availability`
    sent: bool  # by the device; else received
    retain: bool
    summary: str
    qos: int = 1
    expiry_s: int | None = None  # message expiry interval; None: messages do not expire
    reply: str | None = None  # the channel that answers


CHANNELS = (
    Channel("availability", "availability", True, True, "Whether the device is there."),
    Channel("event", "event", True, False, "What has just changed. Never retained."),
    Channel("state", "state", True, True, "The present: every face in view."),
    Channel("audience", "audience", True, True, "Who was there in the last full hour, in numbers."),
    Channel("health", "health", True, True, "How the device is."),
    Channel("info", "info", True, True, "What runs on the device."),
    Channel("response/{verb}", "response", True, False, "The answer to a request."),
    Channel(
        "request/{verb}",
        "request",
        False,
        False,
        "Ask the device for something. Retained requests are ignored.",
        reply="response/{verb}",
    ),
)

_DESCRIPTION = """\
emotion-edge turns a camera into events: what emotion the faces before it show.

The version of this document is that of the contract. A minor version adds fields, and a subscriber
ignores those it does not know; a major version may break a subscriber, and its number is in the
retained `info` of every device. Events come at least once: drop an `id` seen before. `seq` grows by
one an event, so a gap is a loss. An alert is a rule over scores and no diagnosis.
"""


def document() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "emotion-edge",
            "version": f"{CONTRACT_VERSION}.0",  # AsyncAPI asks for a semantic version
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
            "tags": [{"name": "emotion recognition"}, {"name": "mqtt"}],
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": {_key(c): _channel(c) for c in CHANNELS},
        "operations": {_operation_key(c): _operation(c) for c in CHANNELS},
        "components": {
            "parameters": _parameters(),
            "messages": {c.message: _message(c) for c in CHANNELS},
            "schemas": {
                **jsonschema.components(_SCHEMAS + "{name}"),
                "Availability": {
                    "title": "Availability",
                    "description": "Plain text. The broker says `offline` (the last will) when "
                    "the device is gone without a word.",
                    "type": "string",
                    "enum": ["online", "offline"],
                },
            },
        },
    }


def _key(c: Channel) -> str:
    return c.name.partition("/")[0]


def _operation_key(c: Channel) -> str:
    return ("send" if c.sent else "receive") + _key(c).capitalize()


def _server() -> dict[str, Any]:
    return {
        "host": "{broker}",
        "protocol": "mqtt",
        "protocolVersion": "5",
        "description": "Your MQTT broker; MQTT 3.1.1 does as well, and TLS on port 8883.",
        "variables": {"broker": {"default": "localhost:1883"}},
        "bindings": {
            "mqtt": {
                "cleanSession": True,
                "lastWill": {
                    "topic": "<base>/<device>/availability",
                    "qos": 1,
                    "message": "offline",
                    "retain": True,
                },
                "keepAlive": 30,
                "sessionExpiryInterval": 0,
                "bindingVersion": MQTT_BINDING,
            }
        },
    }


def _parameters() -> dict[str, Any]:
    return {
        "base": {"description": "mqtt.base of the configuration", "default": "emotion"},
        "device": {"description": "device.name of the configuration, else the host's name"},
        "verb": {"description": "what is asked", "enum": list(VERBS)},
    }


def _channel(c: Channel) -> dict[str, Any]:
    names = ["base", "device"] + (["verb"] if "{verb}" in c.name else [])
    return {
        "address": "{base}/{device}/" + c.name,
        "summary": c.summary,
        "messages": {c.message: {"$ref": f"#/components/messages/{c.message}"}},
        "parameters": {n: {"$ref": f"#/components/parameters/{n}"} for n in names},
        "servers": [{"$ref": "#/servers/broker"}],
    }


def _operation(c: Channel) -> dict[str, Any]:
    expiry = {} if c.expiry_s is None else {"messageExpiryInterval": c.expiry_s}
    made: dict[str, Any] = {
        "action": "send" if c.sent else "receive",
        "channel": {"$ref": f"#/channels/{_key(c)}"},
        "summary": c.summary,
        "messages": [{"$ref": f"#/channels/{_key(c)}/messages/{c.message}"}],
        "bindings": {
            "mqtt": {"qos": c.qos, "retain": c.retain, **expiry, "bindingVersion": MQTT_BINDING}
        },
    }
    if c.reply is not None:
        made["reply"] = {"channel": {"$ref": f"#/channels/{c.reply.partition('/')[0]}"}}
    return made


def _message(c: Channel) -> dict[str, Any]:
    plain = c.message == "availability"
    return {
        "name": c.message,
        "title": c.message.capitalize(),
        "contentType": "text/plain" if plain else "application/json",
        "payload": {"$ref": _SCHEMAS + _type(c.message)},
    }


def _type(message: str) -> str:
    kind = jsonschema.MESSAGES.get(message)
    return kind.__name__ if kind is not None else message.capitalize()
