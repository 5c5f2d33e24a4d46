"""Writes settings back into the configuration file: only their own lines, comments stay.

tomlkit, which the extra `[web]` brings, knows how TOML is written; `tomltext` has the last word.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Comment, Item, Key, SingleKey, Table

from edge import configfile, tomltext
from edge.errors import ConfigError, StorageError

Setting = bool | int | float | str

BACKUP = ".bak"  # put behind the file's name; holds what it was before the last change


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
    wanted = tomltext.loads(text)
    result = text if text.endswith("\n") or not text else text + "\n"
    try:
        for key, value in changes.items():
            section, name = key.split(".")
            result = _changed(result, section, name, value)
            wanted.setdefault(section, {})[name] = value
    except (TOMLKitError, AttributeError, TypeError):  # a table out of its order, say
        result = ""
    if _parsed(result) != wanted:
        todo = ", ".join(f"{k} = {tomlkit.item(v).as_string()}" for k, v in changes.items())
        raise ConfigError(f"the file is laid out in an unusual way; set by hand: {todo}")
    return result


def _edited_bytes(data: bytes, changes: Mapping[str, Setting]) -> bytes:
    """Return a file with some keys changed; what editors on Windows put into it stays as it is."""
    mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    lines = data.count(b"\n")
    end = "\r\n" if lines and data.count(b"\r\n") == lines else "\n"
    text = edited(data.removeprefix(mark).decode().replace("\r\n", "\n"), changes)
    return mark + text.replace("\n", end).encode()


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomltext.loads(text)
    except ValueError:
        return None


def _changed(text: str, section: str, name: str, value: Setting) -> str:
    document = tomlkit.parse(text)
    table = document.get(section)
    if table is None:
        blank = "\n" if text.strip() else ""
        return f"{text}{blank}[{section}]\n{name} = {tomlkit.item(value).as_string()}\n"
    if name in table or not isinstance(table, Table):
        table[name] = value  # tomlkit keeps its place and comment
    else:
        body = table.value.body
        item = tomlkit.item(value)
        item.trivia.trail = "\n"
        body.insert(_place(body, name), (SingleKey(name), item))
    return tomlkit.dumps(document)


def _place(body: Sequence[tuple[Key | None, Item]], name: str) -> int:
    """Return where in a table's body a new key belongs."""
    after = 0
    for i, (key, item) in enumerate(body):
        if isinstance(item, Comment):
            words = item.as_string().strip().lstrip("# ")
            if words.startswith("["):  # a section that is commented out: what follows is about it
                break
            if words.partition("=")[0].strip() == name:
                return i + 1
        elif key is not None:
            after = i + 1
    return after


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
        data = _edited_bytes(path.read_bytes(), changes)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as f:
            temporary = Path(f.name)
            f.write(data)
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
    except (ValueError, RecursionError) as e:
        raise ConfigError(f"{path}: not valid TOML: {e}") from e
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return backup
