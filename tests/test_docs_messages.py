"""Every message shown in the subscriber's guide keeps to its schema and leaves nothing out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest
from msgspec import Struct

from edge.contract import State
from edge.schema import jsonschema as schema

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = (DOCS / "subscribers.md").read_text() + (DOCS / "kiosk.md").read_text()
SHOWN = re.findall(r"<!-- schema: (\w+) -->\n```json\n(.*?)```", GUIDE, re.S)


@pytest.mark.parametrize(("name", "text"), SHOWN, ids=[name for name, _ in SHOWN])
def test_shown_message_is_one(name: str, text: str) -> None:
    message = json.loads(text)
    jsonschema.Draft202012Validator(schema.message_schema(name)).validate(message)
    if name in ("event", "state", "health", "audience"):
        assert left_out(message, schema.MESSAGES[name]) == []
    if name == "response":
        assert left_out(message["state"], State) == []


def left_out(shown: Any, kind: Any) -> list[str]:
    """Return the fields of the contract that a message does not show, at any depth."""
    if isinstance(shown, list):
        return [name for item in shown for name in left_out(item, (*get_args(kind), None)[0])]
    if not isinstance(shown, dict):
        return []
    structs = [k for k in (kind, *get_args(kind)) if isinstance(k, type) and issubclass(k, Struct)]
    if not structs:
        return []
    fields = {f.encode_name: f.type for f in msgspec.structs.fields(structs[0])}
    return [name for name in fields if name not in shown] + [
        f"{name}.{inner}" for name in shown for inner in left_out(shown[name], fields[name])
    ]


def test_the_guide_shows_each_kind() -> None:
    assert {name for name, _ in SHOWN} == {
        "event",
        "state",
        "health",
        "audience",
        "request",
        "response",
    }
