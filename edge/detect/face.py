"""The project's own detector: one int8 network in the TFLite runtime, trained by `convert`."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge.config import Detect
from edge.detect.decode import Level, decode, parts, suppress
from edge.detect.refine import Refiner
from edge.errors import ConfigError
from edge.geometry import Box
from edge.image import shrink
from edge.messages import Face
from edge.model.manifest import MODEL, find_model, load_manifest
from edge.model.tflite import Network

OWN = "face"  # the shipped model
KIND = "cells"  # how the maps are encoded: edge.detect.decode
OVERLAP = 0.4  # intersection over union above which the weaker of two faces goes
NEARLY = 0.75  # of the smallest face's height: boxes before the second look are off by up to that
CHANNELS = {1: "score", 4: "box", 10: "landmarks"}  # an output is known by its last dimension


class Decode(Struct, frozen=True, kw_only=True):
    """The manifest's `decode`: how the network's maps become boxes."""

    kind: str
    strides: tuple[int, ...]  # pixels a cell, level by level
    multiple: int  # of which both sides of the input must be one


class TfliteFaceDetector:
    """A fully convolutional network: the input is as large as the frame reduced to `width`."""

    def __init__(self, config: Detect, runtime: str = "auto", threads: int = 1) -> None:
        """Load the folder named by `config.model`, or the shipped one, and infer once.

        Raises:
            ConfigError: it is no detector of ours, or cannot be run.
            UnavailableError: there is no TFLite runtime that works.
        """
        folder = find_model(config.model or OWN)
        manifest = load_manifest(folder)
        if manifest.task != "face":
            raise ConfigError(f"{folder}: task is {manifest.task}; allowed here: face")
        self._decode = _checked(manifest.decode, folder)
        self.configure(config)
        self._net = Network(folder / MODEL, runtime, threads)
        if len(self._net.input_shape) != 4 or self._net.input_shape[3] != 1:
            raise ConfigError(f"{folder}: input {self._net.input_shape}; allowed: (1, h, w, 1)")
        self._outputs = self._places(folder)
        self._table = self._net.input_table(manifest.input.mean, manifest.input.scale)
        self._held: tuple[int, int] | None = None
        self._refiner = (
            Refiner(find_model(config.refine), runtime, threads) if config.refine else None
        )
        self.detect(np.full((manifest.input.height, manifest.input.width), 128, np.uint8))

    def configure(self, config: Detect, /) -> None:
        """Go on by another width, smallest face and threshold."""
        self._config = config

    def detect(self, luma: NDArray[np.uint8], /) -> tuple[Face, ...]:
        """Return the faces with five landmarks each, best score first."""
        small, sx, sy = shrink(luma, self._config.width)
        columns = small.shape[1]
        threshold = self._config.threshold
        least = self._config.min_face * luma.shape[0]
        worth = least
        if self._refiner is not None:  # the second look may believe more, and see a larger face
            threshold = min(threshold, self._refiner.decode.from_score)
            worth *= NEARLY
        scores, boxes, points = decode(self._levels(small), threshold=threshold, overlap=OVERLAP)
        faces = [
            Face(
                Box(*box).scaled(sx, sy),
                score,
                tuple((x * sx, y * sy) for x, y in landmarks),
            )
            for score, box, landmarks in zip(
                scores.tolist(), boxes.tolist(), points.tolist(), strict=True
            )
            if box[3] * sy >= worth and 0 <= box[0] + box[2] / 2 < columns
        ]
        if self._refiner is None or not faces:
            return tuple(faces)
        near = self._refiner.look(luma, faces)
        return tuple(
            f for f in _apart(near) if f.score >= self._config.threshold and f.box.height >= least
        )

    def _levels(self, luma: NDArray[np.uint8]) -> list[Level]:
        """Return the maps of a picture."""
        rows, columns = luma.shape
        self._resize(rows, columns)
        self._tensor[0, :rows, :columns, 0] = cv2.LUT(luma, self._table)
        maps = dict(zip(self._outputs, self._net.run(self._tensor), strict=True))
        return [
            Level(stride, *(maps[stride, part][0] for part in CHANNELS.values()))
            for stride in self._decode.strides
        ]

    def _places(self, folder: Path) -> list[tuple[int, str]]:
        """Return the stride and the meaning of each output, known by its shape."""
        rows = self._net.input_shape[1]
        places = [
            (rows // max(shape[1], 1), CHANNELS.get(shape[-1], "")) if len(shape) == 4 else (0, "")
            for shape in self._net.output_shapes
        ]
        wanted = [(stride, part) for stride in self._decode.strides for part in CHANNELS.values()]
        if sorted(places) != sorted(wanted):
            raise ConfigError(
                f"{folder}: outputs {self._net.output_shapes} of input {self._net.input_shape}; "
                f"allowed: for each stride of {list(self._decode.strides)} one each of last "
                f"dimension {', '.join(map(str, CHANNELS))}"
            )
        return places

    def _resize(self, rows: int, columns: int) -> None:
        """Make room for a picture; what is right of it and below stays mid-grey."""
        step = self._decode.multiple
        shape = (1, math.ceil(rows / step) * step, math.ceil(columns / step) * step, 1)
        if shape != self._net.input_shape:
            self._net.resize(shape[1], shape[2])
        if self._held != (rows, columns):
            self._held = (rows, columns)
            self._tensor = np.full(shape, self._table[128], self._table.dtype)


def _apart(faces: list[Face]) -> list[Face]:
    """Return the faces, best first, without those that have become a better one's double."""
    if len(faces) < 2:
        return faces
    sides = [(f.box.x, f.box.y, f.box.width, f.box.height) for f in faces]
    boxes, scores = np.array(sides, np.float32), np.array([f.score for f in faces], np.float32)
    whole = np.flatnonzero(~parts(boxes, scores))
    return [faces[whole[k]] for k in suppress(boxes[whole], OVERLAP)]


def _checked(values: dict[str, object], folder: Path) -> Decode:
    try:
        spec = msgspec.convert(values, Decode)
    except msgspec.ValidationError as e:
        raise ConfigError(f"{folder}: manifest: decode: {e}") from e
    whole = bool(spec.strides) and all(
        stride >= 1 and spec.multiple >= 1 and spec.multiple % stride == 0
        for stride in spec.strides
    )
    if spec.kind != KIND or not whole:
        raise ConfigError(
            f"{folder}: manifest: decode: got {values}; allowed: kind {KIND!r}, strides of at "
            "least 1 and a multiple of all of them"
        )
    return spec
