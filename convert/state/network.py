"""The network: one face's crop to values and how sure they are.

The residual blocks of `convert.arch.edge`, narrower. Its end is not an average over the picture but
a dense layer on a map of 4x4: which eye is shut, and where the nose lies in the face, are matters
of place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.arch.blocks import luma_to_unit, residual_layers
from convert.state.outputs import N

Floats = NDArray[np.float32]
LOW, HIGH = -3.0, 0.7  # of the logarithm of a standard deviation, in scaled units


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network."""

    size: int = 64  # pixels of the input
    stem: int = 24  # channels of the first convolution, 5x5, stride 2
    blocks: tuple[tuple[int, int], ...] = (  # channels, stride
        (32, 2), (32, 1), (32, 1), (48, 2), (48, 1), (48, 1), (96, 2), (96, 1),
    )  # fmt: skip
    dense: int = 48
    dropout: float = 0.1

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "blocks": [list(b) for b in self.blocks]}

    @classmethod
    def of(cls, values: dict[str, Any]) -> Shape:
        """Return the shape that `as_dict` gave."""
        return cls(**{**values, "blocks": tuple((int(c), int(s)) for c, s in values["blocks"])})


def build(shape: Shape, *, fast: bool = False, seed: int = 1) -> Any:
    """Return a Keras model: luma (n, size, size, 1) in 0..255 to (n, 14).

    Seven values in scaled units, then the logarithms of their standard deviations.
    """
    import keras
    from keras import layers

    conv, block = residual_layers(fast, momentum=0.97)
    inputs = keras.Input((shape.size, shape.size, 1), name="luma_0_255")
    x = layers.ReLU()(conv(luma_to_unit(inputs), shape.stem, 5, 2))
    for channels, stride in shape.blocks:
        x = block(x, channels, stride)
    x = layers.Flatten()(x)
    x = layers.Dropout(shape.dropout, seed=seed)(x)
    x = layers.Dense(shape.dense, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.97)(x))
    outputs = layers.Dense(2 * N, name="state")(x)
    return keras.Model(inputs, outputs, name="state")


def narrowed(weights: Sequence[Floats], dense: int) -> list[Floats]:
    """Return weights of a network with fewer units in its dense layer: those that say most.

    Args:
        weights: as `keras.Model.get_weights` orders them.
        dense: units to keep, at most as many as there are.
    """
    *before, hidden, gamma, beta, mean, variance, kernel, bias = weights
    says = np.abs(kernel).sum(axis=1) * np.abs(gamma)
    keep = np.sort(np.argsort(-says, kind="stable")[:dense])
    parts = (gamma, beta, mean, variance)
    return [*before, hidden[:, keep], *(p[keep] for p in parts), kernel[keep], bias]
