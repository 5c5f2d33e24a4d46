"""JSON Schemas of every message and of the configuration, out of the types themselves."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from msgspec import Struct

from edge.analysis import ErrorLine, PictureLine, SummaryLine
from edge.config import Config
from edge.contract import AudienceHour, Event, Health, Info, Request, Response, State

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# What goes over the wire as JSON; `availability` is plain text.
MESSAGES: dict[str, type[Struct]] = {
    "event": Event,
    "state": State,
    "audience": AudienceHour,
    "health": Health,
    "info": Info,
    "request": Request,
    "response": Response,
}


def message_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one of `MESSAGES`."""
    return _schema(MESSAGES[name])


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration file, as TOML tables."""
    return _schema(Config)


def analysis_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one line of `analyze --json`."""
    kinds = [PictureLine, SummaryLine, ErrorLine]
    refs, found = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    said = "one line of `analyze --json`"
    return {"$schema": DIALECT, "description": said, "anyOf": list(refs), "$defs": _tidy(found)}


def components(ref_template: str) -> dict[str, Any]:
    """Return the schemas of all messages and what they are made of, by type name."""
    _, found = msgspec.json.schema_components(MESSAGES.values(), ref_template=ref_template)
    return {name: _tidy(schema) for name, schema in found.items()}


def text(document: dict[str, Any]) -> str:
    """Return a document as it is written to a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _schema(kind: type[Struct]) -> dict[str, Any]:
    (root,), found = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    own = found.pop(kind.__name__)
    assert root == {"$ref": f"#/$defs/{kind.__name__}"}
    defs = {"$defs": found} if found else {}
    return {"$schema": DIALECT, **_tidy(own), **_tidy(defs)}


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """Docstrings carry their source's line breaks and indents; a description does not."""
    tidied: dict[str, Any] = json.loads(json.dumps(schema), object_hook=_one_line)
    return tidied


def _one_line(found: dict[str, Any]) -> dict[str, Any]:
    said = found.get("description")
    if isinstance(said, str):  # a dict: a property of that name
        found["description"] = re.sub(r"\s+", " ", said)
    return found
