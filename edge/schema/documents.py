"""Every document that is made from the types: what `schema` prints and docs/ holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from edge.schema import asyncapi, jsonschema, reference


@dataclass(frozen=True, slots=True)
class Document:
    """One file."""

    path: PurePosixPath  # under docs/
    what: str
    text: str


def documents() -> dict[str, Document]:
    """Return the documents by name."""
    contract = PurePosixPath("contract")
    made = {
        name: Document(
            contract / "schemas" / f"{name}.json",
            f"JSON Schema of {name} messages",
            jsonschema.text(jsonschema.message_schema(name)),
        )
        for name in jsonschema.MESSAGES
    }
    made["config"] = Document(
        contract / "schemas" / "config.json",
        "JSON Schema of the configuration",
        jsonschema.text(jsonschema.config_schema()),
    )
    made["asyncapi"] = Document(
        contract / "asyncapi.json",
        "AsyncAPI 3 document: topics, messages, MQTT bindings",
        jsonschema.text(asyncapi.document()),
    )
    made["configuration"] = Document(
        PurePosixPath("configuration.md"),
        "reference of every configuration key, in Markdown",
        reference.markdown(),
    )
    return made
