"""How well found faces fit the true ones: matching, average precision, recall by kind of face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

OVERLAP = 0.4  # intersection over union from which a box is that face
SIZES = (8.0, 12.0, 16.0, 24.0, 48.0, 96.0, 160.0, 640.0)  # pixels: bounds of the recall by size
TURNS = (0.0, 10.0, 20.0, 30.0, 45.0, 180.0)  # degrees: bounds of the recall by rotation


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Truth:
    """The faces of one picture."""

    faces: Floats  # (n, 14): x, y, width, height, five landmarks (x, y)
    ignored: NDArray[np.bool_]  # (n,): may be found or not


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a detector found in one picture, best first."""

    boxes: Floats  # (m, 4): x, y, width, height
    scores: Floats  # (m,)
    landmarks: Floats | None  # (m, 5, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A free-response ROC curve: one point for each threshold, from strict to lax."""

    false_a_picture: NDArray[np.float64]
    recall: NDArray[np.float64]

    def recall_at(self, false_a_picture: float) -> float:
        """Return the best recall with at most so many false faces a picture."""
        allowed = self.recall[self.false_a_picture <= false_a_picture]
        return float(allowed.max()) if len(allowed) else 0.0


def overlap(one: Floats, many: Floats) -> Floats:
    """Return the intersection over union of box (4,) with each of (n, 4)."""
    low = np.maximum(one[:2], many[:, :2])
    high = np.minimum(one[:2] + one[2:4], many[:, :2] + many[:, 2:4])
    both = np.prod(np.maximum(high - low, 0), axis=1)
    result: Floats = both / np.maximum(one[2] * one[3] + many[:, 2] * many[:, 3] - both, 1e-9)
    return result


def match(truth: Truth, found: Found) -> tuple[NDArray[np.intp], NDArray[np.int8]]:
    """Give each face to the best-scored box that fits it.

    Returns:
        For each true face the index of its box, or -1; for each box 1 (right), 0 (false) or -1 (on
        an ignored face, or a part of one: neither).
    """
    of_face = np.full(len(truth.faces), -1, np.intp)
    kind = np.zeros(len(found.boxes), np.int8)
    for i, box in enumerate(found.boxes):
        if not len(truth.faces):
            break
        fits = overlap(box, truth.faces[:, :4])
        free = np.where((of_face < 0) & ~truth.ignored, fits, 0)
        best = int(free.argmax())
        if free[best] >= OVERLAP:
            of_face[best], kind[i] = i, 1
        elif (fits[truth.ignored] > 0.1).any():
            kind[i] = -1
    return of_face, kind


