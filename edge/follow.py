"""Carries a box on between detections by normalised cross-correlation of a small template."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import Box
from edge.image import resize

SIDE = 24  # pixels of the template: enough to lock on a face, 0.05 ms a face
SEARCH = 0.4  # fraction of the box searched beyond it, on each side
MIN_CONTRAST = 2.0  # standard deviation of luma: below, there is nothing but noise to follow
MIN_MATCH = 0.6  # correlation under which the place is not trusted


def patch(luma: NDArray[np.uint8], box: Box) -> NDArray[np.uint8] | None:
    """Return the box's picture at SIDE x SIDE; None: partly out of the frame, or without contrast.

    The correlation of a picture that is one grey is not defined; OpenCV says 1.
    """
    rows, columns = luma.shape
    x0, y0 = round(box.x), round(box.y)
    x1, y1 = round(box.x + box.width), round(box.y + box.height)
    if x0 < 0 or y0 < 0 or x1 > columns or y1 > rows or x1 - x0 < 8 or y1 - y0 < 8:
        return None
    picture = resize(luma[y0:y1, x0:x1], SIDE, SIDE)
    return picture if float(cv2.meanStdDev(picture)[1][0, 0]) >= MIN_CONTRAST else None


def follow(luma: NDArray[np.uint8], box: Box, template: NDArray[np.uint8]) -> tuple[Box, float]:
    """Find `template` near `box`.

    Args:
        luma: shape (rows, columns).
        box: where it should be, pixels.
        template: of `patch`.

    Returns:
        The box moved to the best place, and the correlation there, in [-1, 1].
    """
    rows, columns = luma.shape
    x0 = max(round(box.x - SEARCH * box.width), 0)
    y0 = max(round(box.y - SEARCH * box.height), 0)
    x1 = min(round(box.x + (1 + SEARCH) * box.width), columns)
    y1 = min(round(box.y + (1 + SEARCH) * box.height), rows)
    sx, sy = SIDE / box.width, SIDE / box.height
    width, height = round((x1 - x0) * sx), round((y1 - y0) * sy)
    if width < SIDE or height < SIDE:
        return box, -1.0
    area = resize(luma[y0:y1, x0:x1], width, height)
    surface = cv2.matchTemplate(area, template, cv2.TM_CCOEFF_NORMED)
    _, best, _, at = cv2.minMaxLoc(surface)
    return Box(x0 + at[0] / sx, y0 + at[1] / sy, box.width, box.height), float(best)


def similarity(a: NDArray[np.uint8] | None, b: NDArray[np.uint8] | None) -> float:
    """Correlation of two patches, in [-1, 1]; 0 where one is missing."""
    if a is None or b is None:
        return 0.0
    return float(cv2.matchTemplate(a, b, cv2.TM_CCOEFF_NORMED)[0, 0])
