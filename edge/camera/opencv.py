"""What every use of OpenCV's video input here needs: quiet logs, small captures, luma, turning."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]

_TURN = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


def quiet() -> None:
    """Keep OpenCV and FFmpeg from writing a line a damaged frame, with addresses in clear.

    What goes wrong is logged by the cameras themselves. Must come before the first capture, which
    is when OpenCV reads its environment.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # 4.10 has the first name only, 4.14 the second.
        set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
        set_level(0)  # silent


def capture(source: str | int, backend: int, parameters: Sequence[int] = ()) -> cv2.VideoCapture:
    """Return an opened or a closed capture; never raises for a source that cannot be opened."""
    quiet()
    try:
        if isinstance(source, int):
            return cv2.VideoCapture(source, backend, list(parameters))
        with openable(source) as name:  # FFmpeg keeps what it opened
            return cv2.VideoCapture(name, backend, list(parameters))
    except (OSError, cv2.error):
        return cv2.VideoCapture()


@contextmanager
def openable(path: str) -> Iterator[str]:
    """Yield a name that OpenCV can read from: one that is not UTF-8 ends the process.

    Raises:
        OSError: such a file cannot be opened.
    """
    if is_utf8(path):
        yield path
        return
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def is_utf8(path: str) -> bool:
    """Return whether a path has only characters, no bytes beside them."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def luma_of(picture: NDArray[np.generic]) -> Luma:
    """Return decoded colour (height, width, 3) or grey (height, width) `uint8` as luma.

    OpenCV's capture can hand over a decoder's first plane as it is, which saves 3 % of the time
    of 640x480 H.264; but it is luma of unknown range in some formats and something else in others.
    """
    if picture.ndim == 2:
        return np.asarray(picture, np.uint8)
    return np.asarray(cv2.cvtColor(np.asarray(picture, np.uint8), cv2.COLOR_BGR2GRAY), np.uint8)


def turned(luma: Luma, degrees: Literal[0, 90, 180, 270]) -> Luma:
    """Return `luma` rotated clockwise."""
    if degrees == 0:
        return luma
    return np.asarray(cv2.rotate(luma, _TURN[degrees]), np.uint8)
