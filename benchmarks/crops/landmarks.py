"""How well a detector's landmarks lie on tilted heads, and how much of the tilt they tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.crops.boxes import best_face
from benchmarks.crops.tilted import TILTS, framed, framing, main_face, turned, turning
from convert.detector.photos import Photo
from convert.detector.under_test import DetectorUnderTest
from edge.geometry import roll


def landmark_figures(subject: DetectorUnderTest, photos: Sequence[Photo]) -> list[dict[str, Any]]:
    """Return one entry a tilt, to both sides, over the faces that are found and have landmarks.

    `error` is the mean distance of a landmark from the teacher's, in eye distances; `told` the
    median tilt by the landmarks, degrees, less that of the photograph by the teacher's.
    """
    frames = [framed(p) for p in photos]
    true = [_points(p) for p in photos]
    entries = []
    for tilt in TILTS:
        errors: list[float] = []
        told: list[float] = []
        sides = (tilt, -tilt) if tilt else (0,)
        for side in sides:
            for luma, level in zip(frames, true, strict=True):
                face = best_face(subject.faces(turned(luma, side)), subject.threshold)
                if face is None or not face.landmarks:
                    continue
                points = _mapped(level, turning(side))
                apart = float(np.linalg.norm(points[1] - points[0]))
                gap = np.linalg.norm(np.array(face.landmarks) - points, axis=1).mean()
                errors.append(float(gap) / apart)
                own = float(np.degrees(np.arctan2(*(level[1] - level[0])[::-1])))
                told.append((roll(face.landmarks, face.box) - own) * (1 if side >= 0 else -1))
        entries.append(
            {
                "tilt": tilt,
                "faces": len(sides) * len(photos),
                "found": len(errors) / (len(sides) * len(photos)),
                "error": float(np.mean(errors)) if errors else None,
                "told": float(np.median(told)) if told else None,
            }
        )
    return entries


def _points(photo: Photo) -> NDArray[np.float64]:
    face = main_face(photo)
    return _mapped(face[4:14].reshape(5, 2).astype(np.float64), framing(photo, face))


def _mapped(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float64)


def landmark_table(entries: Sequence[dict[str, Any]]) -> str:
    """Return the figures of one detector as text."""
    lines = []
    for e in entries:
        text = f"  {e['tilt']:>2} degrees: found {e['found']:.3f}"
        if e["error"] is not None:
            text += f", off by {e['error']:.3f} eye distances, tilt told {e['told']:.1f} degrees"
        lines.append(text)
    return "\n".join(lines)
