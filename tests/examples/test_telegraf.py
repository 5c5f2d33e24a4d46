"""The Telegraf configuration asks only for what the contract has.

Telegraf itself is not in Debian; where it is installed, it reads the file for real.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge.schema import jsonschema as schema

CONFIG = Path(__file__).parents[2] / "examples/telegraf/telegraf.conf"


def inputs() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(CONFIG.read_text())["inputs"]["mqtt_consumer"]
    return found


def has(name: str, path: str) -> bool:
    """Whether messages of this name have a field at a dotted path."""
    root = schema.message_schema(name)
    node: Any = root
    for part in path.split("."):
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
        node = node["properties"].get(part)
        if node is None:
            return False
    return True


def test_every_path_is_in_the_contract() -> None:
    asked = 0
    for consumer in inputs():
        (topic,) = consumer["topics"]
        name = topic.rpartition("/")[2]
        (parser,) = consumer["json_v2"]
        parts = [p for kind in ("tag", "field", "object") for p in parser.get(kind, [])]
        paths = [parser["timestamp_path"]]
        paths += [p["path"] for p in parts if p["path"] != "@this"]
        paths += [key for p in parts for key in p.get("excluded_keys", [])]
        for path in paths:
            asked += 1
            assert has(name, path), f"{name} has no {path}"
    assert asked > 10
    assert not has("event", "data.estimate"), "or the test would pass anything"


def test_no_visitor_makes_a_series() -> None:
    tags = [t["path"] for c in inputs() for t in c["json_v2"][0].get("tag", [])]
    assert tags == ["data.event_type"]


def test_two_events_of_a_millisecond_are_two_points_and_one_that_comes_again_is_one() -> None:
    (starlark,) = tomllib.loads(CONFIG.read_text())["processors"]["starlark"]
    scope: dict[str, Any] = {}
    exec(starlark["source"], scope)  # Starlark is a part of Python

    def time_of(seq: int) -> int:
        metric = SimpleNamespace(time=5_000_000_000, fields={"seq": seq})
        return int(scope["apply"](metric).time)

    assert time_of(7) == time_of(7) != time_of(8)
    assert time_of(10**9) - 5_000_000_000 < 1_000_000  # within the event's own millisecond


def test_two_consumers_do_not_share_a_client_id() -> None:
    ids = [c["client_id"] for c in inputs() if "client_id" in c]
    assert len(set(ids)) == len(ids)


@pytest.mark.slow
def test_telegraf_reads_it() -> None:
    telegraf = shutil.which("telegraf")
    if telegraf is None:
        pytest.skip("telegraf is not installed")
    env = {
        **os.environ,
        "MQTT_SERVER": "tcp://127.0.0.1:1883",
        "INFLUX_URL": "http://127.0.0.1:8086",
        "INFLUX_TOKEN": "none",
    }
    done = subprocess.run(
        [telegraf, "config", "check", "--config", str(CONFIG)], env=env, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
