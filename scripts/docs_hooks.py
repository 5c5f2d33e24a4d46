"""What MkDocs needs to be told about this repository.

Pages link to files outside docs/, as one reads them in the repository. Those files become part of
the site, below `repository/`, and the links are turned there; a link to nothing still fails.
And asyncapi.json becomes a page.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPO = Path(__file__).resolve().parents[1]
OUTSIDE = "repository/"  # where files from outside docs/ are in the site
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)")  # the target, without its anchor


def in_repository(site_path: str) -> str:
    """Return where a file of the site is in the repository."""
    if site_path.startswith(OUTSIDE):
        return site_path.removeprefix(OUTSIDE)
    return f"docs/{site_path}"


def in_site(path: str) -> str:
    """Return where a file of the repository is in the site; for a folder, its README."""
    if (REPO / path / "README.md").is_file():
        path += "/README.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else OUTSIDE + path


def linked(markdown: str, site_path: str) -> list[str]:
    """Return the places in the site that a page links to."""
    here = posixpath.dirname(in_repository(site_path))
    return [
        in_site(posixpath.normpath(posixpath.join(here, target)))
        for target in LINK.findall(markdown)
    ]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages link to outside docs/, and what that links to."""
    files.append(File.generated(config, "asyncapi.md", content=asyncapi_page()))
    waiting = [f for f in files if f.is_documentation_page()]
    while waiting:
        page = waiting.pop()
        for place in linked(page.content_string, page.src_uri):
            source = REPO / in_repository(place)
            if place.startswith(OUTSIDE) and source.is_file() and place not in files.src_uris:
                added = File.generated(config, place, abs_src_path=str(source))
                files.append(added)
                if added.is_documentation_page():
                    waiting.append(added)
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Turn a page's links to where their targets are in the site."""
    here = posixpath.dirname(page.file.src_uri)
    targets = iter(linked(markdown, page.file.src_uri))
    return LINK.sub(lambda _: os.path.relpath(next(targets), here or "."), markdown)


def asyncapi_page() -> str:
    """Return docs/contract/asyncapi.json as a page: each channel with its bindings and fields."""
    document = json.loads((REPO / "docs/contract/asyncapi.json").read_text())
    out = ["# AsyncAPI", document["info"]["description"]]
    out += [
        f"Contract version {document['info']['version']}, "
        f"AsyncAPI {document['asyncapi']}: [asyncapi.json](contract/asyncapi.json). "
        "Made from the code by `emotion-edge schema`; this page is made from the document."
    ]
    out += [
        "## Channels",
        table(("topic", "the device", "QoS", "retained", "what"), channels(document)),
    ]
    out += ["## Messages"]
    for name, message in document["components"]["messages"].items():
        schema = document["components"]["schemas"][message["payload"]["$ref"].split("/")[-1]]
        out += [
            f"### {message.get('title', name)}",
            f"`{message['contentType']}`: {about(schema)}.",
        ]
        out += [fields(schema)]
    out += ["## Types used in messages"]
    payloads = {
        m["payload"]["$ref"].split("/")[-1] for m in document["components"]["messages"].values()
    }
    for name, schema in document["components"]["schemas"].items():
        if name not in payloads:
            out += [f"### {name}", f"{about(schema)}.".removeprefix("."), fields(schema)]
    return "\n\n".join(part for part in out if part) + "\n"


def channels(document: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each operation."""
    rows = []
    for operation in document["operations"].values():
        channel = document["channels"][operation["channel"]["$ref"].split("/")[-1]]
        mqtt = operation["bindings"]["mqtt"]
        does = "publishes" if operation["action"] == "send" else "reads"
        retained = "yes" if mqtt["retain"] else "no"
        rows.append(
            (f"`{channel['address']}`", does, str(mqtt["qos"]), retained, operation["summary"])
        )
    return rows


def about(schema: dict[str, Any]) -> str:
    """Return a schema's description, and the values it allows."""
    # A placeholder such as <device> would be taken for HTML; in code it may stand.
    said = re.sub(r"(`[^`]*`)|<", lambda m: m[1] or "&lt;", schema.get("description", ""))
    values = ", ".join(f"`{v}`" for v in schema.get("enum", ()))
    return "; ".join(part for part in (said.rstrip("."), values and f"one of {values}") if part)


def fields(schema: dict[str, Any]) -> str:
    """Return a table of an object's fields."""
    required = schema.get("required", ())
    rows = [
        (f"`{name}`", kind(field), "yes" if name in required else "no", about(field))
        for name, field in schema.get("properties", {}).items()
    ]
    return table(("field", "type", "required", "what"), rows) if rows else ""


def kind(schema: dict[str, Any]) -> str:
    """Return a field's type in words."""
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'])}" if schema.get("items") else "list"
    if all(isinstance(value, str) for value in schema.get("enum", [None])):
        return "string"
    return str(schema.get("type", "any"))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in line) + " |"
        for line in lines
    )
