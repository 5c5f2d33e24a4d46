"""Reads pictures from files, one after the other, each with its time in the recording."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from edge.camera.opencv import Luma, capture, luma_of, openable, quiet
from edge.errors import NoInputError

log = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
FALLBACK_FPS = 25.0  # 1/s, of a video that does not say
WHOLE = 0.9  # of the length that a container tells: an estimate, give it room
MAX_FPS = 1000.0  # 1/s; what claims more does not know


class Reader(Protocol):
    """Something with pictures in it."""

    description: str
    cut: str  # known after a run: where it ended before its end; empty: it is whole

    def pictures(self) -> Iterator[tuple[float, Luma | None]]:
        """Yield (seconds since the first picture, luma) once through, times never decreasing.

        None stands for a picture that is there and cannot be read.

        Raises:
            NoInputError: nothing can be read, naming the file.
        """

    @property
    def length_s(self) -> float:
        """Seconds of one complete run, known after it: when a loop begins again."""


class VideoReader:
    """A video (mp4, mkv, avi, webm, ...) or an animated GIF, through FFmpeg."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._length = 0.0
        self.description = path.name
        self.cut = ""

    @property
    def length_s(self) -> float:
        """Seconds of one complete run."""
        return self._length

    def pictures(self) -> Iterator[tuple[float, Luma | None]]:
        """Yield (time, luma), see `Reader`."""
        # One decoding thread: more hold back frames and memory, and the loop has one core.
        video = capture(str(self._path), cv2.CAP_FFMPEG, (cv2.CAP_PROP_N_THREADS, 1))
        try:
            if not video.isOpened():
                raise NoInputError(
                    f"{self._path}: cannot be read as a video, GIF or image; is it damaged?"
                )
            yield from self._run(video)
        finally:
            video.release()

    def _run(self, video: cv2.VideoCapture) -> Iterator[tuple[float, Luma | None]]:
        rate = video.get(cv2.CAP_PROP_FPS)
        interval = 1 / _sane_fps(rate)
        expected = video.get(cv2.CAP_PROP_FRAME_COUNT)
        first, t, count = 0.0, 0.0, 0
        while True:
            ok, picture = video.read()
            if not ok or picture is None:
                break
            pts = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if count == 0:
                first = pts
                height, width = picture.shape[:2]
                self.description = f"{self._path.name}, {width}x{height}, {1 / interval:.3g}/s"
            else:
                # Containers without usable time stamps say 0, or the same again.
                t = pts - first if pts - first > t else t + interval
            count += 1
            yield t, luma_of(picture)
        if count == 0:
            raise NoInputError(
                f"{self._path}: opens, but no frame of it can be decoded (AV1 is not in every "
                "OpenCV); convert it with: ffmpeg -i IN -c:v libx264 OUT.mp4"
            )
        self._length = t + interval
        # By the time: where frames come as they like, their number is an estimate.
        told_s = expected / rate if rate > 0 else 0.0
        if self._length < WHOLE * told_s:
            self.cut = f"ended after {self._length:.1f} of {told_s:.1f} s"


class ImageReader:
    """One image, or several as if they were frames."""

    def __init__(self, paths: list[Path], name: Path, fps: float) -> None:
        self._paths = paths
        self._name = name
        self._interval = 1 / fps
        self._warned = False
        self.cut = ""
        self.description = f"{name.name}, {len(paths)} image{'s' if len(paths) > 1 else ''}"

    @property
    def length_s(self) -> float:
        """Seconds of one complete run."""
        return len(self._paths) * self._interval

    def pictures(self) -> Iterator[tuple[float, Luma | None]]:
        """Yield (time, luma), see `Reader`."""
        readable = False
        for i, path in enumerate(self._paths):
            luma = _image(path)
            if luma is None:
                log.log(
                    logging.DEBUG if self._warned else logging.WARNING,
                    "%s: not a readable image; passed over",
                    path,
                )
                self._warned = True
            readable = readable or luma is not None
            yield i * self._interval, luma
        if not readable:
            raise NoInputError(f"{self._name}: not a readable image")


def open_reader(path: Path, fps: float) -> Reader:
    """Return the reader for a file or folder; `fps` (1/s) is the rate of images.

    Raises:
        NoInputError: it does not exist, is empty, or is not a file or folder.
    """
    try:
        if path.is_dir():
            images = [p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
            if not images:
                kinds = ", ".join(sorted(IMAGE_SUFFIXES))
                raise NoInputError(f"{path}: a folder without images; allowed: {kinds}")
            return ImageReader(sorted(images, key=natural), path, fps)
        if not path.exists():
            raise NoInputError(f"{path}: no such file, folder or device")
        if not path.is_file():
            raise NoInputError(f"{path}: neither a file, a folder nor a camera")
        with path.open("rb") as f:  # so that a missing permission is called by its name
            if not f.read(1):
                raise NoInputError(f"{path}: is empty")
    except OSError as e:
        raise NoInputError(f"{path}: {e.strerror}") from e
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageReader([path], path, fps)
    return VideoReader(path)


def natural(path: Path) -> list[tuple[int, int | str]]:
    """Return a sort key that puts `img2` before `img10`."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(p)) if p.isdecimal() else (1, p) for p in parts if p]


def _image(path: Path) -> Luma | None:
    quiet()
    try:
        with openable(str(path)) as name:
            picture = cv2.imread(name, cv2.IMREAD_GRAYSCALE)
    except (OSError, cv2.error):  # for instance more pixels than OpenCV's bound
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _sane_fps(fps: float) -> float:
    return fps if math.isfinite(fps) and 0 < fps <= MAX_FPS else FALLBACK_FPS
