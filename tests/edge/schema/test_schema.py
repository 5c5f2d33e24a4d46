"""The documents made from the types: up to date, valid, and true of what the daemon sends."""

from __future__ import annotations

import json
import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge import cli
from edge.clock import SystemClock
from edge.config import Config
from edge.contract import Health, decode_event, encode
from edge.messages import Reason
from edge.problems import REASONS, Problem
from edge.publish.event_builder import EventBuilder
from edge.schema import asyncapi
from edge.schema import jsonschema as schema
from edge.schema.documents import documents
from tests import node
from tests.broker import Broker
from tests.daemon import daemon
from tests.edge.publish.rig import WHO, change, estimate
from tests.waiting import PATIENCE_S, wait_until

DOCS = Path(__file__).parents[3] / "docs"
FORMATS = jsonschema.FormatChecker(())


@FORMATS.checks("date-time", raises=ValueError)
def _is_rfc3339(value: object) -> bool:
    return datetime.fromisoformat(str(value)).tzinfo is not None


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema.message_schema(name), format_checker=FORMATS)


@pytest.mark.parametrize("name", list(documents()))
def test_committed_document_is_up_to_date(name: str) -> None:
    made = documents()[name]
    committed = (DOCS / made.path).read_text()
    assert committed == made.file(committed), "run: emotion-edge schema --write docs"


def test_the_table_of_reasons_stands_in_a_page_and_has_every_word() -> None:
    page = (DOCS / "troubleshooting.md").read_text()
    assert documents()["reasons"].text in page
    assert page.index("| symptom |") < page.index("| reason |")  # written by hand, and made
    not_in_health = {Reason.STOPPED, Reason.LOST, Reason.PICTURE, Reason.EMOTION_OFF}
    assert {*Problem, *Reason} - not_in_health == REASONS.keys()
    items = schema.message_schema("health")["properties"]["reasons"]["items"]
    assert items["anyOf"][0]["enum"] == list(REASONS)


@pytest.mark.parametrize("name", [*schema.MESSAGES, "config"])
def test_schema_is_json_schema_2020_12(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(documents()[name].text))


def test_stamped_messages_hold() -> None:
    builder = EventBuilder(WHO, SystemClock(), random.Random(1))
    now = SystemClock().now()
    validator("event").validate(json.loads(encode(builder.event(change(now)))))
    validator("state").validate(
        json.loads(encode(builder.state(now, [estimate(t=now)], "running")))
    )
    validator("info").validate(json.loads(encode(WHO.info(builder.time()))))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data", "confidence"), 1.01),
        (("data", "scores", "happy"), -0.1),
        (("data", "box"), [0, 0, 1]),
        (("data", "event_type"), "Smiled!"),
        (("time",), "yesterday"),
        (("specversion",), "0.3"),
    ],
)
def test_wrong_event_is_refused(path: tuple[str, ...], value: object) -> None:
    event = json.loads(
        encode(EventBuilder(WHO, SystemClock(), random.Random(1)).event(change(0.0)))
    )
    holder: Any = event
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    assert not validator("event").is_valid(event)


def test_subscriber_of_today_bears_fields_of_tomorrow() -> None:
    event = json.loads(
        encode(EventBuilder(WHO, SystemClock(), random.Random(1)).event(change(0.0)))
    )
    event["data"]["pulse"] = 70
    assert validator("event").is_valid(event)


def test_default_configuration_holds_and_a_wrong_one_does_not() -> None:
    check = jsonschema.Draft202012Validator(schema.config_schema())
    plain = msgspec.to_builtins(Config())
    check.validate(plain)
    plain["mqtt"]["port"] = 99999
    plain["camera"]["colour"] = True
    assert len(list(check.iter_errors(plain))) == 2


def test_command_prints_and_writes_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["schema", "health"]) == 0
    printed = capsys.readouterr().out
    assert cli.main(["schema", "--write", str(tmp_path)]) == 0
    assert (tmp_path / "contract/schemas/health.json").read_text() == printed
    assert set(json.loads(printed)["properties"]) == set(Health.__struct_fields__)


