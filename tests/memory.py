"""A memory limit as systemd's MemoryMax= sets it, and pictures that go past it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from tests.daemon import CLIP

MB = 10**6
CGROUP = Path("/sys/fs/cgroup")
FACE = range(40, 70)  # frames of the demo clip in which the face is seen well
TOO_LARGE = (12_000, 20_000)  # pixels; 240 MB as luma, 3 MB as a file


def pictures_then_one_too_large(folder: Path) -> Path:
    """Write frames of the demo clip, and last a picture that takes 240 MB; return its path."""
    folder.mkdir()
    video = cv2.VideoCapture(str(CLIP))
    for n in range(FACE.stop):
        picture = video.read()[1]
        if n in FACE:
            cv2.imwrite(str(folder / f"{n:03}.jpg"), picture)
    last = folder / "999.jpg"
    cv2.imwrite(str(last), np.full(TOO_LARGE, 128, np.uint8))
    return last


class Group:
    """A control group with a bound on memory, version 1 or 2 of the kernel's interface."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._old = not (folder / "memory.max").exists()

    def bound(self, limit: int) -> None:
        """Set the bound, in bytes."""
        if self._old:
            (self._folder / "memory.limit_in_bytes").write_text(str(limit))
        else:
            (self._folder / "memory.max").write_text(str(limit))
            with contextlib.suppress(OSError):  # no swap on this machine
                (self._folder / "memory.swap.max").write_text("0")

    def starting(self, *command: str) -> list[str]:
        """Return a command that runs `command` in this group from its first instruction."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', f"{self._folder}/cgroup.procs", *command]

    def take(self, pid: int) -> None:
        """Put a process in."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """How many processes the kernel killed for want of memory."""
        name = "memory.oom_control" if self._old else "memory.events"
        lines = (self._folder / name).read_text().splitlines()
        return int(dict(line.split() for line in lines)["oom_kill"])


@contextlib.contextmanager
def memory_group() -> Iterator[Group | None]:
    """A group of one's own, gone at the end; None where there can be none."""
    parent = CGROUP / "memory"
    if not parent.is_dir():  # version 2 has one tree for all
        parent = CGROUP
        words = parent / "cgroup.subtree_control"
        if not words.is_file() or "memory" not in words.read_text().split():
            yield None
            return
    folder = parent / f"emotion-edge-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:  # not root
        yield None
        return
    try:
        yield Group(folder)
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a group and what a container left in it, once the last process is gone."""
    for inner in folder.glob("*/"):
        remove(inner)
    until = time.monotonic() + 10
    while True:
        try:
            return folder.rmdir()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
