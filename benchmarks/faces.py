"""Clips with several people, put together from crops of the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Picture = np.ndarray[Any, np.dtype[np.uint8]]

# Columns of each clip that its person's head stays in, 320 wide; pixels.
PEOPLE = (("sorry", 145), ("yes", 145), ("bird", 160), ("walk", 160))


def people(clips: Path, faces: int, frames: int) -> list[Picture]:
    """Return 640x480 pictures with 1, 2 or 4 people at their own size, there and back in time."""
    shown = [_read(clips / f"{name}.mkv") for name, _ in PEOPLE[:faces]]
    out = []
    for n in range(frames):
        now = [_there_and_back(s, n) for s in shown]
        if faces == 1:
            out.append(now[0])
            continue
        height = 480 if faces == 2 else 240
        parts = [
            picture[:height, x : x + 320]
            for picture, (_, x) in zip(now, PEOPLE[:faces], strict=True)
        ]
        rows = [np.hstack(parts[i : i + 2]) for i in range(0, faces, 2)]
        out.append(np.ascontiguousarray(np.vstack(rows)))
    return out


def write(path: Path, pictures: Sequence[Picture], fps: float) -> None:
    """Write an MJPEG video of colour pictures, or of luma."""
    height, width, *colour = pictures[0].shape
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), code, fps, (width, height), isColor=bool(colour))
    for picture in pictures:
        writer.write(picture)
    writer.release()


def _read(path: Path) -> list[Picture]:
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    pictures = []
    while True:
        ok, picture = video.read()
        if not ok:
            break
        pictures.append(np.asarray(picture, np.uint8))
    video.release()
    if not pictures:
        raise SystemExit(f"{path}: no frames")
    return pictures


def _there_and_back(pictures: Sequence[Picture], n: int) -> Picture:
    n %= 2 * len(pictures) - 2
    return pictures[min(n, 2 * len(pictures) - 2 - n)]
