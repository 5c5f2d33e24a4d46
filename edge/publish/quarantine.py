"""Puts a damaged file out of the way, under a name that tells when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

KEEP = 3  # set-aside files; older ones are deleted, so that a failing card does not fill up
MARK = ".corrupt-"


def set_aside(path: Path, wall: float) -> Path:
    """Rename a database and its log; return the new name.

    Raises:
        OSError: it cannot be renamed.
    """
    stamp = datetime.fromtimestamp(wall, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}{MARK}{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}{MARK}{stamp}.{number}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    older = [
        p for p in path.parent.glob(f"{path.name}{MARK}*") if not p.name.endswith(("-wal", "-shm"))
    ]
    for old in sorted(older, key=lambda p: p.stat().st_mtime)[:-KEEP]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)
    return aside
