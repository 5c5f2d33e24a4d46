"""From the network's maps to faces: pure arithmetic, tested without a model.

The network answers on several levels, each with cells of its own stride, for faces of its own
sizes. A cell answers with the logit of "a face's centre is here", the centre's offset from the
cell's upper left corner in cells, the logarithms of width and height in cells, and five landmarks
as offsets from the same corner in cells: YuNet's encoding (Wu, Peng and Yu 2023). Several cells
may answer for one face; their answers are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MAX_FACES = 64  # peaks looked at in one frame, best first
MAX_LOG = 5.0  # 148 cells; keeps nonsense from overflowing
# Cells around a peak have their say in box and landmarks of faces of this size, in cells. Of
# smaller ones they see too little, and sometimes another face (docs/detector.md).
LARGE_CELLS = 3.0
NEAR = 0.5  # ... and from this score, as a fraction of the peak's
INSIDE = 0.8  # fraction of a small box inside a larger one from which it is a part of that face
PART = 1.8  # times a face must be larger, side by side, than a box that is a part of it
PART_SCORE = 0.7  # ... and how sure at least, as a fraction of the part's score
PEAK = 4  # index of the cell itself among the nine
DOWN, RIGHT = (d.ravel() - 1 for d in np.indices((3, 3)))  # from a cell to itself and around it


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Level:
    """The network's maps for one stride."""

    stride: int  # pixels a cell
    score: Floats  # logits, (h, w, 1)
    box: Floats  # (h, w, 4)
    landmarks: Floats  # (h, w, 10)


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


def parts(boxes: Floats, scores: Floats) -> NDArray[np.bool_]:
    """Return which of `boxes` (n, 4) are a part of another one: an eye inside a face, say."""
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    sides = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    both = np.prod(np.maximum(sides, 0), axis=2)  # (part, whole)
    area = np.maximum(boxes[:, 2] * boxes[:, 3], 1e-9)
    inside = both >= INSIDE * area[:, None]
    smaller = area[:, None] * PART**2 <= area
    sure = scores >= PART_SCORE * scores[:, None]
    result: NDArray[np.bool_] = (inside & smaller & sure).any(axis=1)
    return result


def decode(
    levels: Sequence[Level], *, threshold: float, overlap: float = 0.4
) -> tuple[Floats, Floats, Floats]:
    """Return the faces in the network's maps, best first.

    Args:
        levels: the maps of each stride.
        threshold: lowest score of a face, in (0, 1).
        overlap: intersection over union above which the weaker of two faces goes. A box inside one
            of twice its size goes too.

    Returns:
        Scores (n,) in [0, 1], boxes (n, 4: x, y, width, height) and landmarks (n, 5, 2); pixels of
        the network's input.
    """
    found = [_candidates(level, threshold) for level in levels]
    scores, boxes, points = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    order = np.argsort(-scores, kind="stable")[:MAX_FACES]
    order = order[~parts(boxes[order], scores[order])] if len(order) > 1 else order
    kept = order[suppress(boxes[order], overlap)]
    return scores[kept], boxes[kept], points[kept]


def _candidates(level: Level, threshold: float) -> tuple[Floats, Floats, Floats]:
    """Return scores (n,), boxes (n, 4) and landmarks (n, 5, 2) of a level's peaks."""
    logits = level.score[..., 0]
    sure = logits >= np.log(threshold / (1 - threshold))
    if not sure.any():  # most frames, most levels
        none = np.zeros(0, np.float32)
        return none, none.reshape(0, 4), none.reshape(0, 5, 2)
    rows, columns = np.nonzero(sure & peaks(logits))
    order = np.argsort(-logits[rows, columns], kind="stable")[:MAX_FACES]
    rows, columns = rows[order], columns[order]
    scores = _sigmoid(logits[rows, columns])
    # The cells around a peak, (n, 9), saw the same face: their mean is surer than the peak alone.
    r, c, inside = _around(rows, columns, logits.shape)
    weight = _sigmoid(logits[r, c])
    answer = level.box[r, c]
    size = level.stride * np.exp(np.clip(answer[..., 2:], -MAX_LOG, MAX_LOG))
    large = np.sqrt(size[:, PEAK].prod(axis=1)) >= LARGE_CELLS * level.stride
    heard = inside & (weight >= NEAR * scores[:, None]) & large[:, None]
    heard[:, PEAK] = True
    weight = np.where(heard, weight, np.float32(0))
    weight = (weight / weight.sum(axis=1, keepdims=True))[..., None]
    corner = np.stack([c, r], axis=-1).astype(np.float32)
    centre = (corner + answer[..., :2]) * level.stride
    points = corner[:, :, None] + level.landmarks[r, c].reshape(*r.shape, 5, 2)
    points *= level.stride
    centre, size = (centre * weight).sum(axis=1), (size * weight).sum(axis=1)
    boxes = np.concatenate([centre - size / 2, size], axis=1).astype(np.float32)
    points = (points * weight[..., None]).sum(axis=1).astype(np.float32)
    return scores, boxes, points


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
