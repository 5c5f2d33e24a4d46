"""Home Assistant's MQTT discovery: one message that describes the device and its entities.

Device-based discovery, https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery (Home
Assistant 2024.11 and later). Everything shown comes from the contract's own topics.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from edge.messages import NOBODY, UNKNOWN, EventType
from edge.publish.identity import Identity

BIRTH = b"online"  # what Home Assistant says on <prefix>/status when it starts

_FACE = "value_json.faces[0]"
_CONFIDENCE = f"{_FACE}.confidence if value_json.faces else none"
_EVENT = (
    "{% set d = value_json.data %}{% if d.replayed %}{}{% else %}"
    "{{ {'event_type': d.event_type, 'emotion': d.emotion, 'previous': d.previous, "
    "'confidence': d.confidence, 'track': d.track, 'faces': d.faces, 'reason': d.reason, "
    "'alert': d.alert, 'grade': d.grade, 'duration_s': d.duration_s, "
    "'time': value_json.time} | to_json }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Discovery:
    """The message, and when to send it again."""

    topic: str  # retained here; an empty payload removes the device
    payload: bytes
    birth_topic: str  # send again when BIRTH comes here


def object_id(base: str, device: str) -> str:
    """Return the device's id in Home Assistant: letters, digits, `_` and `-` only."""
    plain = f"emotion-edge-{base}-{device}"
    fit = re.sub(r"[^a-zA-Z0-9_-]", "_", plain)
    if fit == plain:
        return fit
    # Names that differ only in what was replaced must not be one device.
    return f"{fit}_{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def announced_at(prefix: str, base: str, device: str) -> str:
    """Return the topic of a device's message; `prefix` is Home Assistant's."""
    return f"{prefix}/device/{object_id(base, device)}/config"


def discovery(who: Identity, prefix: str) -> Discovery:
    """Return the message of a device; `prefix` is Home Assistant's, `homeassistant` by default."""
    own = object_id(who.base, who.device)
    components = _components(who)
    message = {
        "device": {
            "identifiers": [own],
            "name": who.device,
            "manufacturer": "emotion-edge",
            "model": " / ".join(filter(None, (who.model.name, who.detector))),
            "sw_version": who.version,
        },
        "origin": {"name": "emotion-edge", "sw_version": who.version},
        "availability_topic": who.topic("availability"),
        "components": {
            key: {**component, "unique_id": f"{own}-{key}"} for key, component in components.items()
        },
    }
    return Discovery(
        announced_at(prefix, who.base, who.device),
        msgspec.json.encode(message),
        f"{prefix}/status",
    )


def _components(who: Identity) -> dict[str, dict[str, Any]]:
    state = {"state_topic": who.topic("state")}
    labels = who.model.labels
    made: dict[str, dict[str, Any]] = {
        "emotion": {
            "platform": "sensor",
            "name": "Emotion",
            "icon": "mdi:emoticon-outline",
            "device_class": "enum",
            "options": [*labels, NOBODY],
            "value_template": (
                f"{{{{ value_json.emotion if value_json.emotion != '{UNKNOWN}' else none }}}}"
            ),
            "json_attributes_topic": who.topic("state"),
            "json_attributes_template": (
                "{{ {'status': value_json.status, 'reason': value_json.reason, "
                f"'confidence': {_CONFIDENCE}" + "} | to_json }}"
            ),
            **state,
        },
        "faces": {
            "platform": "sensor",
            "name": "Faces in view",
            "icon": "mdi:account-multiple",
            "state_class": "measurement",
            "value_template": "{{ value_json.faces | length }}",
            **state,
        },
        "presence": {
            "platform": "binary_sensor",
            "name": "Presence",
            "device_class": "occupancy",
            "value_template": "{{ 'ON' if value_json.faces else 'OFF' }}",
            **state,
        },
        "event": {
            "platform": "event",
            "name": "Event",
            "icon": "mdi:emoticon-happy-outline",
            "event_types": [kind.value for kind in EventType],
            "state_topic": who.topic("event"),
            "value_template": _EVENT,  # what is replayed sets off nothing
            "qos": 1,
        },
        "pause": {
            "platform": "switch",
            "name": "Pause",
            "icon": "mdi:pause",
            "command_topic": who.topic("request/pause"),
            "payload_on": '{"on":true}',
            "payload_off": '{"on":false}',
            "value_template": "{{ 'ON' if value_json.status == 'paused' else 'OFF' }}",
            "state_on": "ON",
            "state_off": "OFF",
            "qos": 1,
            **state,
        },
        "camera_problem": {
            "platform": "binary_sensor",
            "name": "Camera",
            "device_class": "problem",
            "entity_category": "diagnostic",
            "value_template": "{{ 'ON' if value_json.status == 'camera_lost' else 'OFF' }}",
            **state,
        },
    }
    if not labels:  # no emotion is judged here
        del made["emotion"]
    made |= {f"score_{label}": _score(label) | state for label in labels}
    if who.state_model is not None:
        made |= {key: component | state for key, component in _doing().items()}
        made |= {key: component | state for key, component in _conditions().items()}
    audience = who.config.get("audience")
    if isinstance(audience, dict) and audience.get("enabled"):
        made |= {key: component | state for key, component in _audience().items()}
    made |= _diagnostics(who.topic("health"))
    return made


