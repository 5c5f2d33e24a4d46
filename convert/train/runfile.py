"""A run's file, `run.toml`: every option, written by each training and read by `--config`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convert.arch import NAMES
from convert.train.defaults import DEFAULTS
from convert.train.recipe import CHANGES, OPTIMIZERS, PRECISIONS, SCHEDULES
from edge import tomltext
from edge.errors import ConfigError, NoInputError, UsageError
from edge.model.manifest import is_shipped

CONFIG = "run.toml"
LISTS = {"teacher": "models", "unlabelled": "folders and archives"}
BACKENDS = ("tensorflow", "torch", "jax")


def read_config(path: Path) -> dict[str, Any]:
    """Return the options in a file.

    Raises:
        ConfigError: it is not TOML, or has a key that is no option; both name the file.
        NoInputError: it is not there.
    """
    try:
        content = tomltext.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        raise NoInputError(f"--config {path}: no such file") from e
    except ValueError as e:
        raise ConfigError(f"--config {path}: not TOML: {e}") from e
    allowed = ("data", *DEFAULTS)
    unknown = [k for k in content if k not in allowed]
    if unknown:
        raise ConfigError(
            f"--config {path}: {', '.join(unknown)}: no such option; allowed: {', '.join(allowed)}"
        )
    if not isinstance(content.get("data", ""), str):
        raise ConfigError(f"--config {path}: data: got {content['data']!r}; allowed: a path")
    return content


def config_text(config: Mapping[str, Any]) -> str:
    """Return the file that makes the same training again."""
    lines = ["# Every option of this run. Again: emotion-convert train --config THIS --out FOLDER"]
    # JSON's numbers, strings and lists are TOML's too; what is None is left out.
    for key, value in config.items():
        if value is not None:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def absolute(key: str, value: Any) -> Any:
    """Return paths such that they mean the same from another folder; shipped names stay."""

    def whole(path: str) -> str:
        name = key in ("from", "teacher") and is_shipped(path)
        return str(Path(path).resolve()) if Path(path).exists() and not name else path

    if key in ("from", "weights", "teacher", "unlabelled") and value:
        many = value if isinstance(value, list) else [value]
        out = [whole(v) for v in many]
        return out if isinstance(value, list) else out[0]
    return value


def check_names(config: Mapping[str, Any]) -> None:
    """Refuse what the run's file, which is TOML and thus UTF-8, cannot hold.

    Raises:
        UsageError: names the first of them.
    """
    for key, value in config.items():
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and any("\ud800" <= c <= "\udfff" for c in name):
                raise UsageError(f"{key}: got {name!r}; allowed: a name in UTF-8")


def check_types(config: Mapping[str, Any], path: Path | None) -> None:
    """Refuse values of a file that are of another type than the option's.

    Raises:
        ConfigError: names each of them.
    """
    numbers = ("votes", "weight_decay", "limit", "warmup")
    texts = ("from", "weights", "backend")
    choices = {
        "arch": NAMES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS,
        "changes": CHANGES, "backend": BACKENDS,
    }  # fmt: skip
    wrong = []
    for key, value in config.items():
        usual = DEFAULTS[key]
        kind: Any
        if key in numbers or isinstance(usual, float):
            kind = int if key == "limit" else (int, float)
        else:
            kind = str if key in texts else type(usual)
        boolean = isinstance(value, bool) and kind is not bool
        if value is not None and (boolean or not isinstance(value, kind)):
            wrong.append(f"{key}: got {value!r}; allowed: another type")
        elif key in choices and value is not None and value not in choices[key]:
            wrong.append(f"{key}: got {value!r}; allowed: {', '.join(choices[key])}")
        elif key in ("teacher", "unlabelled") and not all(isinstance(v, str) for v in value or ()):
            wrong.append(f"{key}: got {value!r}; allowed: a list of {LISTS[key]}")
    if wrong:
        raise ConfigError(f"--config {path}: " + "\n".join(wrong))