def average_precision(scores: Floats, right: NDArray[np.bool_], faces: int) -> float:
    """Return the area under the precision-recall curve, precision made monotonic (VOC 2010)."""
    if not faces or not len(scores):
        return 0.0
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    precision = hits / np.arange(1, len(order) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(np.concatenate([[0], hits])) / faces
    return float((best * steps).sum())


def froc(truths: Sequence[Truth], founds: Sequence[Found], empty: Sequence[Found]) -> Curve:
    """Return recall over false faces a picture, threshold by threshold (Bunch et al. 1978).

    Args:
        truths: the faces of pictures.
        founds: what was found in them, all scores.
        empty: what was found in pictures without a face: only these count as false.
    """
    hits: list[float] = []
    faces = 0
    for truth, found in zip(truths, founds, strict=True):
        of_face, _ = match(truth, found)
        asked = of_face[~truth.ignored]
        faces += len(asked)
        hits += found.scores[asked[asked >= 0]].tolist()
    false = np.sort(np.concatenate([f.scores for f in empty]))[::-1] if empty else np.zeros(0)
    right = np.sort(np.array(hits))[::-1]
    levels = np.unique(np.concatenate([right, false]))[::-1]
    return Curve(
        np.searchsorted(-false, -levels, "right") / max(len(empty), 1),
        np.searchsorted(-right, -levels, "right") / max(faces, 1),
    )


def turn(face: Floats) -> float:
    """Return how far the line of the eyes is from level, in degrees, 0 to 90."""
    dx, dy = face[6] - face[4], face[7] - face[5]
    return float(np.degrees(np.arctan2(abs(dy), abs(dx))))


def eye_distance(face: Floats) -> float:
    """Return how far the eyes of a true face (14,) are apart, in pixels, at least 1.

    Of a face in profile it is what a frontal one of its size has, 0.3 of it, at least: an error is
    not larger for a head that turns away.
    """
    apart = float(np.hypot(face[6] - face[4], face[7] - face[5]))
    return max(apart, 0.3 * float(np.sqrt(face[2] * face[3])), 1.0)


def landmark_shift(landmarks: Floats, face: Floats) -> Floats:
    """Return the mean (dx, dy) of landmarks (5, 2) from those of a true face, in eye distances."""
    true = face[4:14].reshape(5, 2)
    result: Floats = (landmarks - true).mean(axis=0) / eye_distance(face)
    return result


def mean_shift(shifts: Sequence[Floats]) -> list[float] | None:
    """Return the mean of shifts, right and down; None where no landmarks are known."""
    known = [s for s in shifts if np.isfinite(s).all()]
    return [float(v) for v in np.mean(known, axis=0)] if known else None


def evaluate(
    truths: Sequence[Truth], founds: Sequence[Found], threshold: float
) -> dict[str, object]:
    """Return average precision over all scores, and the rest at `threshold`, as JSON values.

    `landmark_error` is the mean distance from the true landmarks, in eye distances.
    """
    scores, right = [], []
    faces = hits = false = 0
    errors: list[float] = []
    shifts: list[Floats] = []
    overlaps: list[float] = []
    by_size = _Bins(SIZES)
    by_turn = _Bins(TURNS)
    for truth, found in zip(truths, founds, strict=True):
        _, kind = match(truth, found)
        scores.append(found.scores[kind >= 0])
        right.append(kind[kind >= 0] == 1)
        keep = found.scores >= threshold
        sure = Found(
            found.boxes[keep],
            found.scores[keep],
            None if found.landmarks is None else found.landmarks[keep],
        )
        of_face, kind = match(truth, sure)
        false += int((kind == 0).sum())
        for face, ignored, index in zip(truth.faces, truth.ignored, of_face, strict=True):
            if ignored:
                continue
            faces, hit = faces + 1, index >= 0
            hits += hit
            size = float(np.sqrt(face[2] * face[3]))
            by_size.count(size, hit)
            by_turn.count(turn(face), hit)
            if hit:
                overlaps.append(float(overlap(sure.boxes[index], face[None, :4])[0]))
            if hit and sure.landmarks is not None:
                true = face[4:14].reshape(5, 2)
                gap = np.linalg.norm(sure.landmarks[index] - true, axis=1)
                if np.isfinite(gap).all():
                    errors.append(float(gap.mean()) / eye_distance(face))
                shifts.append(landmark_shift(sure.landmarks[index], face))
    return {
        "pictures": len(truths),
        "faces": faces,
        "average_precision": average_precision(
            np.concatenate(scores), np.concatenate(right), faces
        ),
        "threshold": threshold,
        "recall": hits / faces if faces else None,
        "false_a_picture": false / len(truths) if len(truths) else None,
        "mean_overlap": float(np.mean(overlaps)) if overlaps else None,
        "landmark_error": float(np.mean(errors)) if errors else None,
        "landmark_shift": mean_shift(shifts),
        "recall_by_size": by_size.recalls(),
        "recall_by_turn": by_turn.recalls(),
    }


class _Bins:
    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = np.array(bounds)
        self._all = np.zeros(len(bounds) - 1, int)
        self._hit = np.zeros(len(bounds) - 1, int)

    def count(self, value: float, hit: bool) -> None:
        k = int(np.clip(np.searchsorted(self._bounds, value, "right") - 1, 0, len(self._all) - 1))
        self._all[k] += 1
        self._hit[k] += hit

    def recalls(self) -> list[dict[str, float | int | None]]:
        return [
            {
                "from": float(low),
                "to": float(high),
                "faces": int(n),
                "recall": float(k / n) if n else None,
            }
            for low, high, n, k in zip(
                self._bounds[:-1], self._bounds[1:], self._all, self._hit, strict=True
            )
        ]
