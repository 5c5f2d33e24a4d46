"""Writes settings back into the configuration file: only their own lines, comments stay."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge import configfile
from edge.errors import ConfigError, StorageError

Setting = bool | int | float | str

BACKUP = ".bak"  # put behind the file's name; holds what it was before the last change
# A value on one line, then maybe a comment: a string, or anything without quotes and '#'.
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^#"']*?)"""


def edited(text: str, changes: Mapping[str, Setting]) -> str:
    """Return a TOML text with some keys changed.

    A key that is there keeps its place and its comment. A new one comes below its commented
    default, else below the last key of its section, else into a new section at the end.

    Args:
        text: TOML.
        changes: values by `section.key`.

    Raises:
        ConfigError: the text is written in a way this cannot follow; it says what to do by hand.
    """
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    for key, value in changes.items():
        section, name = key.split(".")
        _put(lines, section, name, _toml(value))
    result = "".join(lines)
    wanted = tomllib.loads(text)
    for key, value in changes.items():
        section, name = key.split(".")
        wanted.setdefault(section, {})[name] = value
    if _parsed(result) != wanted:
        todo = ", ".join(f"{k} = {_toml(v)}" for k, v in changes.items())
        raise ConfigError(f"the file is laid out in an unusual way; set by hand: {todo}")
    return result


def _toml(value: Setting) -> str:
    # JSON's numbers, booleans and strings are TOML's, but for its pairs of surrogates.
    return json.dumps(value, ensure_ascii=False)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _put(lines: list[str], section: str, name: str, value: str) -> None:
    header = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?$")
    begin = next((i for i, line in enumerate(lines) if header.match(line)), None)
    if begin is None:
        blank = ["\n"] if lines and lines[-1].strip() else []
        lines += [*blank, f"[{section}]\n", f"{name} = {value}\n"]
        return
    # A section that is commented out ends this one too: what follows is about that one.
    ends = (
        i for i in range(begin + 1, len(lines)) if re.match(r"\s*(#\s*)?\[+[\w.\s]+\]", lines[i])
    )
    span = range(begin + 1, next(ends, len(lines)))
    key = re.compile(rf"(\s*{re.escape(name)}\s*=\s*){_VALUE}(\s*(?:#.*)?)$", re.DOTALL)
    for i in span:
        if found := key.match(lines[i]):
            lines[i] = found[1] + value + found[2]
            return
    defaults = [i for i in span if re.match(rf"\s*#\s*{re.escape(name)}\s*=", lines[i])]
    keys = [i for i in span if re.match(r"\s*[\w-]+\s*=", lines[i])]
    after = defaults[-1] if defaults else keys[-1] if keys else begin
    lines.insert(after + 1, f"{name} = {value}\n")


def save(path: Path, changes: Mapping[str, Setting], env: Mapping[str, str] = os.environ) -> Path:
    """Change keys in a configuration file; what it was is kept beside it.

    The new file is checked before it takes the old one's place, which happens at once or not at
    all; owner and mode stay.

    Args:
        path: the file.
        changes: values by `section.key`.
        env: environment that overrides the file where it is used.

    Returns:
        The path of the backup.

    Raises:
        ConfigError: the file would not be valid, or cannot be edited.
        StorageError: it cannot be written.
    """
    path = path.resolve()  # a link stays a link
    backup = path.with_name(path.name + BACKUP)
    temporary: Path | None = None
    try:
        text = edited(path.read_text("utf-8"), changes)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as f:
            temporary = Path(f.name)
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        configfile.load(temporary, env)
        shutil.copystat(path, temporary)
        if os.geteuid() == 0:
            os.chown(temporary, path.stat().st_uid, path.stat().st_gid)
        shutil.copy2(path, backup)
        temporary.replace(path)
        temporary = None
    except OSError as e:
        raise StorageError(f"{e.filename or path}: {e.strerror}") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: not valid TOML: {e}") from e
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return backup
