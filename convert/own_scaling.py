"""What a Keras model's own first layers, Rescaling and Normalization, say of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("Rescaling", "Normalization")
FIRST = 4  # layers, the input among them
SMALLEST_SCALE = 0.05  # of a Rescaling for inputs of 0 to 1; for 0 to 255, 1 / 127.5 is usual
LARGEST_UNIT = 2.0  # above any mean and standard deviation of inputs of 0 to 1 or -1 to 1
WHITE = 255.0  # luma: no mean and no standard deviation of 0 to 255 is above


def own_scaling(network: Any) -> list[Any]:
    """Return the layers at the beginning of a Keras model that scale the input."""
    return [layer for layer in network.layers[:FIRST] if type(layer).__name__ in KINDS]


def takes_luma(own: Sequence[Any]) -> bool:
    """Return whether these layers can be meant for nothing but 0 to 255.

    They are judged in order, each by what it does to the input itself: a Rescaling makes 0 to 255
    small, a Normalization takes away a mean, or divides by a standard deviation, of 0 to 255.
    """
    scale, offset = np.ones(1), np.zeros(1)  # what came before: input * scale + offset
    for layer in own:
        if type(layer).__name__ == "Normalization":
            if layer.invert or layer.mean is None:
                return False
            mean, deviation = _array(layer.mean), np.sqrt(_array(layer.variance))
            if _of_luma((mean - offset) / scale, deviation / np.abs(scale)):
                return True
            deviation = np.maximum(deviation, 1e-7)  # Keras' epsilon
            scale, offset = scale / deviation, (offset - mean) / deviation
        else:
            factor = _array(layer.scale)
            scale, offset = scale * factor, offset * factor + _array(layer.offset)
            if (scale == 0).any():
                return False
            if np.abs(scale).max() < SMALLEST_SCALE:
                return True
    return False


def _of_luma(mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> bool:
    """Return whether mean and standard deviation are those of 0 to 255, and of no unit range."""
    fits = bool((mean >= 0).all() and max(mean.max(), deviation.max()) <= WHITE)
    return fits and bool(max(mean.max(), deviation.max()) > LARGEST_UNIT)


def _array(value: Any) -> NDArray[np.float64]:
    """Return numbers of a layer, which may be a tensor, as one dimension."""
    import keras

    return np.asarray(keras.ops.convert_to_numpy(value), np.float64).ravel()
