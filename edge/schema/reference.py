"""The configuration reference in Markdown, out of the types of `config`."""

from __future__ import annotations

import json
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from edge.config import Config
from edge.configfile import DEFAULT_PATH, ENV_PREFIX, LISTS, MAX_TABLES, allowed
from edge.problems import REASONS
from edge.profiles import PROFILES

_HEAD = f"""\
# Configuration

<!-- Made by `emotion-edge schema --write docs` from edge/config.py: do not edit. -->

The file is TOML, `{DEFAULT_PATH}` unless `--config` or `$EMOTION_EDGE_CONFIG` name
another. Every key is optional. Environment variables override the file (`{ENV_PREFIX}MQTT_PORT` is
`mqtt.port`), and `--set mqtt.port=8883` overrides both, but for `[[attribute]]` and several
`[[alert]]`, at most {MAX_TABLES} of each, which only the file has. A variable `{ENV_PREFIX}...`
that is no key is a mistake too. Times are in seconds, fractions from 0 to 1.
`emotion-edge check` tells every mistake at once, each with its key, what it
got and what is allowed. An editor that knows JSON Schema can check while you type:
[config.json](contract/schemas/config.json).
"""


def markdown() -> str:
    """Return the reference."""
    parts = [_HEAD]
    for section in msgspec.structs.fields(Config):
        if section.name == "profile":
            parts.append(_profiles())
            continue
        kind: type[Struct] = LISTS.get(section.name, section.type)
        head = f"[[{section.name}]]" if section.name in LISTS else f"[{section.name}]"
        said = " ".join((kind.__doc__ or "").split())
        parts.append(f"## `{head}`\n\n{said}\n\n{_table(kind)}")
    return "\n".join(parts)


def _profiles() -> str:
    said = [
        '## `profile`\n\nOne word before all sections, `profile = "kiosk"`, sets defaults that '
        "belong together. Keys that are given win, but for those that a profile locks. "
        "`emotion-edge check` tells what is in effect and why.\n"
    ]
    for name, profile in PROFILES.items():
        said.append(f"`{name}`: {profile.what}.\n\n| key | value | why |\n|---|---|---|")
        for s in profile.settings:
            value = json.dumps(s.value) + (", locked" if s.locked else "")
            said.append(f"| `{s.key}` | `{value}` | {_cell(s.why)} |")
        said.append("")
    return "\n".join(said)


def reasons() -> str:
    """Return the table of what `reasons` in `health` may say."""
    lines = ["| reason | means | look at |", "|---|---|---|"]
    lines += [
        f"| `{word}` | {_cell(said.means)} | {_cell(said.do)} |" for word, said in REASONS.items()
    ]
    return "\n".join(lines) + "\n"


def _table(kind: type[Struct]) -> str:
    lines = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for f in msgspec.structs.fields(kind):
        row = (f"`{f.name}`", _default(f), _cell(allowed(f.type)), _cell(_meaning(f.type)))
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def _default(f: Any) -> str:
    if f.required:
        return "*required*"
    value = f.default
    if f.default_factory is not msgspec.NODEFAULT:
        value = f.default_factory()
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _meaning(kind: Any) -> str:
    if get_origin(kind) is not Annotated:
        return ""
    said = [m.description for m in get_args(kind)[1:] if isinstance(m, Meta) and m.description]
    return said[-1] if said else ""


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("<", "&lt;")
