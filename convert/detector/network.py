"""The detector's network: luma in; a score, a box and five landmarks for each cell of three levels.

Depthwise separable residual blocks (Howard et al. 2017, He et al. 2015) down to a stride of 32
pixels; one head for each of the strides 8, 16 and 32, so that each face is answered for by the
level whose cells fit its size (Liu et al. 2016). Level 16 is added back into level 8 (Lin et al.
2016). One centre for each face (Zhou et al. 2019).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from convert.arch.blocks import layer_kinds, luma_to_unit

STRIDES = (8, 16, 32)  # pixels a cell, level by level
MULTIPLE = 32  # of which both sides of the input must be one: the coarsest cells
RARE = 0.01  # probability of a face that the untrained network assumes (Lin et al. 2017)
PARTS = {"score": 1, "box": 4, "landmarks": 10}  # values a cell gives, output by output


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide the network is: channels at each stride, residual blocks at strides 4 to 32."""

    stem: int = 16
    channels: tuple[int, int, int, int] = (32, 64, 128, 128)
    blocks: tuple[int, int, int, int] = (1, 3, 3, 2)
    head: int = 48

    def as_dict(self) -> dict[str, Any]:
        """Return the values for a record; `Shape.of(d)` is its inverse."""
        return asdict(self)

    @classmethod
    def of(cls, record: dict[str, Any]) -> Shape:
        """Return the shape of a record, whose tuples may have become lists."""
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in record.items()
        }
        return cls(**values)


@cache
def _depth_to_space() -> Any:
    import keras

    class DepthToSpace(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
        """Turn (h, w, 4 c) into (2 h, 2 w, c): upsampling that keeps any input size possible.

        Upsampling layers of Keras write the size they were built for into the TFLite graph.
        """

        def call(self, x: Any) -> Any:
            if keras.backend.backend() == "tensorflow":
                import tensorflow as tf

                return tf.nn.depth_to_space(x, 2)
            _, h, w, c = x.shape
            x = keras.ops.reshape(x, (-1, h, w, 2, 2, c // 4))
            x = keras.ops.transpose(x, (0, 1, 3, 2, 4, 5))
            return keras.ops.reshape(x, (-1, 2 * h, 2 * w, c // 4))

        def compute_output_shape(self, input_shape: Any) -> Any:
            n, h, w, c = input_shape
            return (n, 2 * h, 2 * w, c // 4)

    return DepthToSpace


def build(height: int, width: int, shape: Shape | None = None, *, fast: bool = False) -> Any:
    """Return a Keras model of luma (n, height, width, 1) in 0..255.

    Its outputs are `score8`, `box8`, `landmarks8` and the same for 16 and 32, of shapes
    (n, height / stride, width / stride, 1), (..., 4) and (..., 10); `edge.detect.decode` says what
    they mean.

    Args:
        height: pixels, a multiple of 32.
        width: pixels, a multiple of 32.
        shape: default: the shipped one.
        fast: use layers that train faster on torch; the weights are the same.

    Raises:
        ValueError: a side is not a multiple of 32.
    """
    import keras

    if height % MULTIPLE or width % MULTIPLE or height < MULTIPLE or width < MULTIPLE:
        raise ValueError(f"input {width}x{height}; allowed: multiples of {MULTIPLE}")
    s = shape or Shape()
    kinds = layer_kinds(fast)

    def normalised(x: Any, relu: bool) -> Any:
        x = kinds.BatchNormalization(momentum=0.99)(x)
        return keras.layers.ReLU()(x) if relu else x

    def conv(x: Any, channels: int, kernel: int = 1, stride: int = 1, relu: bool = True) -> Any:
        x = kinds.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False)(x)
        return normalised(x, relu)

    def separable(x: Any, channels: int, stride: int = 1, relu: bool = True) -> Any:
        x = kinds.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
        return conv(normalised(x, False), channels, relu=relu)

    def residual(x: Any) -> Any:
        y = separable(x, x.shape[-1], relu=False)
        return keras.layers.ReLU()(keras.layers.Add()([x, y]))

    luma = keras.Input((height, width, 1), name="luma_in")
    x = conv(luma_to_unit(luma), s.stem, kernel=3, stride=2)
    levels = []
    for channels, blocks in zip(s.channels, s.blocks, strict=True):
        x = separable(x, channels, stride=2)
        for _ in range(blocks):
            x = residual(x)
        levels.append(x)
    _, fine, middle, coarse = levels
    up = _depth_to_space()()(conv(middle, 4 * s.head, relu=False))
    fine = keras.layers.ReLU()(keras.layers.Add()([up, conv(fine, s.head, relu=False)]))
    rare = keras.initializers.Constant(math.log(RARE / (1 - RARE)))
    outputs = {}
    for stride, features in zip(STRIDES, (fine, middle, coarse), strict=True):
        x = separable(features, s.head)
        for part, values in PARTS.items():
            bias = rare if part == "score" else "zeros"
            head = kinds.Conv2D(values, 1, bias_initializer=bias, name=f"{part}{stride}")
            outputs[head.name] = head(x)
    return keras.Model(luma, outputs)
