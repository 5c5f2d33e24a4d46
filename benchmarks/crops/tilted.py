"""What turning the crops of tilted heads upright does to the emotion model: pictures, turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.crops.boxes import HEIGHT, WIDTH, best_face
from convert.detector.photos import Photo
from convert.detector.under_test import DetectorUnderTest
from edge.classify import Model

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]

TILTS = (0, 10, 20, 30, 40)  # degrees, each to both sides
WAYS = ("as_it_is", "upright")
MARKED = 50  # frames looked at to know whether a detector finds landmarks
LARGE = 240  # pixels: a photograph's longer side in the frame


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Posed:
    """Frames with a face in the middle, and which emotion it shows where that is known."""

    name: str
    frames: Sequence[Luma]  # (HEIGHT, WIDTH) each
    classes: NDArray[np.int64] | None  # (frames,)


def framed(photo: Photo) -> Luma:
    """Return a frame with the photograph's largest face in its middle, its border repeated."""
    return _warped(photo.luma, framing(photo, main_face(photo)))


def main_face(photo: Photo) -> Floats:
    """Return the photograph's largest face, (15,)."""
    return np.asarray(photo.faces[int(np.argmax(photo.faces[:, 2] * photo.faces[:, 3]))])


def framing(photo: Photo, face: Floats) -> NDArray[np.float64]:
    """Return the affine map (2, 3) that puts a photograph's face into the middle of a frame."""
    x, y, w, h = face[:4].tolist()
    scale = LARGE / max(photo.luma.shape)
    shift = (WIDTH / 2 - scale * (x + w / 2), HEIGHT / 2 - scale * (y + h / 2))
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def turned(luma: Luma, degrees: float) -> Luma:
    """Return the frame turned clockwise about its middle, its border repeated outwards."""
    if not degrees:
        return luma
    return _warped(luma, turning(degrees))


def turning(degrees: float) -> NDArray[np.float64]:
    """Return the affine map (2, 3) that turns a frame clockwise about its middle."""
    return np.asarray(cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), -degrees, 1.0), np.float64)


def _warped(luma: Luma, matrix: NDArray[Any]) -> Luma:
    out = cv2.warpAffine(
        luma, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8)


def tilt_figures(subject: DetectorUnderTest, model: Model, posed: Posed) -> list[dict[str, Any]]:
    """Return one entry a tilt: how the scores hold, cut out as they are and turned upright.

    Empty for a detector without landmarks: it turns nothing.

    The scores of the frame that was not turned, cut out as it is, are what others are held
    against. Each entry is over the faces found both there and at its tilt, on both sides.
    """
    if not any(f.landmarks for frame in posed.frames[:MARKED] for f in subject.faces(frame)):
        return []
    level, _ = _scores(subject, model, posed.frames)
    entries = []
    for tilt in TILTS:
        sides = (tilt, -tilt) if tilt else (0,)
        parts = [_scores(subject, model, [turned(f, s) for f in posed.frames]) for s in sides]
        entries.append({"tilt": tilt, **_entry(level, parts, posed.classes)})
    return entries


def _scores(
    subject: DetectorUnderTest, model: Model, frames: Sequence[Luma]
) -> tuple[Floats, Floats]:
    """Return scores (frames, classes) as they are and upright; NaN where no face was found."""
    plain = np.full((len(frames), len(model.labels)), np.nan, np.float32)
    upright = plain.copy()
    for i, luma in enumerate(frames):
        face = best_face(subject.faces(luma), subject.threshold)
        if face is None:
            continue
        plain[i] = model.infer(model.crop(luma, face.box))
        upright[i] = model.infer(model.crop(luma, face.box, face.landmarks))
    return plain, upright


def _entry(
    level: Floats, parts: Sequence[tuple[Floats, Floats]], classes: NDArray[np.int64] | None
) -> dict[str, Any]:
    before = np.concatenate([level] * len(parts))
    ways = [np.concatenate([p[k] for p in parts]) for k in range(len(WAYS))]
    found = ~np.isnan(ways[0][:, 0])
    both = found & ~np.isnan(before[:, 0])
    entry: dict[str, Any] = {
        "faces": len(before),
        "found": float(found.mean()),
        "compared": int(both.sum()),
    }
    if not both.any():
        return entry
    for name, scores in zip(WAYS, ways, strict=True):
        said, wanted = scores[both].argmax(axis=1), before[both].argmax(axis=1)
        own = {
            "same_emotion": float((said == wanted).mean()),
            "shift": float(np.abs(scores[both] - before[both]).mean()),
        }
        if classes is not None:
            own["accuracy"] = float((said == np.concatenate([classes] * len(parts))[both]).mean())
        entry[name] = own
    return entry


def tilt_table(figures: dict[str, list[dict[str, Any]]]) -> str:
    """Return the figures of one detector as text; the names are those of the pictures."""
    lines = []
    for name, entries in figures.items():
        lines.append(f"  {name}, tilted; as it is -> turned upright:")
        for e in entries:
            text = f"    {e['tilt']:>2} degrees: found {e['found']:.3f}"
            if e["compared"]:
                plain, upright = (e[way] for way in WAYS)
                for key in ("same_emotion", "shift", "accuracy"):
                    if key in plain:
                        text += f", {key.replace('_', ' ')} {plain[key]:.3f} -> {upright[key]:.3f}"
            lines.append(text)
    return "\n".join(lines)
