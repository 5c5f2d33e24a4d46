"""`mini_xception`: the 58 k parameter network of Arriaga et al. 2017 (arXiv:1710.07557)."""

from __future__ import annotations

from typing import Any

from convert.arch.blocks import layer_kinds, luma_to_unit

MODULES = (16, 32, 64, 128)  # channels


def build(size: tuple[int, int], classes: int, *, fast: bool, seed: int = 1) -> Any:
    """Return the network: (n, height, width, 1) luma 0..255 to (n, classes) probabilities.

    It has no dropout, so that `seed` changes nothing.
    """
    import keras
    from keras import layers

    kind = layer_kinds(fast)
    # On the first two convolutions only. Its authors' code gives it to the separable ones too, but
    # Keras 2.0.5 ignored it: their file fer2013_mini_XCEPTION.102-0.66.hdf5 has none there.
    decay = keras.regularizers.L2(0.01)

    inputs = keras.Input((*size, 1), name="luma_0_255")
    x = luma_to_unit(inputs)
    for _ in range(2):
        x = kind.Conv2D(8, 3, use_bias=False, kernel_regularizer=decay)(x)
        x = layers.ReLU()(kind.BatchNormalization()(x))
    for channels in MODULES:
        shortcut = kind.Conv2D(channels, 1, strides=2, padding="same", use_bias=False)(x)
        shortcut = kind.BatchNormalization()(shortcut)
        for last in (False, True):
            x = layers.SeparableConv2D(channels, 3, padding="same", use_bias=False)(x)
            x = kind.BatchNormalization()(x)
            if not last:
                x = layers.ReLU()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.Add()([x, shortcut])
    x = kind.Conv2D(classes, 3, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Softmax(dtype="float32", name="scores")(x)
    return keras.Model(inputs, outputs, name="mini_xception")
