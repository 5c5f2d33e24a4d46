"""Files that are written whole or not at all, and folders that one run has to itself."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

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
    """Make `folder` and keep other runs out of it while the body runs; a kill gives it free.

    A body that raises before it wrote anything leaves no folder that was not there.

    Raises:
        UnavailableError: another run is in it.
        OSError: it cannot be made or written to.
    """
    made: list[Path] = []
    with _locked(folder, made):
        try:
            yield
        except BaseException:
            _remove_if_empty(folder, made)
            raise


def _locked(folder: Path, made: list[Path]) -> IO[str]:
    """Return the locked file; folders that had to be made are added to `made`, inmost first."""
    while True:
        new = [p for p in (folder, *folder.parents) if not p.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        made += [p for p in new if p not in made]
        f = (folder / LOCK).open("a")
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_there(folder / LOCK, f):
                return f
        except BlockingIOError:
            f.close()
            raise UnavailableError(
                f"{folder}: another run writes to it; wait for that, or use another --out"
            ) from None
        f.close()


def _is_there(path: Path, f: IO[str]) -> bool:
    """Return whether `f` is still at `path`: a run that was refused may just have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(f.fileno()))
    except FileNotFoundError:
        return False


def _remove_if_empty(folder: Path, made: list[Path]) -> None:
    if [p.name for p in folder.iterdir()] != [LOCK]:
        return
    (folder / LOCK).unlink()
    for path in made:
        with contextlib.suppress(OSError):  # another run's
            path.rmdir()
