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
    part: str = ""  # the part of the file that it is, between two comments of this name

    def file(self, present: str) -> str:
        """Return the whole file; `present` is what it holds now."""
        if not self.part:
            return self.text
        begin, end = f"<!-- {self.part}", f"<!-- end of {self.part} -->"
        before, found, rest = present.partition(begin)
        comment, _, _ = rest.partition("\n")
        _, closed, after = rest.partition(end)
        if not (found and closed):  # a folder of its own
            return self.text
        return f"{before}{begin}{comment}\n\n{self.text}\n{end}{after}"


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
    made["analyze"] = Document(
        contract / "schemas" / "analyze.json",
        "JSON Schema of the lines of `analyze --json`",
        jsonschema.text(jsonschema.analysis_schema()),
    )
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
    made["reasons"] = Document(
        PurePosixPath("troubleshooting.md"),
        "table of the reasons in health, in Markdown",
        reference.reasons(),
        part="reasons",
    )
    return made
