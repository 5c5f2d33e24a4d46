"""Files that are written whole or not at all, and folders that one run has to itself."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import UnavailableError

LOCK = ".lock"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` that takes its place when the body ends well.

    When it does not, because the disk is full or the run is interrupted, what was there before
    stays, and nothing is left beside it.
    """
    partial = path.with_name("partial-" + path.name)
    try:
        yield partial
        with partial.open("rb") as f:
            os.fsync(f.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs out of `folder` while the body runs; a kill gives it free.

    Raises:
        UnavailableError: another run is in it.
        OSError: it cannot be written to.
    """
    with (folder / LOCK).open("a") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnavailableError(
                f"{folder}: another run writes to it; wait for that, or use another --out"
            ) from None
        yield
