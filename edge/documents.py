"""Every document that is made from the types: what `schema` prints and docs/ holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from edge import asyncapi, reference, schema


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
            schema.text(schema.message_schema(name)),
        )
        for name in schema.MESSAGES
    }
    made["config"] = Document(
        contract / "schemas" / "config.json",
        "JSON Schema of the configuration",
        schema.text(schema.config_schema()),
    )
    made["asyncapi"] = Document(
        contract / "asyncapi.json",
        "AsyncAPI 3 document: topics, messages, MQTT bindings",
        schema.text(asyncapi.document()),
    )
    made["configuration"] = Document(
        PurePosixPath("configuration.md"),
        "reference of every configuration key, in Markdown",
        reference.markdown(),
    )
    return made
