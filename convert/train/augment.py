"""Changes to a face that do not change what it shows, as cameras and detectors make them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Faces = NDArray[np.uint8]  # (n, height, width), luma 0-255


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a face may be changed; zero turns a change off.

    `*_probability` says how likely a face is changed at all. The geometric limits are
    about what a detector's box wanders by; the photometric ones what an indoor camera sees.
    """

    flip_probability: float = 0.5
    rotation_deg: float = 12.0
    scale: float = 0.12  # of the size, either way
    shift: float = 0.08  # of the size, either way
    stretch: float = 0.06  # width against height
    brightness: float = 30.0  # luma steps
    contrast: float = 0.3
    gamma: float = 0.35  # natural logarithm of the exponent
    noise_probability: float = 0.15
    noise: float = 9.0  # largest standard deviation, luma steps
    blur_probability: float = 0.08
    blur: float = 1.1  # largest sigma, pixels
    low_resolution_probability: float = 0.12
    low_resolution: float = 0.4  # smallest factor
    cutout_probability: float = 0.4
    cutout: float = 0.4  # largest side, of the size

    def moves(self) -> Augmentation:
        """Return the geometric changes alone."""
        kept = ("flip_probability", "rotation_deg", "scale", "shift", "stretch")
        own = {f.name: getattr(self, f.name) if f.name in kept else 0.0 for f in fields(self)}
        return replace(self, **own)

    def scaled(self, strength: float) -> Augmentation:
        """Return changes that go `strength` times as far, and are as much rarer; flipping stays."""
        own = {f.name: getattr(self, f.name) * strength for f in fields(self)}
        own["flip_probability"] = self.flip_probability
        own["low_resolution"] = min(0.9, max(0.1, 1 - (1 - self.low_resolution) * strength))
        return replace(self, **own)


def augment(faces: Faces, how: Augmentation, rng: np.random.Generator) -> Faces:
    """Return changed copies of the faces, same shape (n, height, width), uint8."""
    out = _move(faces, how, rng)
    _soften(out, how, rng)
    out = _relight(out, how, rng)
    _add_noise(out, how, rng)
    _cut_out(out, how, rng)
    return out


def _move(faces: Faces, how: Augmentation, rng: np.random.Generator) -> Faces:
    n, h, w = faces.shape
    flip = np.where(rng.random(n) < how.flip_probability, -1.0, 1.0)
    angle = np.deg2rad(rng.uniform(-how.rotation_deg, how.rotation_deg, n))
    scale = np.exp(rng.uniform(-how.scale, how.scale, n))
    stretch = np.exp(rng.uniform(-how.stretch, how.stretch, n) / 2)
    shift = rng.uniform(-how.shift, how.shift, (n, 2)) * (w, h)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    centre = np.array([(w - 1) / 2, (h - 1) / 2])
    matrix = np.empty((n, 2, 3))
    matrix[:, 0, 0], matrix[:, 0, 1] = cos * stretch * flip, -sin / stretch
    matrix[:, 1, 0], matrix[:, 1, 1] = sin * stretch * flip, cos / stretch
    matrix[:, :, 2] = centre + shift - matrix[:, :, :2] @ centre
    out = np.empty_like(faces)
    for i in range(n):
        out[i] = cv2.warpAffine(
            faces[i], matrix[i], (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return out


def _chosen(n: int, probability: float, rng: np.random.Generator) -> NDArray[np.intp]:
    return np.flatnonzero(rng.random(n) < probability)


def _soften(faces: Faces, how: Augmentation, rng: np.random.Generator) -> None:
    n, h, w = faces.shape
    for i in _chosen(n, how.low_resolution_probability, rng):
        factor = rng.uniform(how.low_resolution, 0.9)
        small = (max(1, round(w * factor)), max(1, round(h * factor)))
        less = cv2.resize(faces[i], small, interpolation=cv2.INTER_AREA)
        faces[i] = cv2.resize(less, (w, h), interpolation=cv2.INTER_LINEAR)
    for i in _chosen(n, how.blur_probability, rng):
        faces[i] = cv2.GaussianBlur(faces[i], (0, 0), rng.uniform(0.4, max(how.blur, 0.41)))


def _relight(faces: Faces, how: Augmentation, rng: np.random.Generator) -> Faces:
    n = len(faces)
    level = np.linspace(0.0, 1.0, 256)[None, :]
    gamma = np.exp(rng.uniform(-how.gamma, how.gamma, (n, 1)))
    contrast = 1.0 + rng.uniform(-how.contrast, how.contrast, (n, 1))
    brightness = rng.uniform(-how.brightness, how.brightness, (n, 1))
    middle = faces.mean(axis=(1, 2), keepdims=True)[:, :, 0] / 255.0
    changed = (level**gamma - middle**gamma) * contrast + middle**gamma
    table = np.clip(np.rint(changed * 255.0 + brightness), 0, 255).astype(np.uint8)
    return np.take_along_axis(table, faces.reshape(n, -1).astype(np.intp), axis=1).reshape(
        faces.shape
    )


def _add_noise(faces: Faces, how: Augmentation, rng: np.random.Generator) -> None:
    chosen = _chosen(len(faces), how.noise_probability, rng)
    if chosen.size == 0:
        return
    sigma = rng.uniform(1.0, max(how.noise, 1.0), (len(chosen), 1, 1)).astype(np.float32)
    noise = rng.standard_normal((len(chosen), *faces.shape[1:]), dtype=np.float32) * sigma
    faces[chosen] = np.clip(np.rint(faces[chosen] + noise), 0, 255).astype(np.uint8)


def _cut_out(faces: Faces, how: Augmentation, rng: np.random.Generator) -> None:
    n, h, w = faces.shape
    for i in _chosen(n, how.cutout_probability, rng):
        high, wide = (rng.uniform(0.1, max(how.cutout, 0.1), 2) * (h, w)).astype(int)
        y, x = rng.integers(0, h - high + 1), rng.integers(0, w - wide + 1)
        faces[i, y : y + high, x : x + wide] = rng.integers(0, 256)
