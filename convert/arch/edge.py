"""`edge`: a narrow residual network for 48x48 luma, made of what int8 kernels do fastest.

Its larger relative `edge_wide` keeps the full resolution for one layer more; it is there to teach.

Plain 3x3 convolutions rather than depthwise ones: a full convolution of few channels costs more
arithmetic and less time, because int8 kernels keep the arithmetic units busy only with it. The
shape follows He et al. 2016 (residual blocks) and He et al. 2019 ("Bag of Tricks", averaging
before a strided shortcut).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convert.arch.blocks import luma_to_unit, residual_layers


@dataclass(frozen=True, slots=True)
class Shape:
    """What tells the two apart."""

    stem: tuple[int, int, int]  # of the first convolution: channels, kernel, stride
    blocks: tuple[tuple[int, int], ...]  # channels, stride


EDGE = Shape((32, 5, 2), ((32, 1), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (192, 1)))
WIDE = Shape((24, 3, 1), ((64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)))


def build(
    size: tuple[int, int],
    classes: int,
    *,
    fast: bool,
    seed: int = 1,
    shape: Shape = EDGE,
    dropout: float = 0.3,
) -> Any:
    """Return the network: (n, height, width, 1) luma 0..255 to (n, classes) probabilities."""
    import keras
    from keras import layers

    conv, block = residual_layers(fast, momentum=0.95)
    inputs = keras.Input((*size, 1), name="luma_0_255")
    x = luma_to_unit(inputs)
    channels, kernel, stride = shape.stem
    x = layers.ReLU()(conv(x, channels, kernel, stride))
    for channels, stride in shape.blocks:
        x = block(x, channels, stride)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout, seed=seed)(x)
    x = layers.Dense(classes, dtype="float32")(x)
    outputs = layers.Softmax(dtype="float32", name="scores")(x)
    return keras.Model(inputs, outputs, name="edge")
