"""A memory limit as systemd's MemoryMax= sets it, and pictures that go past it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.daemon import CLIP
from tests.waiting import PATIENCE_S

MB = 10**6
CGROUP = Path("/sys/fs/cgroup")
FACE = range(40, 70)  # frames of the demo clip in which the face is seen well
TOO_LARGE = (12_000, 20_000)  # pixels; 240 MB as luma, 3 MB as a file


def pictures_then_one_too_large(folder: Path) -> Path:
    """Write frames of the demo clip, and last a picture that takes 240 MB; return its path."""
    pictures(folder)
    return too_large(folder / "999.jpg")


def pictures(folder: Path) -> None:
    """Write frames of the demo clip."""
    folder.mkdir()
    video = cv2.VideoCapture(str(CLIP))
    for n in range(FACE.stop):
        picture = video.read()[1]
        if n in FACE:
            assert cv2.imwrite(str(folder / f"{n:03}.jpg"), picture)


def too_large(path: Path) -> Path:
    """Write a picture that takes 240 MB; return its path."""
    assert cv2.imwrite(str(path), np.full(TOO_LARGE, 128, np.uint8))
    return path


class Group:
    """A control group with a bound on memory, version 1 or 2 of the kernel's interface."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._old = not (folder / "memory.max").exists()

    def bound(self, limit: int) -> None:
        """Set the bound, in bytes; nothing is swapped, which would be a way past it."""
        if self._old:
            self._write("memory.limit_in_bytes", limit)
            swap = {"memory.swappiness": 0, "memory.memsw.limit_in_bytes": limit}
        else:
            self._write("memory.max", limit)
            swap = {"memory.swap.max": 0}
        for name, value in swap.items():
            with contextlib.suppress(OSError):  # the kernel accounts for no swap
                self._write(name, value)

    def kills_past(self, size: int) -> bool:
        """Try it: whether a process that takes `size` bytes is killed here."""
        take = [sys.executable, "-S", "-c", f"bytearray({size})"]
        try:
            done = subprocess.run(self.starting(*take), timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:  # held, not killed
            return False
        return done.returncode == -signal.SIGKILL

    def story(self) -> str:
        """What the kernel says of the group, for a test that fails."""
        names = [p for p in self._folder.glob("memory.*") if "pressure" not in p.name]
        found = {}
        for path in sorted(names):
            with contextlib.suppress(OSError):
                found[path.name] = " ".join(path.read_text().split())[:200]
        return "\n".join(f"{name}: {text}" for name, text in found.items() if text)

    def starting(self, *command: str) -> list[str]:
        """Return a command that runs `command` in this group from its first instruction."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', f"{self._folder}/cgroup.procs", *command]

    def take(self, pid: int) -> None:
        """Put a process in."""
        self._write("cgroup.procs", pid)

    def _write(self, name: str, value: int) -> None:
        # Not `write_text`, which would make the file in a folder that is no control group.
        with (self._folder / name).open("r+") as f:
            f.write(str(value))

    def kills(self) -> int:
        """How many processes the kernel killed for want of memory."""
        name = "memory.oom_control" if self._old else "memory.events"
        lines = (self._folder / name).read_text().splitlines()
        return int(dict(line.split() for line in lines)["oom_kill"])


@contextlib.contextmanager
def enforced_limit(limit: int) -> Iterator[Group]:
    """A group that may take `limit` bytes; skips the test where the kernel does not hold it."""
    with memory_group() as group:
        if group is None:
            pytest.skip("no memory control group can be made here: not root, or not in the kernel")
        try:
            group.bound(limit)
            held = group.kills_past(2 * limit)
        except OSError as e:
            pytest.skip(f"a memory control group cannot be used here: {e}")
        if not held:
            pytest.skip(f"twice the limit kills nothing on this machine:\n{group.story()}")
        yield group


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
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return folder.rmdir()
        except OSError as e:
            if time.monotonic() > until:
                raise OSError(f"{folder}: still {(folder / 'cgroup.procs').read_text()!r}") from e
            time.sleep(0.1)
