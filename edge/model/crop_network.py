"""A model folder whose network takes a face's crop and gives one row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.model.manifest import MODEL, load_manifest
from edge.model.tflite import Network


class CropNetwork:
    """The folder's manifest and its network, which is given luma."""

    def __init__(
        self, folder: Path, tasks: Sequence[str], runtime: str = "auto", threads: int = 1
    ) -> None:
        """Load the folder, check its sha256 and its input against the manifest.

        Raises:
            ConfigError: its task is none of `tasks`, manifest and model do not fit, or the model
                cannot be run.
            UnavailableError: there is no TFLite runtime that works.
        """
        self.manifest = load_manifest(folder)
        if self.manifest.task not in tasks:
            raise ConfigError(
                f"{folder}: task is {self.manifest.task}; allowed here: {', '.join(tasks)}"
            )
        self._net = Network(folder / MODEL, runtime, threads)
        self.runtime = self._net.runtime
        self.output_shapes = self._net.output_shapes
        spec = self.manifest.input
        wanted = (1, spec.height, spec.width, spec.channels)
        if self._net.input_shape != wanted:
            raise ConfigError(
                f"{folder}: the model's input is {self._net.input_shape}, "
                f"the manifest says {wanted}"
            )
        self._table = self._net.input_table(spec.mean, spec.scale)

    def grey(self) -> NDArray[np.uint8]:
        """Return a crop of one grey, to try the network with."""
        spec = self.manifest.input
        return np.full((spec.height, spec.width), 128, np.uint8)

    def run(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the first output as one row; `face` is luma of the input's size."""
        tensor = cv2.LUT(face, self._table)
        if self.manifest.input.channels == 3:
            tensor = np.repeat(tensor[:, :, None], 3, axis=2)
        return self._net.run(tensor.reshape(self._net.input_shape))[0].reshape(-1)
