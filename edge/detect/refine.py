"""A second look at what the detector found: is it a face, and where are its box and landmarks.

The detector sees the whole frame reduced; this network sees one crop of the frame at full
resolution, as the later stages of cascades do (Zhang et al. 2016, MTCNN).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge.crop import crop_face, square
from edge.errors import ConfigError
from edge.geometry import Box
from edge.messages import Face
from edge.model.manifest import MODEL, load_manifest
from edge.model.tflite import Network

Floats = NDArray[np.float32]
KIND = "look"  # how the outputs are encoded: below
PARTS = {1: "score", 4: "box", 10: "landmarks"}  # an output is known by its last dimension
# Units of box and landmarks: this times the side of the crop is one.
REACH = 0.25
MOST = 16  # faces of a frame that are looked at, best first; the others stay as they were found
MAX_LOG = 1.5  # of a side of the box in crops; keeps nonsense from overflowing


class Decode(Struct, frozen=True, kw_only=True):
    """The manifest's `decode`: how three outputs become a face."""

    kind: str
    # The new score's logit: weight of the detector's logit, of this network's, and an offset.
    score: tuple[float, float, float]
    from_score: float  # of the detector's; boxes below are not worth a look


class Refiner:
    """The network of the second look."""

    def __init__(self, folder: Path, runtime: str = "auto", threads: int = 1) -> None:
        """Load the folder and infer once.

        Raises:
            ConfigError: it is no such network, or cannot be run.
            UnavailableError: there is no TFLite runtime that works.
        """
        manifest = load_manifest(folder)
        if manifest.task != "refine":
            raise ConfigError(f"{folder}: task is {manifest.task}; allowed here: refine")
        try:
            self.decode = msgspec.convert(manifest.decode, Decode)
        except msgspec.ValidationError as e:
            raise ConfigError(f"{folder}: manifest: decode: {e}") from e
        finite = all(map(math.isfinite, self.decode.score))
        if self.decode.kind != KIND or not finite or not 0 < self.decode.from_score < 1:
            raise ConfigError(
                f"{folder}: manifest: decode: got {manifest.decode}; allowed: kind {KIND!r}, three "
                "numbers in score, from_score above 0, below 1"
            )
        self._spec = manifest.input
        self._net = Network(folder / MODEL, runtime, threads)
        wanted = (1, self._spec.height, self._spec.width, 1)
        shapes = sorted(shape[-1] for shape in self._net.output_shapes if shape)
        if self._net.input_shape != wanted or shapes != sorted(PARTS):
            raise ConfigError(
                f"{folder}: input {self._net.input_shape}, outputs {self._net.output_shapes}; "
                f"allowed: input {wanted}, outputs of last dimension {', '.join(map(str, PARTS))}"
            )
        self._outputs = [PARTS[shape[-1]] for shape in self._net.output_shapes]
        self._table = self._net.input_table(self._spec.mean, self._spec.scale)
        grey = np.full((self._spec.height, self._spec.width), 128, np.uint8)
        self.look(grey, [Face(Box(0, 0, *wanted[1:3]), 0.5)])

    def look(self, luma: NDArray[np.uint8], faces: Sequence[Face]) -> list[Face]:
        """Return the faces as they look from near, best score first.

        Args:
            luma: the frame, shape (rows, columns).
            faces: that a detector found in it, pixels of the frame.
        """
        near = [self._one(luma, face) for face in faces[:MOST]]
        return sorted([*near, *faces[MOST:]], key=lambda face: -face.score)

    def _one(self, luma: NDArray[np.uint8], face: Face) -> Face:
        spec = self._spec
        try:
            crop = crop_face(luma, face.box, spec.margin, spec.width, spec.height)
        except ValueError:  # no part of it in the frame
            return face
        tensor = cv2.LUT(crop, self._table).reshape(self._net.input_shape)
        said = dict(zip(self._outputs, self._net.run(tensor), strict=True))
        box, points = placed(square(face.box, spec.margin), said["box"], said["landmarks"])
        a, b, c = self.decode.score
        score = sigmoid(a * logit(face.score) + b * float(said["score"].item()) + c)
        return Face(box, score, tuple((x, y) for x, y in points.tolist()))


def placed(
    crop: tuple[int, int, int], box: Floats, landmarks: Floats
) -> tuple[Box, NDArray[np.float64]]:
    """Return box and landmarks (5, 2) in pixels of the frame.

    Args:
        crop: left, top and side of the square in the frame, pixels.
        box: the face's centre from the crop's, then the logarithms of its width and height in
            crops; units of `REACH` crops and `REACH`.
        landmarks: from the crop's centre, units of `REACH` crops.
    """
    left, top, side = crop
    middle = np.array([left + side / 2, top + side / 2])
    values = box.reshape(4).astype(np.float64) * REACH
    size = side * np.exp(np.clip(values[2:], -MAX_LOG, MAX_LOG))
    corner = middle + side * values[:2] - size / 2
    points = middle + side * REACH * landmarks.reshape(5, 2).astype(np.float64)
    return Box(*corner.tolist(), *size.tolist()), points


def logit(score: float) -> float:
    """Return log(p / (1 - p)), finite."""
    p = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x)), at any x."""
    return 1 / (1 + math.exp(-max(min(x, 60.0), -60.0)))
