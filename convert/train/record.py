"""The record of a training, `train.json`: how it is read, and what goes into manifests."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from edge.errors import ConfigError

RECORD = "train.json"
KEPT = (
    "architecture", "seed", "recipe", "begun_from", "teachers", "averaged", "data", "validation",
    "seconds", "versions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """`kept` goes into the manifest; the others are None where there is no record."""

    kept: dict[str, Any] = field(default_factory=dict)
    truth: str | None = None  # `votes` or `labels`, whichever it was trained on
    holdout: float | None = None


def record_beside(model: Path) -> Record:
    """Read `train.json` in the folder of `model`; empty when there is none.

    Raises:
        ConfigError: it is there and is not what `train` writes.
    """
    path = model.parent / RECORD
    if not path.is_file():
        return Record()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        recipe = content["recipe"]
        votes, holdout = float(recipe["votes"]), float(recipe["holdout"])
    except (ValueError, KeyError, TypeError, OSError) as e:
        raise ConfigError(f"{path}: not a record of training ({type(e).__name__}: {e})") from e
    kept = {key: content[key] for key in KEPT if key in content}
    return Record(kept, "votes" if votes > 0 else "labels", holdout)


TOOLS = ("keras", "tensorflow", "tensorflow-cpu", "torch", "jax", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of Python, the Keras backend and the packages that decide a result."""
    import keras

    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for name in (*TOOLS, "opencv-python-headless", "emotion-edge"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
