"""A face cut out of a frame as a model wants it, and whether the picture of it is any good."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import Box, Points, roll
from edge.image import resize
from edge.model.manifest import InputSpec

# degrees: a head tilted by less is not turned upright. The model knows small tilts: measured up to
# 10 degrees, turning gains nothing (docs/detector.md), and most faces keep the cheaper crop.
MIN_ROLL = 10.0
QUALITY_SIDE = 48  # pixels: sharpness is measured at FER2013's size, so that one limit fits all


def square(box: Box, margin: float) -> tuple[int, int, int]:
    """Return left, top and side of the square that `crop_face` cuts, in pixels of the frame."""
    side = max(box.width, box.height) * (1 + 2 * margin)
    cx, cy = box.centre
    return round(cx - side / 2), round(cy - side / 2), max(round(side), 1)


def crop_face(
    luma: NDArray[np.uint8], box: Box, margin: float, width: int, height: int
) -> NDArray[np.uint8]:
    """Cut a square around a face and bring it to the model's size.

    The side is the longer side of `box`, plus `margin` times that on each side. Where the square
    reaches past the frame, the border pixels are repeated.

    Args:
        luma: shape (rows, columns).
        box: pixels of `luma`; may reach past it, not lie wholly outside.
        margin: fraction of the side added on each side; negative cuts into the box.
        width: pixels of the result.
        height: pixels of the result.

    Returns:
        Shape (height, width).

    Raises:
        ValueError: the box has no area, or lies outside.
    """
    rows, columns = luma.shape
    left, top, side = square(box, margin)
    right, bottom = left + side, top + side
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, columns), min(bottom, rows)
    if max(box.width, box.height) <= 0 or x0 >= x1 or y0 >= y1:
        raise ValueError(f"box {box} has no part in a frame of {columns}x{rows}")
    part = luma[y0:y1, x0:x1]
    pads = (y0 - top, bottom - y1, x0 - left, right - x1)
    if any(pads):
        part = np.asarray(cv2.copyMakeBorder(part, *pads, cv2.BORDER_REPLICATE), np.uint8)
    return resize(part, width, height)


def crop_upright(
    luma: NDArray[np.uint8], box: Box, degrees: float, margin: float, width: int, height: int
) -> NDArray[np.uint8]:
    """Cut the same square as `crop_face`, turned about its middle so that a tilted head stands.

    `degrees` is how far the head is tilted, clockwise in the picture; the rest is as there.
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    reach = abs(cos) + abs(sin)  # side of the upright square around the turned one
    n = max(width, height)
    side = round(n * reach)
    around = crop_face(luma, box, ((1 + 2 * margin) * reach - 1) / 2, side, side)
    across = ((np.arange(width) - (width - 1) / 2) * n / width).astype(np.float32)
    down = ((np.arange(height) - (height - 1) / 2) * n / height).astype(np.float32)[:, None]
    middle = np.float32((side - 1) / 2)
    x = middle + np.float32(cos) * across - np.float32(sin) * down
    y = middle + np.float32(sin) * across + np.float32(cos) * down
    upright = cv2.remap(around, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(upright, np.uint8)


def crop_for(
    spec: InputSpec, luma: NDArray[np.uint8], box: Box, landmarks: Points | None = None
) -> NDArray[np.uint8]:
    """Cut out a face for a model's input, upright by its eyes where `landmarks` are given.

    Raises:
        ValueError: the box has no area, or lies outside.
    """
    return crop_turned(spec, luma, box, tilt(landmarks, box))


def tilt(landmarks: Points | None, box: Box) -> float:
    """Return by how many degrees a crop is turned to stand upright; 0: not worth it."""
    degrees = roll(landmarks, box) if landmarks else 0.0
    return degrees if abs(degrees) >= MIN_ROLL else 0.0


def crop_turned(
    spec: InputSpec, luma: NDArray[np.uint8], box: Box, degrees: float
) -> NDArray[np.uint8]:
    """Cut out a face for a model's input, turned by `tilt`; the rest is as in `crop_for`."""
    if degrees == 0:
        return crop_face(luma, box, spec.margin, spec.width, spec.height)
    return crop_upright(luma, box, degrees, spec.margin, spec.width, spec.height)


def sharpness(face: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian, at 48 pixels and relative to contrast.

    The focus measure of Pech-Pacheco et al. 2000, divided by the variance of luma so that a dim
    face is not taken for a blurred one. Medians measured on FER2013: 0.7 as they are, 0.06 after a
    Gaussian blur of 1 pixel, 0.02 after 1.5, 0.01 after 2; people before a camera have 0.2 to 0.6.
    """
    small = resize(face, QUALITY_SIDE, QUALITY_SIDE)
    # OpenCV's own mean and deviation take a quarter of NumPy's time on so small a picture.
    _, edges = cv2.meanStdDev(cv2.Laplacian(small, cv2.CV_16S))
    _, luma = cv2.meanStdDev(small)
    return float(edges[0, 0] ** 2 / (luma[0, 0] ** 2 + 1.0))
