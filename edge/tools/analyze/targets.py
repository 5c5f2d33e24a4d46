"""Where pictures made of pictures go: a file for a file, for a folder one laid out alike."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from edge.camera.reader import IMAGE_SUFFIXES
from edge.errors import NoInputError, UsageError
from edge.tools.analyze.files import PICTURES, RECORDINGS, Item, Kind
from edge.tools.analyze.job import Task
from edge.tools.annotate import VIDEO_SUFFIXES

WRITABLE = IMAGE_SUFFIXES - {".pgm"}  # OpenCV writes colour into them


def tasks_of(items: Sequence[Item], annotate: Path | None, crop: Path | None) -> list[Task]:
    """Return a task a file, with what is to be written for it.

    Raises:
        UsageError: a name does not fit what would be in it, or would replace a file to be read.
        NoInputError: the folder of a single file to write does not exist.
    """
    tasks = [Task(i, item) for i, item in enumerate(items)]
    names = unique_names(items)
    if annotate is not None:
        if len(items) == 1 and is_file_name(annotate):
            tasks[0] = replace(tasks[0], annotate=str(_single(annotate, items[0])))
        elif is_file_name(annotate):
            raise UsageError(
                f"--annotate: got {annotate} for {len(items)} files; allowed: the name of a folder"
            )
        else:
            tasks = [_drawn_into(annotate, t, names[t.index], names) for t in tasks]
    if crop is not None:
        tasks = [replace(t, crop=os.path.join(crop, names[t.index])) for t in tasks]  # noqa: PTH118
    _check(tasks, annotate)
    return tasks


def is_file_name(path: Path) -> bool:
    """Return whether a target is a single file, by its ending; a folder that exists is none."""
    return path.suffix.lower() in PICTURES | RECORDINGS and not path.is_dir()


def unique_names(items: Sequence[Item]) -> list[str]:
    """Return names below a folder, one a file: files of the same name get a mark of their path."""
    count = Counter(item.below for item in items)
    names = []
    for item in items:
        stem, suffix = os.path.splitext(item.below)  # noqa: PTH122
        one = count[item.below] == 1
        names.append(item.below if one else f"{stem}-{_mark(item)}{suffix}")
    return names


def _mark(item: Item) -> str:
    return hashlib.sha256(os.fsencode(item.path)).hexdigest()[:8]


def target_of(task: Task, kind: Kind) -> str | None:
    """Return the file to draw into, now that it is known what `task` is; None: into none.

    Raises:
        UsageError: the name that was given is not one for that.
    """
    endings = VIDEO_SUFFIXES if kind is Kind.RECORDING else tuple(sorted(WRITABLE))
    if task.annotate is None or _suffix(task.annotate) in endings:
        return task.annotate
    if task.annotate_other is None:
        raise UsageError(f"is a {kind}; allowed for --annotate: {', '.join(endings)}, or a folder")
    return task.annotate_other


def _drawn_into(folder: Path, task: Task, name: str, names: Collection[str]) -> Task:
    suffix = _suffix(name)

    def named(ending: str) -> str:
        other = f"{name}{ending}"
        if ending and other in names:  # another file's: `film.avi` beside `film.avi.mp4`
            other = f"{name}-{_mark(task.item)}{ending}"
        return os.path.join(folder, other)  # noqa: PTH118

    picture = named("" if suffix in WRITABLE else ".png")
    video = named("" if suffix == ".mp4" else ".mp4")
    if task.item.kind is Kind.PICTURE:
        return replace(task, annotate=picture)
    if task.item.kind is Kind.UNKNOWN:
        return replace(task, annotate=picture, annotate_other=video)
    return replace(task, annotate=video, annotate_other=picture if suffix == ".gif" else None)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def _single(path: Path, item: Item) -> Path:
    allowed = VIDEO_SUFFIXES if item.kind is Kind.RECORDING else tuple(sorted(WRITABLE))
    if _suffix(item.path) == ".gif":  # whether it moves, nobody knows yet
        allowed = (*allowed, *sorted(WRITABLE))
    if item.kind is not Kind.UNKNOWN and path.suffix.lower() not in allowed:
        what = "a recording" if item.kind is Kind.RECORDING else "a picture"
        raise UsageError(f"--annotate: got {path}; allowed for {what}: {', '.join(allowed)}")
    if not path.parent.is_dir():
        raise NoInputError(f"--annotate: {path.parent}: no such folder")
    return path


def _check(tasks: Sequence[Task], annotate: Path | None) -> None:
    given = {os.path.realpath(t.item.path) for t in tasks}
    for task in tasks:
        out = [p for p in (task.annotate, task.annotate_other) if p is not None]
        if any(os.path.realpath(p) in given for p in out):
            raise UsageError(
                f"--annotate: got {annotate}: would replace {task.item.name}; "
                "allowed: another folder or file"
            )
