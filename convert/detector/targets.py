"""What the network should answer for a picture with known faces; the inverse of decoding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.detector.network import STRIDES

Floats = NDArray[np.float32]
SPREAD = 0.13  # sigma of a face's peak, as a fraction of its size: about where boxes still agree
MIN_SPREAD = 0.6  # cells
NEAR = 0.2  # height of the peak from which a cell must also know box and landmarks
# Pixels (geometric mean of the sides) from which the next coarser level answers for a face: 4.5
# cells of the finer level, 2.2 of the coarser one.
BOUNDS = (36.0, 100.0)
BOTH = 1.3  # within this factor of a bound both levels answer
EITHER = 3.0  # within this factor of a level's range it may answer: YuNet's finest does to 100


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Maps:
    """Targets of one level, as `convert.detector.loss` takes them."""

    score: Floats  # (h, w, 2): values, weight of the cell
    box: Floats  # (h, w, 9): values, what an error of 1 counts for each, weight of the cell
    landmarks: Floats  # (h, w, 21): the same


def level_range(level: int) -> tuple[float, float]:
    """Return the face sizes in pixels, from and to, that a level (0, 1, 2) answers for."""
    low = BOUNDS[level - 1] if level else 0.0
    high = BOUNDS[level] if level < len(BOUNDS) else float("inf")
    return low, high


def encode(faces: Floats, ignored: NDArray[np.bool_], height: int, width: int) -> dict[int, Maps]:
    """Return the target maps of a picture of `height` x `width` pixels, by stride.

    Args:
        faces: (n, 14): x, y, width, height, then five landmarks (x, y); pixels. NaN landmarks are
            not asked for.
        ignored: (n,): neither a face nor none: cells in its box count for nothing.
        height: a multiple of the coarsest stride.
        width: a multiple of the coarsest stride.
    """
    return {
        stride: _level(faces, ignored, height // stride, width // stride, stride, level_range(k))
        for k, stride in enumerate(STRIDES)
    }


def _level(
    faces: Floats,
    ignored: NDArray[np.bool_],
    h: int,
    w: int,
    stride: int,
    sizes: tuple[float, float],
) -> Maps:
    score = np.zeros((h, w, 2), np.float32)
    score[..., 1] = 1
    box = np.zeros((h, w, 9), np.float32)
    landmarks = np.zeros((h, w, 21), np.float32)
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32)
    for face in faces[ignored]:
        x0, y0 = face[:2] / stride
        x1, y1 = (face[:2] + face[2:4]) / stride
        inside = (xs + 1 > x0) & (xs < x1) & (ys + 1 > y0) & (ys < y1)
        score[inside, 1] = 0
    best = np.zeros((h, w), np.float32)
    low, high = sizes
    for face in faces[~ignored]:
        fw, fh = face[2:4]
        size = float(np.sqrt(fw * fh))
        cx, cy = face[0] + fw / 2, face[1] + fh / 2
        column, row = int(cx // stride), int(cy // stride)
        if not (0 <= column < w and 0 <= row < h):
            continue
        sigma = max(MIN_SPREAD, SPREAD * size / stride)
        peak = np.exp(-((xs - column) ** 2 + (ys - row) ** 2) / (2 * sigma**2))
        if not low / EITHER <= size < high * EITHER:
            continue
        if low / BOTH <= size < high * BOTH:
            score[..., 0] = np.maximum(score[..., 0], peak)
            score[row, column, 1] = 1
        else:  # another level's face, which this one may see too, and then must know where it is
            score[peak >= NEAR, 1] = 0
        mine = (peak >= NEAR) & (peak > best)
        best[mine] = peak[mine]
        weight = peak[mine] / peak[peak >= NEAR].sum()  # every face counts the same
        corner = np.stack([xs[mine], ys[mine]], axis=-1)
        cells = face[2:4] / stride
        box[mine, :2] = np.asarray((cx, cy)) / stride - corner
        box[mine, 2:4] = np.log(cells)
        box[mine, 4:8] = (*1 / cells, 1, 1)  # an error counts in face widths and heights
        box[mine, 8] = weight
        points = face[4:14].reshape(5, 2)
        if np.isfinite(points).all():
            landmarks[mine, :10] = (points / stride - corner[:, None]).reshape(-1, 10)
            landmarks[mine, 10:20] = np.tile(1 / cells, 5)
            landmarks[mine, 20] = weight
        else:
            landmarks[mine, 20] = 0
    return Maps(score, box, landmarks)
