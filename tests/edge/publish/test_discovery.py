"""Home Assistant: the discovery message, and when it is sent."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from typing import Any

import jinja2
import jsonschema
import pytest

from edge import cli
from edge.build import build
from edge.clock import SystemClock
from edge.configfile import load
from edge.contract import ModelInfo
from edge.publish import Identity
from edge.publish.discovery import discovery, object_id
from edge.publish.pause import Pause
from edge.publish.requests import Requests
from edge.stages import Control, Publisher
from edge.tools.analyze.summary import Spans
from tests.broker import Broker, subscribed
from tests.conftest import DEMO_CLIP
from tests.edge.publish.rig import LABELS, WHO, publishing
from tests.waiting import wait_until

TOPIC = "homeassistant/device/emotion-edge-emotion-kiosk/config"

# What https://www.home-assistant.io/integrations/mqtt/ documents of the keys that are used: of
# device discovery and of each platform. No other key is allowed, so that a misspelt one is found.
_TEXT = {"type": "string", "minLength": 1}
_ENTITY: dict[str, Any] = {
    "platform": _TEXT,
    "unique_id": _TEXT,
    "name": _TEXT,
    "icon": {"type": "string", "pattern": "^mdi:[a-z-]+$"},
    "entity_category": {"enum": ["config", "diagnostic"]},
    "state_topic": _TEXT,
    "value_template": _TEXT,
    "json_attributes_topic": _TEXT,
    "json_attributes_template": _TEXT,
    "qos": {"enum": [0, 1, 2]},
}


def _platform(name: str, required: list[str], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**_ENTITY, "platform": {"const": name}, **more},
        "required": ["platform", "unique_id", *required],
        "additionalProperties": False,
    }


DOCUMENTED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "device": {
            "type": "object",
            "properties": {
                "identifiers": {"type": "array", "items": _TEXT, "minItems": 1},
                **dict.fromkeys(("name", "manufacturer", "model", "sw_version"), _TEXT),
            },
            "required": ["identifiers"],
            "additionalProperties": False,
        },
        "origin": {
            "type": "object",
            "properties": {"name": _TEXT, "sw_version": _TEXT, "support_url": _TEXT},
            "required": ["name"],
            "additionalProperties": False,
        },
        "availability_topic": _TEXT,
        "components": {
            "type": "object",
            "additionalProperties": {
                "oneOf": [
                    _platform(
                        "sensor",
                        ["state_topic"],
                        device_class={"enum": ["enum", "temperature", "data_size"]},
                        options={"type": "array", "items": _TEXT, "uniqueItems": True},
                        unit_of_measurement=_TEXT,
                        state_class={"enum": ["measurement", "total", "total_increasing"]},
                        suggested_display_precision={"type": "integer"},
                    ),
                    _platform(
                        "binary_sensor",
                        ["state_topic"],
                        device_class={"enum": ["occupancy", "problem"]},
                    ),
                    _platform(
                        "event",
                        ["state_topic", "event_types"],
                        event_types={"type": "array", "items": _TEXT, "minItems": 1},
                    ),
                    _platform(
                        "switch",
                        ["command_topic"],
                        command_topic=_TEXT,
                        **dict.fromkeys(
                            ("payload_on", "payload_off", "state_on", "state_off"), _TEXT
                        ),
                    ),
                ]
            },
        },
    },
    "required": ["device", "origin", "components"],
    "additionalProperties": False,
}


def message() -> Any:
    return json.loads(discovery(WHO, "homeassistant").payload)


def test_message_keeps_to_what_home_assistant_documents() -> None:
    jsonschema.Draft202012Validator(DOCUMENTED).validate(message())


def test_everything_that_was_promised_is_there() -> None:
    components = message()["components"]
    scores = {f"score_{label}" for label in LABELS}
    assert set(components) == scores | {
        "emotion",
        "faces",
        "presence",
        "event",
        "pause",
        "camera_problem",
        "fps",
        "temperature",
        "memory",
        "outbox",
    }
    assert len({c["unique_id"] for c in components.values()}) == len(components)


CONDITIONS = {"looking", "eyes_closed", "drowsy", "yawning", "distracted"}


def test_what_a_face_is_in_is_on_while_it_is() -> None:
    told = dataclasses.replace(WHO, state_model=WHO.model)
    found = json.loads(discovery(told, "homeassistant").payload)["components"]
    faces = [{"conditions": ["attention", "drowsy"]}, {"conditions": ["yawn"]}]
    on = {key for key in CONDITIONS if shown(found[key]["value_template"], faces) == "ON"}
    assert on == {"looking", "drowsy"}
    assert {shown(found[key]["value_template"], []) for key in CONDITIONS} == {"OFF"}


def test_an_audience_is_there_where_it_is_counted() -> None:
    counting = dataclasses.replace(WHO, config={"audience": {"enabled": True}})
    found = json.loads(discovery(counting, "homeassistant").payload)
    jsonschema.Draft202012Validator(DOCUMENTED).validate(found)
    more = set(found["components"]) - set(message()["components"])
    assert more == {f"audience_{key}" for key in ("now", "looking", "seen", "looked")}
    template = jinja2.Template(found["components"]["audience_seen"]["value_template"])
    assert template.render(value_json={"audience": {"seen": 7}}) == "7"
    assert template.render(value_json={"audience": None}) == "None"


def test_without_an_emotion_model_there_is_no_emotion() -> None:
    driver = dataclasses.replace(WHO, model=ModelInfo(name="", sha256="", labels=[], runtime=""))
    found = json.loads(discovery(driver, "homeassistant").payload)
    jsonschema.Draft202012Validator(DOCUMENTED).validate(found)
    assert "emotion" not in found["components"]
    assert found["device"]["model"] == WHO.detector


def test_what_a_face_is_doing_is_there_where_it_is_told() -> None:
    told = dataclasses.replace(WHO, state_model=WHO.model)
    found = json.loads(discovery(told, "homeassistant").payload)
    jsonschema.Draft202012Validator(DOCUMENTED).validate(found)
    more = set(found["components"]) - set(message()["components"])
    assert more == {
        *("head_yaw", "head_pitch", "head_roll"),
        *("eye_left", "eye_right", "mouth", "smile"),
        *CONDITIONS,
    }
    templates = {key: found["components"][key]["value_template"] for key in more - CONDITIONS}
    face = {"state": {"yaw": -12.34, "eyes": {"left": 0.5, "right": None}, "mouth": 0.0}}
    assert shown(templates["head_yaw"], [face]) == "-12.3"
    assert float(shown(templates["eye_left"], [face])) == 50
    assert float(shown(templates["mouth"], [face])) == 0
    assert shown(templates["eye_right"], [face]) == "None"
    assert {shown(x, faces) for x in templates.values() for faces in ([], [{"state": None}])} == {
        "None"
    }


def shown(template: str, faces: list[Any]) -> str:
    return jinja2.Template(template).render(value_json={"faces": faces})


def test_enum_sensor_has_no_class_that_home_assistant_refuses() -> None:
    emotion = message()["components"]["emotion"]
    assert "state_class" not in emotion and "unit_of_measurement" not in emotion
    assert emotion["options"] == [*LABELS, "none"]


@pytest.mark.parametrize("name", ["büro", "tür 1", "x.y", "a$b"])
def test_id_has_only_what_home_assistant_takes(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", object_id("emotion", name))


def _named(device: str) -> Identity:
    return dataclasses.replace(WHO, device=device)


def test_names_that_differ_only_in_strange_characters_are_two_devices() -> None:
    assert object_id("emotion", "büro") != object_id("emotion", "bäro")


def test_the_switch_pauses_and_resumes() -> None:
    switch = message()["components"]["pause"]
    assert switch["command_topic"] == "emotion/kiosk/request/pause"
    control = Control()
    requests = Requests(Pause(control, None), lambda: None)
    for payload, paused in (("payload_on", True), ("payload_off", False)):
        requests.on_message("pause", switch[payload].encode(), now=0.0)
        assert control.paused is paused
        answer = requests.next_answer()
        assert answer is not None and b'"status":"ok"' in answer[1]


def test_off_unless_configured(broker: Broker) -> None:
    with subscribed(broker) as everything, publishing(broker.port):
        wait_until(lambda: everything.on("info"), "the device has spoken")
        everything.publish("homeassistant/status", "online")
        everything.publish("emotion/kiosk/request/state", "{}")
        wait_until(lambda: everything.on("response/state"), "an answer")
    assert not [m for m in everything.messages if m.topic.startswith("homeassistant/device")]


def test_sent_retained_and_again_when_home_assistant_starts(broker: Broker) -> None:
    def sent() -> list[bytes]:
        return [m.payload for m in list(everything.messages) if m.topic == TOPIC]

    with (
        subscribed(broker) as everything,
        publishing(broker.port, homeassistant__enabled=True),
    ):
        wait_until(lambda: len(sent()) == 1, "it is announced")
        everything.publish("homeassistant/status", "offline")
        everything.publish("homeassistant/status", "online")
        wait_until(lambda: len(sent()) == 2, "it is announced again")
        assert sent()[0] == sent()[1] == discovery(WHO, "homeassistant").payload
    with subscribed(broker, TOPIC) as late:
        wait_until(lambda: late.messages, "it is retained")
        assert late.messages[0].retain


def test_prefix_as_configured(broker: Broker) -> None:
    with (
        subscribed(broker, "ha/#") as everything,
        publishing(broker.port, homeassistant__enabled=True, homeassistant__prefix="ha/test"),
    ):
        wait_until(lambda: everything.messages, "it is announced")
    assert everything.messages[0].topic == "ha/test/device/emotion-edge-emotion-kiosk/config"


def test_removed_on_request(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    keys = ("mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", "device.name=kiosk")
    arguments = [word for key in keys for word in ("--set", key)]
    with publishing(broker.port, homeassistant__enabled=True), subscribed(broker, TOPIC) as early:
        wait_until(lambda: early.messages, "it is announced")
    assert cli.main(["homeassistant", "--remove", "--config", "/dev/null", *arguments]) == 0
    assert TOPIC in capsys.readouterr().out
    with subscribed(broker) as late:
        wait_until(lambda: late.on("info"), "retained messages come")
        assert not [m for m in late.messages if m.topic == TOPIC]


def test_removal_without_a_broker_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["homeassistant", "--remove", "--config", "/dev/null"]) == 64
    assert "mqtt.host" in capsys.readouterr().err


def test_printed_message_is_the_one_that_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["homeassistant", "--config", "/dev/null", "--set", "device.name=kiosk"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {TOPIC}
    assert set(printed[TOPIC]["components"]) == set(message()["components"])


@pytest.mark.parametrize("profile", ["kiosk", "car", "driver"])
def test_of_a_profile_too_the_printed_message_is_the_one_that_is_sent(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [f"profile={profile}", "device.name=kiosk", f"camera.source={DEMO_CLIP}"]
    sent: list[Identity] = []

    def publisher(who: Identity) -> Publisher:
        sent.append(who)
        return Spans()  # any that keeps quiet

    clock = SystemClock()
    config = load(None, {}, sets)
    build(config, clock, Control(), random.Random(0), boot_id="b", publisher=publisher)
    options = [word for s in sets for word in ("--set", s)]
    assert cli.main(["homeassistant", "--config", "/dev/null", *options]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {TOPIC: json.loads(discovery(sent[0], "homeassistant").payload)}
