"""Puts a damaged file out of the way, under a name that tells when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from edge.publish.store import companions, remove

KEEP = 3  # files in quarantine; older ones are deleted, so that a failing card does not fill up
MARK = ".corrupt-"


def quarantine(path: Path, wall: float) -> Path:
    """Rename a database and its log; return the new name.

    Args:
        path: of the database.
        wall: seconds since 1970, for the name.

    Raises:
        OSError: it cannot be renamed.
    """
    stamp = datetime.fromtimestamp(wall, UTC).strftime("%Y%m%dT%H%M%SZ")
    moved = path.with_name(f"{path.name}{MARK}{stamp}")
    number = 1
    while moved.exists():
        number += 1
        moved = path.with_name(f"{path.name}{MARK}{stamp}.{number}")
    for old, new in zip(companions(path), companions(moved), strict=True):
        if old.exists():
            old.rename(new)
    if path.exists():  # its log may be all there was
        path.rename(moved)
    logs = tuple(companion.name.removeprefix(path.name) for companion in companions(path))
    files = [p for p in path.parent.glob(f"{path.name}{MARK}*") if not p.name.endswith(logs)]
    # Renaming leaves its time as it was, and clocks go back: by time it need not be the newest.
    others = [p for p in files if p != moved]
    for file in sorted(others, key=lambda p: p.stat().st_mtime)[: -(KEEP - 1)]:
        remove(file)
    return moved