def _score(label: str) -> dict[str, Any]:
    return {
        "platform": "sensor",
        "name": f"Score {label}",
        "icon": "mdi:percent",
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "suggested_display_precision": 0,
        "value_template": (
            f"{{% set s = {_FACE}.scores if value_json.faces else {{}} %}}"
            f"{{{{ (s['{label}'] * 100) | round(1) if '{label}' in s else none }}}}"
        ),
    }


def _doing() -> dict[str, dict[str, Any]]:
    """Return what the largest face is doing; unknown where it cannot be told."""
    sensor = {"platform": "sensor", "state_class": "measurement", "suggested_display_precision": 0}
    degrees = {"unit_of_measurement": "°"}
    percent = {"unit_of_measurement": "%"}
    return {
        **{
            f"head_{angle}": sensor
            | degrees
            | {"name": f"Head {angle}", "icon": "mdi:head-sync-outline"}
            | {"value_template": _of_state(angle, 1, 1)}
            for angle in ("yaw", "pitch", "roll")
        },
        **{
            f"eye_{side}": sensor
            | percent
            | {"name": f"{side.capitalize()} eye open", "icon": "mdi:eye-outline"}
            | {"value_template": _of_state(f"eyes.{side}", 100, 0)}
            for side in ("left", "right")
        },
        "mouth": sensor
        | percent
        | {"name": "Mouth open", "icon": "mdi:emoticon-outline"}
        | {"value_template": _of_state("mouth", 100, 0)},
        "smile": sensor
        | percent
        | {"name": "Smile", "icon": "mdi:emoticon-happy-outline"}
        | {"value_template": _of_state("smile", 100, 0)},
    }


def _conditions() -> dict[str, dict[str, Any]]:
    """Return what the largest face is in now; off when nobody is there."""
    said = {
        "attention": ("looking", "Looking", "mdi:eye-check-outline"),
        "eyes_closed": ("eyes_closed", "Eyes closed", "mdi:eye-closed"),
        "drowsy": ("drowsy", "Drowsy", "mdi:sleep"),
        "yawn": ("yawning", "Yawning", "mdi:emoticon-outline"),
        "distracted": ("distracted", "Distracted", "mdi:car-emergency"),
    }
    return {
        key: {
            "platform": "binary_sensor",
            "name": name,
            "icon": icon,
            "value_template": (
                f"{{% set c = {_FACE}.conditions if value_json.faces else [] %}}"
                f"{{{{ 'ON' if '{kind}' in c else 'OFF' }}}}"
            ),
        }
        for kind, (key, name, icon) in said.items()
    }


def _audience() -> dict[str, dict[str, Any]]:
    """Return the audience of the hour so far."""
    said = {
        "now": ("People", "mdi:account-group"),
        "looking": ("People looking", "mdi:eye-outline"),
        "seen": ("People seen this hour", "mdi:account-multiple-plus"),
        "looked": ("People who looked this hour", "mdi:eye-plus-outline"),
    }
    return {
        f"audience_{key}": {
            "platform": "sensor",
            "name": name,
            "icon": icon,
            "state_class": "measurement",
            "value_template": (
                f"{{{{ value_json.audience.{key} if value_json.audience else none }}}}"
            ),
        }
        for key, (name, icon) in said.items()
    }


def _of_state(field: str, factor: int, digits: int) -> str:
    return (
        f"{{% set s = {_FACE}.state if value_json.faces else none %}}"
        f"{{{{ (s.{field} * {factor}) | round({digits}) "
        f"if s and s.{field} is not none else none }}}}"
    )


def _diagnostics(topic: str) -> dict[str, dict[str, Any]]:
    common = {
        "platform": "sensor",
        "entity_category": "diagnostic",
        "state_class": "measurement",
        "state_topic": topic,
    }
    celsius = {"device_class": "temperature", "unit_of_measurement": "°C"}
    return {
        "fps": common
        | {"name": "Frame rate", "unit_of_measurement": "fps", "icon": "mdi:speedometer"}
        | {"value_template": "{{ value_json.fps }}"},
        "temperature": common
        | {"name": "Temperature", **celsius}
        | {"value_template": "{{ value_json.temperature_c }}"},
        "memory": common
        | {"name": "Memory", "device_class": "data_size", "unit_of_measurement": "MB"}
        | {"value_template": "{{ value_json.memory_mb }}"},
        "outbox": common
        | {"name": "Events waiting", "icon": "mdi:tray-full"}
        | {"value_template": "{{ value_json.outbox_depth }}"},
    }
