"""Pictures and recordings to analyze, made of the demo clip."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge import cli
from tests.conftest import DEMO_CLIP

Luma = np.ndarray[Any, np.dtype[np.uint8]]


@functools.cache
def face() -> Luma:
    """A frame of the demo clip with a happy face in it, 320x240."""
    video = cv2.VideoCapture(str(DEMO_CLIP))
    video.set(cv2.CAP_PROP_POS_FRAMES, 60)
    grey = cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2GRAY)
    video.release()
    return np.asarray(grey, np.uint8)


def empty() -> Luma:
    """A picture without a face."""
    return np.tile(np.arange(320, dtype=np.uint8), (240, 1))


def save(path: Path, luma: Luma) -> Path:
    """Write a picture in the format of its suffix, whatever characters its name has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, luma)[1].tobytes())
    return path


def clip(path: Path, seconds: float = 3.0) -> Path:
    """Write a short recording: the first `seconds` of a face in the demo clip, at 15 a second."""
    video = cv2.VideoCapture(str(DEMO_CLIP))
    video.set(cv2.CAP_PROP_POS_FRAMES, 45)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 15.0, (320, 240))
    for _ in range(round(seconds * 15)):
        writer.write(video.read()[1])
    writer.release()
    video.release()
    return path


def visits(path: Path, *frames: int) -> Path:
    """Write a recording of 15 frames a second: a face for 30 frames, an empty room for 60.

    Or for as many as `frames` says, in turns.
    """
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 15.0, (320, 240))
    room = cv2.cvtColor(empty(), cv2.COLOR_GRAY2BGR)
    video = cv2.VideoCapture(str(DEMO_CLIP))
    for part, count in enumerate(frames or (30, 60)):
        video.set(cv2.CAP_PROP_POS_FRAMES, 45)
        for _ in range(count):
            writer.write(room if part % 2 else video.read()[1])
    writer.release()
    video.release()
    return path


def cut(path: Path, to: Path) -> Path:
    """Write the first half of a file."""
    to.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return to


class _Bytes(io.TextIOWrapper):
    """Standard output that keeps its bytes."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="surrogateescape")


def analyze(*args: object) -> tuple[int, bytes, str]:
    """Run the command in this process; return exit code, standard output, standard error."""
    out, err = _Bytes(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main(["analyze", *map(str, args)])
    out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return code, out.buffer.getvalue(), err.getvalue()


def lines(out: bytes) -> list[dict[str, Any]]:
    """Return lines of JSON."""
    return list(_parsed(out))


def _parsed(out: bytes) -> Iterator[dict[str, Any]]:
    for line in out.splitlines():
        yield json.loads(line)


def save_gif(path: Path) -> Path:
    """Write a picture as a GIF, which OpenCV makes of colour only."""
    if not cv2.haveImageWriter("x.gif"):
        pytest.skip("this OpenCV writes no GIF")
    return save(path, np.asarray(cv2.cvtColor(face(), cv2.COLOR_GRAY2BGR), np.uint8))
