"""`plain_cnn`: the classic network of many FER2013 projects, about 4.5 M parameters.

Four convolutions (64, 128, 512, 512), each halved by pooling, and dense layers of 256 and 512.
"""

from __future__ import annotations

import itertools
from typing import Any

from convert.arch.blocks import layer_kinds, luma_to_unit

CONVOLUTIONS = ((64, 3), (128, 5), (512, 3), (512, 3))  # channels, kernel
DENSE = (256, 512)


def build(size: tuple[int, int], classes: int, *, fast: bool, seed: int = 1) -> Any:
    """Return the network: (n, height, width, 1) luma 0..255 to (n, classes) probabilities."""
    import keras
    from keras import layers

    kind = layer_kinds(fast)
    seeds = itertools.count(seed)  # each layer leaves out something else
    inputs = keras.Input((*size, 1), name="luma_0_255")
    x = luma_to_unit(inputs)
    for channels, kernel in CONVOLUTIONS:
        x = kind.Conv2D(channels, kernel, padding="same")(x)
        x = layers.ReLU()(kind.BatchNormalization()(x))
        x = kind.MaxPooling2D(2)(x)
        x = kind.Dropout(0.25, seed=next(seeds))(x)
    x = layers.Flatten()(x)
    for units in DENSE:
        x = layers.Dense(units)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = kind.Dropout(0.25, seed=next(seeds))(x)
    x = layers.Dense(classes, dtype="float32")(x)
    outputs = layers.Softmax(dtype="float32", name="scores")(x)
    return keras.Model(inputs, outputs, name="plain_cnn")
