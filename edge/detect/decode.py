"""From the network's maps to faces: pure arithmetic, tested without a model.

A cell of `stride` pixels answers with the logit of "a face's centre is here", the centre's offset
from the cell's middle in face widths and heights, the logarithms of width and height in units of
`UNIT_PX`, and five landmarks as offsets from the face's centre in face widths and heights. Several
cells answer for one large face; their answers are averaged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

UNIT_PX = 32.0  # a face of this size has logarithm 0
MAX_FACES = 64  # peaks looked at in one frame, best first
MAX_LOG = 3.0  # 640 pixels; keeps nonsense from overflowing
# Cells around a peak have their say in box and landmarks of faces of this size, in pixels: three
# cells. Of smaller ones they see too little, and sometimes another face (docs/detector.md).
LARGE_PX = 24.0
# ... and from this score, as a fraction of the peak's: there the training asks for box and
# landmarks (`convert.detector.targets.NEAR`).
NEAR = 0.5
PEAK = 4  # index of the cell itself among the nine
DOWN, RIGHT = (d.ravel() - 1 for d in np.indices((3, 3)))  # from a cell to itself and around it


def peaks(score: Floats) -> NDArray[np.bool_]:
    """Return where a cell of `score` (h, w) is not beaten by any of its eight neighbours."""
    h, w = score.shape
    padded = np.full((h + 2, w + 2), -np.inf, np.float32)
    padded[1:-1, 1:-1] = score
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    best = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    keep: NDArray[np.bool_] = score >= best
    return keep


def overlaps(boxes: Floats) -> Floats:
    """Return the intersection over union of every pair of `boxes` (n, 4: x, y, w, h): (n, n)."""
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    sides = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    both = np.prod(np.maximum(sides, 0), axis=2)
    area = boxes[:, 2] * boxes[:, 3]
    result: Floats = both / np.maximum(area[:, None] + area - both, 1e-9)
    return result


def suppress(boxes: Floats, most: float) -> list[int]:
    """Return which of `boxes`, best first, overlap no better one that stays by more than `most`."""
    overlap = overlaps(boxes)
    kept: list[int] = []
    for i in range(len(boxes)):
        if not kept or float(overlap[i, kept].max()) <= most:
            kept.append(i)
    return kept


def decode(
    score: Floats,
    box: Floats,
    marks: Floats,
    *,
    stride: int,
    threshold: float,
    overlap: float = 0.4,
) -> tuple[Floats, Floats, Floats]:
    """Return the faces in the network's maps, best first.

    Args:
        score: logits, (h, w, 1).
        box: (h, w, 4).
        marks: (h, w, 10).
        stride: pixels a cell.
        threshold: lowest score of a face, in (0, 1).
        overlap: intersection over union above which the weaker of two faces goes.

    Returns:
        Scores (n,) in [0, 1], boxes (n, 4: x, y, width, height) and landmarks (n, 5, 2); pixels of
        the network's input.
    """
    logits = score[..., 0]
    rows, columns = np.nonzero((logits >= np.log(threshold / (1 - threshold))) & peaks(logits))
    order = np.argsort(-logits[rows, columns], kind="stable")[:MAX_FACES]
    rows, columns = rows[order], columns[order]
    scores = _sigmoid(logits[rows, columns])
    # The cells around a peak, (n, 9), saw the same face: their mean is surer than the peak alone.
    r, c, inside = _around(rows, columns, logits.shape)
    weight = _sigmoid(logits[r, c])
    answer = box[r, c]
    size = UNIT_PX * np.exp(np.clip(answer[..., 2:], -MAX_LOG, MAX_LOG))
    large = np.sqrt(size[:, PEAK].prod(axis=1)) >= LARGE_PX
    heard = inside & (weight >= NEAR * scores[:, None]) & large[:, None]
    heard[:, PEAK] = True
    weight = np.where(heard, weight, np.float32(0))
    weight = (weight / weight.sum(axis=1, keepdims=True))[..., None]
    centre = (np.stack([c, r], axis=-1) + np.float32(0.5)) * stride + answer[..., :2] * size
    points = centre[:, :, None] + marks[r, c].reshape(*r.shape, 5, 2) * size[:, :, None]
    centre, size = (centre * weight).sum(axis=1), (size * weight).sum(axis=1)
    boxes = np.concatenate([centre - size / 2, size], axis=1).astype(np.float32)
    points = (points * weight[..., None]).sum(axis=1)
    kept = suppress(boxes, overlap)
    return scores[kept], boxes[kept], points[kept].astype(np.float32)


def _around(
    rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return rows and columns of each cell's nine, (n, 9), and which are not past the border."""
    r, c = rows[:, None] + DOWN, columns[:, None] + RIGHT
    inside = (r >= 0) & (r < shape[0]) & (c >= 0) & (c < shape[1])
    return np.where(inside, r, rows[:, None]), np.where(inside, c, columns[:, None]), inside


def _sigmoid(logits: Floats) -> Floats:
    result: Floats = (1 / (1 + np.exp(np.minimum(-logits, 80)))).astype(np.float32)  # finite
    return result
