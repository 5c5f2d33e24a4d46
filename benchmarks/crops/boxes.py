"""Whether a detector's boxes suit the emotion model: the same faces, cut out by each detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset
from convert.detector.under_test import DetectorUnderTest
from convert.evaluate.truth import class_columns, truth_of
from edge.classify import Model
from edge.errors import ConfigError
from edge.messages import Face

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


def best_face(faces: Sequence[Face], lowest: float) -> Face | None:
    """Return the best face around the frame's middle, of `lowest` score or more."""
    for face in faces:
        b = face.box
        inside = b.x <= WIDTH / 2 <= b.x + b.width and b.y <= HEIGHT / 2 <= b.y + b.height
        if face.score >= lowest and inside:
            return face
    return None


def judged_frames(model: Model, data: Dataset) -> tuple[list[Luma], NDArray[np.int64]]:
    """Return a frame for each face that counts, and which of the model's classes it shows.

    Raises:
        ConfigError: the data has no truth, or its classes are not the model's.
    """
    labels = tuple(model.labels)
    class_columns(data, labels)  # refuses other classes
    truth = truth_of(data, labels, "auto")
    if truth is None:
        raise ConfigError(f"{data.source}: no labels to compare with")
    counted = truth.counted
    return [frame_with(f) for f in data.faces(counted)], truth.classes[counted]


def emotion_figures(
    subjects: Sequence[DetectorUnderTest], reference: DetectorUnderTest, model: Model, data: Dataset
) -> dict[str, Any]:
    """Return the emotion model's accuracy on faces cut out by each detector and by the reference.

    Each detector is compared on the faces that both it and the reference find.

    Raises:
        ConfigError: the data has no truth, or its classes are not the model's.
    """
    frames, classes = judged_frames(model, data)
    right = {s.label: _right(s, frames, model, classes) for s in subjects}
    own = _right(reference, frames, model, classes)
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
    subject: DetectorUnderTest, frames: Sequence[Luma], model: Model, classes: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Return for each frame 1 (right), 0 (wrong) or -1 (no face found)."""
    out = np.full(len(frames), -1, np.int8)
    for i, (luma, wanted) in enumerate(zip(frames, classes, strict=True)):
        face = best_face(subject.faces(luma), LOWEST)
        if face is not None:
            out[i] = int(model.infer(model.crop(luma, face.box)).argmax()) == wanted
    return out
