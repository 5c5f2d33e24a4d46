"""Which files there are to analyze: named ones, and those below named folders, in order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge.camera.reader import IMAGE_SUFFIXES, natural

# Those of phones are listed though OpenCV cannot read each: silence would be a loss.
PICTURES = IMAGE_SUFFIXES | {".avif", ".heic", ".heif", ".jfif", ".jp2", ".jpe"}
RECORDINGS = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".gif",
        ".m2ts",
        ".m4v",
        ".mjpeg",
        ".mjpg",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".ts",
        ".webm",
        ".wmv",
    ]
)


class Kind(StrEnum):
    """What a file seems to be."""

    PICTURE = "picture"
    RECORDING = "recording"
    UNKNOWN = "unknown"  # named by the user: whatever it turns out to be


@dataclass(frozen=True, slots=True)
class Item:
    """A file to analyze."""

    path: str
    name: str  # in results: as named, or the folder's name as given and what is below
    below: str  # name below the folder that was named; where pictures made from it go
    kind: Kind
    size: int  # bytes; 0: not known
    error: str = ""  # why it is known beforehand that it cannot be read


def find(paths: Sequence[str], leave_out: Iterable[Path] = ()) -> list[Item]:
    """Return each file once, in the order named; folders sorted as people count, `2` before `10`.

    In folders, hidden files and folders and what is neither picture nor recording are passed over,
    and links to folders are not followed. A path that does not exist is returned too: reading it
    says why. So is a folder that cannot be listed, with its error: silence would be a loss.

    Args:
        paths: files and folders.
        leave_out: files and folders that results go to.
    """
    out: list[Item] = []
    seen: set[str] = set()
    apart = {os.path.realpath(p) for p in leave_out}
    for path in paths:
        for item in _below(path, apart) if os.path.isdir(path) else [_named(path)]:  # noqa: PTH112
            real = os.path.realpath(item.path)
            if real not in seen:
                seen.add(real)
                out.append(item)
    return out


def kind_of(name: str) -> Kind:
    """Return what a name says of a file."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  # any characters
    if suffix in PICTURES:
        return Kind.PICTURE
    return Kind.RECORDING if suffix in RECORDINGS else Kind.UNKNOWN


def _named(path: str) -> Item:
    name = os.path.basename(path) or path  # noqa: PTH119
    return Item(path, path, name, kind_of(name), _size(path))


def _below(root: str, apart: set[str]) -> Iterator[Item]:
    unread: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=unread.append):
        yield from _unread(unread, root)
        here = os.path.realpath(folder)
        folders[:] = sorted(
            (f for f in folders if f[0] != "." and f"{here}/{f}" not in apart),
            key=lambda f: natural(Path(f)),
        )
        for name in sorted(names, key=lambda n: natural(Path(n))):
            if name[0] == "." or f"{here}/{name}" in apart:
                continue
            kind = kind_of(name)
            if kind is not Kind.UNKNOWN:
                path = os.path.join(folder, name)  # noqa: PTH118
                yield Item(path, path, os.path.relpath(path, root), kind, _size(path))

    yield from _unread(unread, root)


def _unread(errors: list[OSError], root: str) -> Iterator[Item]:
    """Yield the folders that could not be listed, once."""
    for e in errors:
        path = str(e.filename or root)
        below = os.path.basename(path) if path == root else os.path.relpath(path, root)  # noqa: PTH119
        yield Item(path, path, below or path, Kind.UNKNOWN, 0, (e.strerror or str(e)).lower())
    errors.clear()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except (OSError, ValueError):
        return 0
