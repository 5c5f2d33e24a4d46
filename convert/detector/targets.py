"""What the network should answer for a picture with known faces; the inverse of decoding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.detector.network import STRIDE
from edge.detect.decode import UNIT_PX

Floats = NDArray[np.float32]
SPREAD = 0.13  # sigma of a face's peak, share of its size: about where boxes still agree
MIN_SPREAD = 0.5  # cells
NEAR = 0.5  # height of the peak from which a cell must also know box and landmarks


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Maps:
    """Targets of one picture, (h, w, values) with the weight of each cell as the last value."""

    score: Floats  # (h, w, 2)
    box: Floats  # (h, w, 5)
    marks: Floats  # (h, w, 11)


def encode(faces: Floats, ignored: NDArray[np.bool_], height: int, width: int) -> Maps:
    """Return the target maps of a picture of `height` x `width` pixels.

    Args:
        faces: (n, 14): x, y, width, height, then five landmarks (x, y); pixels. NaN landmarks are
            not asked for.
        ignored: (n,): neither a face nor none: cells in its box count for nothing.
        height: a multiple of the stride.
        width: a multiple of the stride.
    """
    h, w = height // STRIDE, width // STRIDE
    score = np.zeros((h, w, 2), np.float32)
    score[..., 1] = 1
    box = np.zeros((h, w, 5), np.float32)
    marks = np.zeros((h, w, 11), np.float32)
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32)
    for face in faces[ignored]:
        x0, y0 = face[:2] / STRIDE
        x1, y1 = (face[:2] + face[2:4]) / STRIDE
        inside = (xs + 1 > x0) & (xs < x1) & (ys + 1 > y0) & (ys < y1)
        score[inside, 1] = 0
    best = np.zeros((h, w), np.float32)
    for face in faces[~ignored]:
        fw, fh = face[2:4]
        cx, cy = face[0] + fw / 2, face[1] + fh / 2
        column, row = int(cx // STRIDE), int(cy // STRIDE)
        if not (0 <= column < w and 0 <= row < h):
            continue
        sigma = max(MIN_SPREAD, SPREAD * float(np.sqrt(fw * fh)) / STRIDE)
        peak = np.exp(-((xs - column) ** 2 + (ys - row) ** 2) / (2 * sigma**2))
        score[..., 0] = np.maximum(score[..., 0], peak)
        score[row, column, 1] = 1
        mine = (peak >= NEAR) & (peak > best)
        best[mine] = peak[mine]
        share = peak[mine] / peak[peak >= NEAR].sum()  # every face counts the same
        px, py = (xs[mine] + 0.5) * STRIDE, (ys[mine] + 0.5) * STRIDE
        box[mine, 0], box[mine, 1] = (cx - px) / fw, (cy - py) / fh
        box[mine, 2], box[mine, 3] = np.log(fw / UNIT_PX), np.log(fh / UNIT_PX)
        box[mine, 4] = share
        points = face[4:14].reshape(5, 2)
        if np.isfinite(points).all():
            marks[mine, :10] = ((points - (cx, cy)) / (fw, fh)).reshape(10)
            marks[mine, 10] = share
        else:
            marks[mine, 10] = 0
    return Maps(score, box, marks)
