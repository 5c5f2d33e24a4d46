"""Faces as the device sees them: resized by its code, scaled as a manifest says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.crop import crop_face
from edge.geometry import Box
from edge.model.manifest import InputSpec

Faces = NDArray[np.uint8]  # (n, height, width), luma 0-255


def to_size(faces: Faces, spec: InputSpec) -> Faces:
    """Return whole faces at the model's size; the margin is already in a data set's crops."""
    n, height, width = faces.shape
    if (height, width) == (spec.height, spec.width):
        return faces
    whole = Box(0, 0, width, height)
    out = np.empty((n, spec.height, spec.width), np.uint8)
    for i, face in enumerate(faces):
        out[i] = crop_face(face, whole, 0.0, spec.width, spec.height)
    return out


def to_input(faces: Faces, spec: InputSpec) -> NDArray[np.float32]:
    """Return (luma - mean) * scale at the model's size, shape (n, height, width, channels)."""
    luma = to_size(faces, spec).astype(np.float32)
    x = (luma - np.float32(spec.mean)) * np.float32(spec.scale)
    return np.repeat(x[..., None], spec.channels, axis=3)
