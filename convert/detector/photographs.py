"""Evaluation on held-out photographs: false faces where nobody is, recall by kind and size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.detector.copy_paste import mapped
from convert.detector.photos import KEPT_SOURCES, SURE, Photo
from convert.detector.scores import Floats, Found, Truth, evaluate, froc, match
from convert.detector.under_test import DetectorUnderTest

Luma = NDArray[np.uint8]
TINY = 8.0  # pixels: smaller faces may be found or not
SIDEWAYS = 0.5  # nose off the middle of the eyes, in half eye distances: turned to the side
DARK = 0.12  # of the light, for the pictures in the dark
NOISE = 4.0  # standard deviation of luma there
FROC_AT = (0.001, 0.003, 0.01, 0.1)  # false faces a picture

# Close faces: a frame of the device's usual size.
FRAME = (640, 480)
WIDTHS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # of the frame's
OUTSIDE = (0.0, 0.25)  # fraction of the face beyond the frame's side
BEHIND_MASKS = ("mask", "mask set")  # kinds of photographs
LARGE_PX = 100.0  # faces at least so wide are enlarged to that


def truth_of(photo: Photo) -> Truth:
    """Return the faces of a photograph; those the teacher is unsure of, and tiny ones, are free."""
    free = (photo.faces[:, 14] < SURE) | (photo.faces[:, 2:4].min(axis=1) < TINY)
    return Truth(photo.faces[:, :14], free)


def sideways(face: Floats) -> bool:
    """Say whether a face (14,) is turned at least half to the side, by its landmarks."""
    eyes = face[4:8].reshape(2, 2)
    half = max(float(np.linalg.norm(eyes[1] - eyes[0])) / 2, 1e-6)
    along = (eyes[1] - eyes[0]) / (2 * half)
    return bool(abs(float((face[8:10] - eyes.mean(axis=0)) @ along)) > SIDEWAYS * half)


def in_the_dark(photo: Photo, rng: np.random.Generator) -> Photo:
    """Return a photograph as a camera without enough light shows it."""
    luma = photo.luma * DARK + rng.normal(0, NOISE, photo.luma.shape)
    dark = np.clip(luma, 0, 255).astype(np.uint8)
    return Photo(photo.name, dark, photo.faces, photo.source, photo.kind)


def _asked(truth: Truth, wanted: NDArray[np.bool_]) -> Truth:
    return Truth(truth.faces, truth.ignored | ~wanted)


def evaluate_photographs(
    d: DetectorUnderTest, photos: Sequence[Photo], seed: int
) -> dict[str, Any]:
    """Return the figures of one detector on photographs with and without faces, as JSON values.

    Args:
        d: the detector.
        photos: held out of every training.
        seed: of the noise in the dark.
    """
    empty = [p for p in photos if not len(p.faces)]
    peopled = [p for p in photos if len(p.faces)]
    nothing = [d.find(p.luma) for p in empty]
    founds = [d.find(p.luma) for p in peopled]
    truths = [truth_of(p) for p in peopled]
    result: dict[str, Any] = {}
    if empty:
        result["empty"] = false_faces(d, empty, nothing)
    if not peopled:
        return result
    result["faces"] = evaluate(truths, founds, d.threshold)
    by: dict[str, Any] = {}
    for kind in sorted({p.kind for p in peopled}):
        part = [k for k, p in enumerate(peopled) if p.kind == kind]
        by[kind] = _short([truths[k] for k in part], [founds[k] for k in part], d.threshold)
    whole = [k for k, p in enumerate(peopled) if p.source in KEPT_SOURCES]
    by["source never trained on"] = _short(
        [truths[k] for k in whole], [founds[k] for k in whole], d.threshold
    )
    turned = [_asked(t, np.array([sideways(f) for f in t.faces], bool)) for t in truths]
    by["turned to the side"] = _short(turned, founds, d.threshold)
    rng = np.random.default_rng(seed)
    night = [d.find(in_the_dark(p, rng).luma) for p in peopled]
    by["in the dark"] = _short(truths, night, d.threshold)
    result["by_kind"] = by
    if empty:
        curve = froc(truths, founds, nothing)
        result["froc"] = {
            "recall_at": {str(x): curve.recall_at(x) for x in FROC_AT},
            "false_a_picture": curve.false_a_picture.tolist(),
            "recall": curve.recall.tolist(),
        }
    return result


def _short(truths: Sequence[Truth], founds: Sequence[Found], threshold: float) -> dict[str, Any]:
    if not truths:
        return {"faces": 0}
    full = evaluate(truths, founds, threshold)
    keys = ("faces", "recall", "average_precision", "landmark_error", "recall_by_size")
    return {key: full[key] for key in keys}


def false_faces(
    d: DetectorUnderTest, photos: Sequence[Photo], founds: Sequence[Found]
) -> dict[str, Any]:
    """Return how many faces were found where there is none, by kind, and the worst."""
    counts = [int((f.scores >= d.threshold).sum()) for f in founds]
    kinds: dict[str, list[int]] = {}
    for photo, count in zip(photos, counts, strict=True):
        kinds.setdefault(photo.kind, []).append(count)
    order = sorted(range(len(photos)), key=lambda k: -float(founds[k].scores.max(initial=0)))
    unseen = [c for p, c in zip(photos, counts, strict=True) if p.source in KEPT_SOURCES]
    return {
        "pictures": len(photos),
        "false": sum(counts),
        "a_thousand": 1000 * sum(counts) / len(photos),
        "never_trained_on": {"pictures": len(unseen), "false": sum(unseen)},
        "by_kind": {k: {"pictures": len(v), "false": sum(v)} for k, v in sorted(kinds.items())},
        "worst": [
            {"name": photos[k].name, "score": float(founds[k].scores.max(initial=0))}
            for k in order[:12]
        ],
    }


def close_faces(
    photos: Sequence[Photo], most: int, seed: int
) -> dict[str, list[tuple[Luma, Floats]]]:
    """Return frames with one large face each, by how large: from half the frame's width on.

    Faces behind masks come after the others, with as many frames of their own.

    Args:
        photos: with and without faces, held out.
        most: frames of each width and kind.
        seed: of the choice.
    """
    rng = np.random.default_rng(seed)
    large = [
        (p, f)
        for p in photos
        for f in p.faces
        if f[14] >= SURE and f[2] >= LARGE_PX and len(p.faces) == 1
    ]
    empty = [p for p in photos if not len(p.faces)]
    if not large or not empty:
        return {}
    result: dict[str, list[tuple[Luma, Floats]]] = {}
    for behind in (False, True):
        part = [(p, f) for p, f in large if (p.kind in BEHIND_MASKS) == behind]
        for width in WIDTHS if part else ():
            for outside in OUTSIDE:
                name = f"{width:.0%}, {outside:.0%} outside" + (", behind a mask" if behind else "")
                result[name] = [
                    _close_face(*part[int(k)], width, outside, empty, rng)
                    for k in rng.permutation(len(part))[:most]
                ]
    return result


def _close_face(
    photo: Photo,
    face: Floats,
    width: float,
    outside: float,
    empty: Sequence[Photo],
    rng: np.random.Generator,
) -> tuple[Luma, Floats]:
    columns, rows = FRAME
    scale = width * columns / float(face[2])
    x = columns / 2 if not outside else (0.5 - outside) * width * columns
    if outside and rng.random() < 0.5:
        x = columns - x
    centre = face[:2] + face[2:4] / 2
    shift = np.array([x, rows / 2]) - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    ground = empty[int(rng.integers(len(empty)))].luma
    frame = np.asarray(cv2.resize(ground, FRAME), np.uint8)
    cv2.warpAffine(
        photo.luma, matrix, FRAME, dst=frame, flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_TRANSPARENT,
    )  # fmt: skip
    return frame, mapped(face, matrix)


def evaluate_close(
    d: DetectorUnderTest, frames: dict[str, list[tuple[Luma, Floats]]]
) -> dict[str, Any]:
    """Return the fraction of the large faces found and false boxes a picture, by width.

    Box and truth are compared inside the frame: what lies beyond it, nobody can see.
    """
    result = {}
    for name, part in frames.items():
        hit = false = 0
        for luma, face in part:
            found = d.find(luma)
            sure = found.scores >= d.threshold
            inside = Found(_clipped(found.boxes[sure]), found.scores[sure], None)
            of_face, kind = match(Truth(_clipped(face[None]), np.zeros(1, bool)), inside)
            hit += int(of_face[0] >= 0)
            false += int((kind == 0).sum())
        result[name] = {
            "frames": len(part),
            "found": hit / max(len(part), 1),
            "false_a_picture": false / max(len(part), 1),
        }
    return result


def _clipped(boxes: Floats) -> Floats:
    """Return boxes (n, 4 or more) cut off at the frame's borders; the rest of a row stays."""
    out = boxes.copy()
    low = np.clip(boxes[:, :2], 0, FRAME)
    high = np.clip(boxes[:, :2] + boxes[:, 2:4], 0, FRAME)
    out[:, :2], out[:, 2:4] = low, high - low
    return out
