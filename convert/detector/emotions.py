"""Whether a detector's boxes suit the emotion model: the same faces, cut out by each detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset
from convert.detector.scores import Found
from convert.detector.subject import Subject
from convert.judge.truth import class_columns, truth_of
from edge.classify import Model
from edge.errors import ConfigError
from edge.geometry import Box

Luma = NDArray[np.uint8]
HEIGHT, WIDTH = 240, 320  # pixels of the frame that a face is put into
SIDE = 112  # pixels of the face in it
LOWEST = 0.3  # score from which a box counts here: it is about where, not whether


def frame_with(face: Luma) -> Luma:
    """Return a frame with a face in its middle, its border pixels repeated outwards."""
    large = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    down, right = (HEIGHT - SIDE) // 2, (WIDTH - SIDE) // 2
    border = (down, HEIGHT - SIDE - down, right, WIDTH - SIDE - right)
    return np.asarray(cv2.copyMakeBorder(large, *border, cv2.BORDER_REPLICATE), np.uint8)


def best_box(found: Found) -> Box | None:
    """Return the best box around the frame's middle."""
    for box, score in zip(found.boxes, found.scores, strict=True):
        x, y, w, h = map(float, box)
        inside = x <= WIDTH / 2 <= x + w and y <= HEIGHT / 2 <= y + h
        if score >= LOWEST and inside:
            return Box(x, y, w, h)
    return None


def emotion_figures(
    subjects: Sequence[Subject], reference: Subject, model: Model, data: Dataset
) -> dict[str, Any]:
    """Return the emotion model's accuracy on faces cut out by each detector and by the reference.

    Each detector is compared on the faces that both it and the reference find.

    Raises:
        ConfigError: the data has no truth, or its classes are not the model's.
    """
    labels = tuple(model.labels)
    class_columns(data, labels)  # refuses other classes
    truth = truth_of(data, labels, "auto")
    if truth is None:
        raise ConfigError(f"{data.source}: no labels to compare with")
    counted = truth.counted
    frames = [frame_with(f) for f in data.faces(counted)]
    right = {s.label: _right(s, frames, model, truth.classes[counted]) for s in subjects}
    own = _right(reference, frames, model, truth.classes[counted])
    result: dict[str, Any] = {}
    for label, answers in right.items():
        both = (answers >= 0) & (own >= 0)
        result[label] = {
            "faces": len(frames),
            "found": float((answers >= 0).mean()),
            "found_by_reference": float((own >= 0).mean()),
            "compared": int(both.sum()),
            "accuracy": float(answers[both].mean()) if both.any() else None,
            "accuracy_of_reference": float(own[both].mean()) if both.any() else None,
        }
    return result


def _right(
    subject: Subject, frames: Sequence[Luma], model: Model, classes: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Return for each frame 1 (right), 0 (wrong) or -1 (no face found)."""
    out = np.full(len(frames), -1, np.int8)
    for i, (luma, wanted) in enumerate(zip(frames, classes, strict=True)):
        box = best_box(subject.find(luma))
        if box is not None:
            out[i] = int(model.infer(model.crop(luma, box)).argmax()) == wanted
    return out
