"""Typed luma operations shared by the stages."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

TALLEST = 4  # times its width: a picture that is taller is reduced further, or it takes a gigabyte
THUMBNAIL_PX = 160  # pixels: wider pictures are halved once more


def resize(luma: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return the picture at another size, in pixels: by areas when it shrinks, else linear."""
    if luma.shape == (height, width):
        return luma
    way = cv2.INTER_AREA if luma.shape[1] > width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(luma, (width, height), interpolation=way), np.uint8)


def thumbnail(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture halved until it is less than THUMBNAIL_PX wide.

    Halving by areas has a fast path in OpenCV: 640x480 to 80x60 takes a sixth of one step's time.
    """
    while luma.shape[1] >= THUMBNAIL_PX:
        luma = resize(luma, luma.shape[1] // 2, max(luma.shape[0] // 2, 1))
    return luma


def shrink(luma: NDArray[np.uint8], width: int) -> tuple[NDArray[np.uint8], float, float]:
    """Reduce to at most `width` pixels across and `TALLEST` times as many down, keeping the aspect.

    Returns:
        The smaller picture, and how many times wider and higher the given one is.
    """
    rows, columns = luma.shape
    scale = min(width / columns, TALLEST * width / rows)
    if scale >= 1:
        return luma, 1.0, 1.0
    small = resize(luma, max(round(columns * scale), 1), max(round(rows * scale), 1))
    return small, columns / small.shape[1], rows / small.shape[0]
