"""Every message shown in the subscriber's guide keeps to its schema and leaves nothing out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from edge.schema import jsonschema as schema

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = (DOCS / "subscribers.md").read_text() + (DOCS / "kiosk.md").read_text()
SHOWN = re.findall(r"<!-- schema: (\w+) -->\n```json\n(.*?)```", GUIDE, re.S)


@pytest.mark.parametrize(("name", "text"), SHOWN, ids=[name for name, _ in SHOWN])
def test_shown_message_is_one(name: str, text: str) -> None:
    message = json.loads(text)
    jsonschema.Draft202012Validator(schema.message_schema(name)).validate(message)
    if name in ("event", "state", "health", "audience"):
        assert set(message) == set(schema.MESSAGES[name].__struct_fields__)


def test_the_guide_shows_each_kind() -> None:
    assert {name for name, _ in SHOWN} == {
        "event",
        "state",
        "health",
        "audience",
        "request",
        "response",
    }
