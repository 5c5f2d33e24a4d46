"""What cameras, detectors and life do to a face, each at named levels, to measure robustness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Faces = NDArray[np.uint8]  # (n, height, width), luma 0-255
Corrupt = Callable[[Faces, float, np.random.Generator], Faces]


@dataclass(frozen=True, slots=True)
class Corruption:
    """One kind of corruption (Hendrycks and Dietterich 2019); `levels` in `unit`, mild first."""

    name: str
    unit: str
    levels: tuple[float, ...]
    apply: Corrupt


def _warp(faces: Faces, matrices: NDArray[np.float64]) -> Faces:
    _, h, w = faces.shape
    out = np.empty_like(faces)
    for i, face in enumerate(faces):
        out[i] = cv2.warpAffine(
            face, matrices[i], (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return out


def shift(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Move each face by `level` of its size in a random direction: a detector's box is off."""
    n, h, w = faces.shape
    angle = rng.uniform(0, 2 * np.pi, n)
    matrices = np.tile(np.eye(2, 3), (n, 1, 1))
    matrices[:, 0, 2], matrices[:, 1, 2] = level * w * np.cos(angle), level * h * np.sin(angle)
    return _warp(faces, matrices)


def scale(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Enlarge by the factor `level` (below 1: shrink) about the middle."""
    n, h, w = faces.shape
    matrix = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), 0, level)
    return _warp(faces, np.tile(matrix, (n, 1, 1)))


def rotate(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Turn by `level` degrees, either way, about the middle."""
    n, h, w = faces.shape
    middle = ((w - 1) / 2, (h - 1) / 2)
    ways = rng.choice((-1.0, 1.0), n)
    return _warp(faces, np.stack([cv2.getRotationMatrix2D(middle, level * s, 1) for s in ways]))


def blur(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Blur by a Gaussian of `level` of the width: out of focus, or moving."""
    sigma = level * faces.shape[2]
    return np.stack([cv2.GaussianBlur(f, (0, 0), sigma) for f in faces]).astype(np.uint8)


def darken(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Multiply luma by `level`."""
    dark: Faces = np.rint(faces * level).astype(np.uint8)
    return dark


def noise(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Add Gaussian noise of `level` luma steps: a sensor in the dark."""
    added = rng.standard_normal(faces.shape, dtype=np.float32) * np.float32(level)
    noisy: Faces = np.clip(np.rint(faces + added), 0, 255).astype(np.uint8)
    return noisy


def occlude(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Cover a random square of `level` of the side with mid-grey: a hand, a cup."""
    n, h, w = faces.shape
    out = faces.copy()
    high, wide = max(1, round(level * h)), max(1, round(level * w))
    for i in range(n):
        y, x = rng.integers(0, h - high + 1), rng.integers(0, w - wide + 1)
        out[i, y : y + high, x : x + wide] = 128
    return out


def reduce(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Reduce to a face `level` pixels wide, and enlarge again: far away."""
    _, h, w = faces.shape
    small = (max(1, round(level)), max(1, round(level * h / w)))
    return np.stack(
        [
            cv2.resize(cv2.resize(f, small, interpolation=cv2.INTER_AREA), (w, h))
            if small[0] < w
            else f
            for f in faces
        ]
    ).astype(np.uint8)


def _hide(faces: Faces, rows: slice, columns: slice) -> Faces:
    out = faces.copy()
    out[:, rows, columns] = 128
    return out


def hide_left(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Cover `level` of the width from the left with mid-grey: a hand, a door post."""
    return _hide(faces, slice(None), slice(0, round(level * faces.shape[2])))


def hide_lower(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Cover `level` of the height from below with mid-grey: a mask, a scarf."""
    h = faces.shape[1]
    return _hide(faces, slice(h - round(level * h), h), slice(None))


def hide_upper(faces: Faces, level: float, rng: np.random.Generator) -> Faces:
    """Cover `level` of the height from above with mid-grey: a cap, sunglasses."""
    return _hide(faces, slice(0, round(level * faces.shape[1])), slice(None))


CORRUPTIONS = (
    Corruption("shift", "of the size", (0.05, 0.1, 0.2), shift),
    Corruption("scale", "times", (0.8, 1.25), scale),
    Corruption("rotation", "degrees", (10, 20, 30), rotate),
    Corruption("blur", "sigma, of the width", (0.01, 0.02, 0.04), blur),
    Corruption("width", "pixels", (32, 24, 16, 12), reduce),
    Corruption("darkness", "times luma", (0.5, 0.25, 0.1), darken),
    Corruption("noise", "luma steps", (5, 10, 20), noise),
    Corruption("occlusion", "of the side", (0.2, 0.4), occlude),
    Corruption("left hidden", "of the width", (0.25, 0.5), hide_left),
    Corruption("lower hidden", "of the height", (0.25, 0.5), hide_lower),
    Corruption("upper hidden", "of the height", (0.25, 0.5), hide_upper),
)
