"""What a state network says of crops: a model folder as the device runs it, or the float one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convert.state.outputs import NAMES, SCALES, N
from edge.errors import ConfigError
from edge.model.manifest import MODEL, Manifest, load_manifest
from edge.model.tflite import Network

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
CHUNK = 256  # crops that the float network takes at once


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Said:
    """Values and standard deviations of n crops, (n, 7) each, in units of `OUTPUTS`."""

    value: Floats
    sigma: Floats

    def take(self, rows: NDArray[Any]) -> Said:
        """Return some rows."""
        return Said(self.value[rows], self.sigma[rows])


class Predictor(Protocol):
    """Says the state of crops."""

    size: int  # pixels of a crop

    def say(self, crops: Luma, /) -> Said:
        """Return what it says of crops (n, size, size)."""


def rows_of(model: Any, crops: Luma) -> Floats:
    """Return what the Keras network says of crops (n, size, size): rows (n, 14)."""
    return np.asarray(model(crops[..., None].astype(np.float32)), np.float32)


def decoded(rows: Floats) -> Said:
    """Return what rows (n, 14) of the network mean."""
    log_sigma = np.clip(rows[:, N:], -10, 10)
    return Said(rows[:, :N] * SCALES, np.exp(log_sigma) * SCALES)


class FolderPredictor:
    """A model folder on the device's runtime."""

    def __init__(self, folder: Path) -> None:
        """Load it.

        Raises:
            ConfigError: it is no state model with the outputs that are known here.
        """
        self.manifest: Manifest = load_manifest(folder)
        names = tuple(o.name for o in self.manifest.outputs)
        scales = [o.scale for o in self.manifest.outputs]
        if self.manifest.task != "state" or names != NAMES or not np.allclose(scales, SCALES):
            raise ConfigError(f"{folder}: not a model of the outputs {', '.join(NAMES)}")
        self.path = folder / MODEL
        self.size = self.manifest.input.width
        self.known_below = np.array([o.known_below for o in self.manifest.outputs], np.float32)
        self._network = TflitePredictor(self.path, self.size)

    def say(self, crops: Luma) -> Said:
        """Return what it says of crops (n, size, size)."""
        return self._network.say(crops)


class TflitePredictor:
    """A `.tflite` file on the device's runtime."""

    def __init__(self, path: Path, size: int) -> None:
        """Load it; crops are `size` pixels wide."""
        self.size = size
        self._network = Network(path)
        self._table = self._network.input_table(0.0, 1.0)

    def say(self, crops: Luma) -> Said:
        """Return what it says of crops (n, size, size)."""
        rows = np.empty((len(crops), 2 * N), np.float32)
        for k, crop in enumerate(crops):
            rows[k] = self._network.run(self._table[crop][None, :, :, None])[0].reshape(-1)
        return decoded(rows)


class FloatPredictor:
    """The Keras network."""

    def __init__(self, model: Any) -> None:
        """Wrap it."""
        self._model = model
        self.size = int(model.inputs[0].shape[1])

    def say(self, crops: Luma) -> Said:
        """Return what it says of crops (n, size, size)."""
        rows = [rows_of(self._model, crops[k : k + CHUNK]) for k in range(0, len(crops), CHUNK)]
        return decoded(np.concatenate(rows) if rows else np.empty((0, 2 * N), np.float32))
