"""What the tests of cameras share: real videos, real children, and someone who watches."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from edge.config import Camera as Config
from edge.messages import CameraLost, CameraSilent, Frame, FromCamera
from edge.stages import Camera
from tests.waiting import PATIENCE_S, wait_until

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
# Comes back at once. A stall takes long enough that a busy machine does not make one by itself:
# tests that make one say how long they wait for it.
QUICK = {"stall_s": 20.0, "open_timeout_s": 20.0, "backoff_min_s": 0.02, "backoff_max_s": 0.1}


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True, timeout=PATIENCE_S)


def make_video(path: Path, *codec: str, size: str = "64x48", fps: int = 10, s: float = 1.0) -> Path:
    """A test picture that differs from frame to frame."""
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s={size}:r={fps}:d={s}", *codec, str(path))
    return path


def make_plain_video(path: Path, levels: list[int], fps: float = 10.0) -> Path:
    """One uniform grey level a frame, written by OpenCV itself: needs no ffmpeg."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    assert writer.isOpened()
    for level in levels:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path


def ffmpeg_camera(width: int = 64, height: int = 48, fps: int = 50, **more: object) -> Config:
    """A camera program that behaves: ffmpeg in the place of rpicam-vid."""
    source = "testsrc=s={width}x{height}:r={fps}"
    command = ["ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", source]
    command += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    return Config(
        source="command", command=command, width=width, height=height, fps=fps, **(QUICK | more)
    )


OURS = f"of-the-tests-{os.getpid()}"  # in the command lines of programs that these tests start
CHILD = (
    f"""# {OURS}"""
    + """
import os, signal, subprocess, sys, time
def frame(i):
    return bytes([i % 200 + 20]) * (64 * 48 * 3 // 2)
def write(data):
    while data:
        data = data[os.write(1, data):]
{setup}
i = 0
while True:
    i += 1
    {body}
    time.sleep(0.02)
"""
)


def python_camera(body: str = "write(frame(i))", setup: str = "", **more: object) -> Config:
    """A camera program that misbehaves as told; `i` counts its frames of 64x48 from 1."""
    command = [sys.executable, "-S", "-c", CHILD.format(setup=setup, body=body)]
    return Config(source="command", command=command, width=64, height=48, **(QUICK | more))


class Watcher:
    """Takes what a camera yields, in a thread of its own, for the test to look at."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.seen: list[FromCamera] = []
        self._looked_at = 0  # of `seen`, by the waits so far
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._watch, name="watcher")
        self._thread.start()

    def _watch(self) -> None:
        try:
            for message in self.camera.frames():
                self.seen.append(message)
        except BaseException as e:
            self.error = e

    @property
    def frames(self) -> list[Frame]:
        return [m for m in self.seen if isinstance(m, Frame)]

    @property
    def lost(self) -> list[CameraLost]:
        return [m for m in self.seen if isinstance(m, CameraLost)]

    @property
    def silent(self) -> list[CameraSilent]:
        return [m for m in self.seen if isinstance(m, CameraSilent)]

    def wait_frames(self, more: int = 3) -> None:
        """Wait for `more` frames after what an earlier wait saw."""
        for _ in range(more):
            self._next(lambda m: isinstance(m, Frame), f"{more} more frames")

    def wait_lost(self, word: str = "") -> CameraLost:
        """Wait for a `CameraLost` after what an earlier wait saw, with `word` in its reason."""
        lost = self._next(
            lambda m: isinstance(m, CameraLost) and word in m.why, f"a loss because of {word!r}"
        )
        assert isinstance(lost, CameraLost)
        return lost

    def _next(self, wanted: Callable[[FromCamera], bool], what: str) -> FromCamera:
        found: list[FromCamera] = []

        def came() -> bool:
            while not found and self._looked_at < len(self.seen):
                message = self.seen[self._looked_at]
                self._looked_at += 1
                if wanted(message):
                    found.append(message)
            return bool(found) or self.error is not None

        wait_until(came, f"{what}; lost: {[m.why for m in self.lost[-5:]]}")
        assert self.error is None
        return found[0]

    def finish(self) -> None:
        self.camera.close()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "frames() did not end after close()"


@contextlib.contextmanager
def watching(camera: Camera) -> Iterator[Watcher]:
    watcher = Watcher(camera)
    try:
        yield watcher
    finally:
        watcher.finish()


_others: set[psutil.Process] = set()  # children of other tests: a database, a browser


def leave_out_others() -> None:
    """From now on, only children that are started later are looked at."""
    _others.clear()
    _others.update(psutil.Process().children())


def own() -> list[psutil.Process]:
    return [c for c in psutil.Process().children() if c not in _others]


def children() -> list[psutil.Process]:
    """Children and theirs."""
    found = []
    for child in own():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child, *child.children(recursive=True)]
    return found


def program() -> psutil.Process:
    """The one camera program that runs, a child of the process that was started to watch it.

    Waited for: on a busy machine one may just be taking another's place.
    """
    found: list[psutil.Process] = []

    def one() -> bool:
        found.clear()
        with contextlib.suppress(psutil.NoSuchProcess):
            found.extend({c for child in own() for c in child.children()})
        return len(found) == 1

    wait_until(one, f"one camera program, not {found}")
    return found[0]


def ended(process: psutil.Process) -> bool:
    """Whether it ended; that a stranger has not reaped it yet is no life."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def camera_threads() -> int:
    return sum(t.name == "camera" for t in threading.enumerate())


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