def test_unknown_name_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "estimate"]) == 64
    assert "allowed: event, state" in capsys.readouterr().err


@pytest.mark.slow
def test_asyncapi_tools_accept_the_document() -> None:
    node.node_modules()
    command = ["node", str(node.NPM / "asyncapi.mjs")]
    good = subprocess.run(
        [*command, str(DOCS / "contract/asyncapi.json")], capture_output=True, text=True
    )
    assert good.returncode == 0, good.stdout + good.stderr


@pytest.mark.slow
def test_asyncapi_tools_would_refuse_a_wrong_document(tmp_path: Path) -> None:
    node.node_modules()
    wrong = asyncapi.document()
    wrong["channels"]["event"]["messages"]["event"]["$ref"] = "#/components/messages/nothing"
    (tmp_path / "wrong.json").write_text(schema.text(wrong))
    command = ["node", str(node.NPM / "asyncapi.mjs"), str(tmp_path / "wrong.json")]
    assert subprocess.run(command, capture_output=True).returncode == 1


@dataclass
class Seen:
    topic: str
    payload: bytes
    retain: bool
    qos: int


@contextmanager
def listening(port: int) -> Iterator[tuple[paho.Client, list[Seen]]]:
    """A subscriber that is told how messages were published (MQTT 5: retain as published)."""
    seen: list[Seen] = []
    ready = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _c, _u, m: seen.append(
        Seen(m.topic, bytes(m.payload), m.retain, m.qos)
    )
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("emotion/#", options=SubscribeOptions(qos=2, retainAsPublished=True))
    assert ready.wait(PATIENCE_S)
    try:
        yield client, seen
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.slow
def test_live_traffic_keeps_to_the_document(broker: Broker, tmp_path: Path) -> None:
    with (
        listening(broker.port) as (client, seen),
        daemon(broker.port, tmp_path / "log") as process,
    ):

        def on(name: str) -> list[Seen]:
            return [s for s in list(seen) if s.topic == f"emotion/kiosk/{name}"]

        wait_until(lambda: len(on("event")) > 1 and on("health"), "events and health")
        for verb in ("state", "pause"):
            client.publish(f"emotion/kiosk/request/{verb}", '{"transaction": "7"}', qos=1)
            wait_until(lambda verb=verb: on(f"response/{verb}"), f"response to {verb}")
        process.kill()  # no goodbye: what follows is the will
        wait_until(lambda: on("availability")[-1].payload == b"offline", "offline")

    heard = set()
    for channel in asyncapi.CHANNELS:
        if not channel.sent:
            continue
        stem = f"emotion/kiosk/{channel.name.replace('{verb}', '')}"
        for s in [s for s in seen if s.topic.startswith(stem)]:
            heard.add(s.topic.removeprefix("emotion/kiosk/"))
            assert (s.qos, s.retain) == (channel.qos, channel.retain), s.topic
            if channel.message == "availability":
                assert s.payload in (b"online", b"offline")
            else:
                validator(channel.message).validate(json.loads(s.payload))
    everything = {"availability", "event", "state", "health", "info"}
    assert heard == everything | {"response/state", "response/pause"}
    assert json.loads(on("response/state")[0].payload)["state"]["status"] == "running"
    assert on("availability")[-1].retain, "the will is retained"


def test_every_reason_is_in_the_schema_and_a_later_one_is_valid_too() -> None:
    reason = schema.message_schema("event")["$defs"]["EventData"]["properties"]["reason"]
    listed = next(c for part in reason["anyOf"] for c in part.get("anyOf", []) if "enum" in c)
    assert listed["enum"] == list(Reason)
    event = json.loads(encode(EventBuilder(WHO, SystemClock(), random.Random(1)).event(change(0))))
    for word in [*Reason, "of_tomorrow", None]:
        event["data"]["reason"] = word
        validator("event").validate(event)
        assert decode_event(json.dumps(event).encode()).data.reason == word
