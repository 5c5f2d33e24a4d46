"""Writes a model folder whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import ConfigError, EdgeError
from edge.model.manifest import MANIFEST, MODEL

# Goes with the old model, also where the new one has no such file.
MADE = (MANIFEST, MODEL, "README.md", "risk.png", "model.onnx")


class GateError(EdgeError):
    """The quantised model is not the same model."""

    exit_code = 65  # EX_DATAERR


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside `out` that becomes `out` when the body ends well.

    An existing model folder is replaced then, and untouched when the body raises. What else is in
    it, such as somebody's notes or the Keras file of `recover`, stays.

    Raises:
        ConfigError: `out` exists and is something else than a model folder.
    """
    check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        new = scratch / "new"
        new.mkdir()
        yield new
        if out.is_dir():
            _take_along(out, new)
        old = scratch / "old"
        if out.exists():
            out.rename(old)
        try:
            new.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def check_free(out: Path) -> None:
    """Refuse to replace what is no model folder.

    Raises:
        ConfigError: `out` exists and is something else.
    """
    if out.exists() and not (out / MANIFEST).is_file() and not _is_empty(out):
        raise ConfigError(f"--out {out}: exists and is no model folder; allowed: a new name")


def _take_along(out: Path, new: Path) -> None:
    made = {*MADE, *(p.name for p in new.iterdir())}

    def left_behind(folder: str, names: list[str]) -> set[str]:
        return made & set(names) if Path(folder) == out else set()

    shutil.copytree(out, new, symlinks=True, ignore=left_behind, dirs_exist_ok=True)


def write(path: Path, content: bytes) -> None:
    """Write a file and have it on the disk before going on."""
    with path.open("wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
