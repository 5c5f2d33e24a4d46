"""The project's own detector: one int8 network in the TFLite runtime, trained by `convert`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import cv2
import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edge.config import Detect
from edge.detect.decode import UNIT_PX, Level, decode
from edge.errors import ConfigError
from edge.geometry import Box
from edge.image import resize, shrink
from edge.messages import Face
from edge.model.manifest import MODEL, Manifest, find_model, load_manifest
from edge.model.tflite import Network

OWN = "face"  # the shipped model
LARGE = 0.25  # width from which faces of a reduced picture count, as a fraction of the picture's
CHANNELS = {1: "score", 4: "box", 10: "landmarks"}  # an output is known by its last dimension


class Decode(Struct, frozen=True, kw_only=True):
    """The manifest's `decode`: how the network's maps become boxes."""

    kind: str
    strides: tuple[int, ...]  # pixels a cell, level by level
    multiple: int  # of which both sides of the input must be one
    unit_px: float  # size whose logarithm is 0
    pyramid: tuple[Annotated[int, Meta(ge=1, le=8)], ...] = (1,)  # times the picture is reduced


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
        # One interpreter for each scale: another size of input means to build it anew.
        self._scales = {
            factor: _Scale(folder, manifest, self._decode, runtime, threads)
            for factor in self._decode.pyramid
        }
        self.detect(np.full((manifest.input.height, manifest.input.width), 128, np.uint8))

    def configure(self, config: Detect, /) -> None:
        """Go on by another width, smallest face and threshold."""
        self._config = config

    def detect(self, luma: NDArray[np.uint8], /) -> tuple[Face, ...]:
        """Return the faces with five landmarks each, best score first."""
        small, sx, sy = shrink(luma, self._config.width)
        columns = small.shape[1]
        levels = [
            level
            for factor, scale in self._scales.items()
            for level in scale.levels(small, factor, columns * LARGE if factor > 1 else 0.0)
        ]
        scores, boxes, points = decode(levels, threshold=self._config.threshold)
        least = self._config.min_face * luma.shape[0]
        return tuple(
            Face(
                Box(*box).scaled(sx, sy),
                score,
                tuple((x * sx, y * sy) for x, y in landmarks),
            )
            for score, box, landmarks in zip(
                scores.tolist(), boxes.tolist(), points.tolist(), strict=True
            )
            if box[3] * sy >= least and 0 <= box[0] + box[2] / 2 < columns
        )


class _Scale:
    """The network on one level of the image pyramid."""

    def __init__(
        self, folder: Path, manifest: Manifest, decode: Decode, runtime: str, threads: int
    ) -> None:
        self._decode = decode
        self._net = Network(folder / MODEL, runtime, threads)
        if len(self._net.input_shape) != 4 or self._net.input_shape[3] != 1:
            raise ConfigError(f"{folder}: input {self._net.input_shape}; allowed: (1, h, w, 1)")
        self._outputs = self._places(folder)
        self._table = self._net.input_table(manifest.input.mean, manifest.input.scale)
        self._held: tuple[int, int] | None = None

    def levels(self, luma: NDArray[np.uint8], factor: int, least_px: float) -> list[Level]:
        """Return the maps of a picture reduced `factor` times, in pixels of the picture itself.

        Args:
            luma: the picture.
            factor: by which its sides are reduced first.
            least_px: width of the smallest face that counts, in pixels of the picture.
        """
        if factor > 1:
            rows, columns = (max(round(side / factor), 1) for side in luma.shape)
            luma = resize(luma, columns, rows)
        rows, columns = luma.shape
        self._resize(rows, columns)
        self._tensor[0, :rows, :columns, 0] = cv2.LUT(luma, self._table)
        maps = dict(zip(self._outputs, self._net.run(self._tensor), strict=True))
        return [
            Level(
                stride * factor,
                maps[stride, "score"][0],
                maps[stride, "box"][0],
                maps[stride, "landmarks"][0],
                UNIT_PX * factor,
                least_px,
            )
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


def _checked(values: dict[str, object], folder: Path) -> Decode:
    try:
        spec = msgspec.convert(values, Decode)
    except msgspec.ValidationError as e:
        raise ConfigError(f"{folder}: manifest: decode: {e}") from e
    whole = bool(spec.strides and spec.pyramid) and all(
        stride >= 1 and spec.multiple >= 1 and spec.multiple % stride == 0
        for stride in spec.strides
    )
    if spec.kind != "centre" or spec.unit_px != UNIT_PX or not whole:
        raise ConfigError(
            f"{folder}: manifest: decode: got {values}; allowed: kind 'centre', unit_px "
            f"{UNIT_PX:g}, strides of at least 1 and a multiple of all of them"
        )
    return spec
