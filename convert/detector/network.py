"""The detector's network: luma in, one score, box and five landmarks a cell of 8 pixels out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from convert.arch.blocks import layer_kinds, luma_to_unit

STRIDE = 8  # pixels a cell
MULTIPLE = 16  # of which both sides of the input must be one: the coarsest cells
RARE = 0.01  # share of cells with a face that the untrained network assumes (Lin et al. 2017)


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide the network is: channels at each stride, residual blocks at strides 4, 8, 16."""

    stem: tuple[int, int] = (16, 32)
    fine: int = 48
    coarse: int = 80
    early_blocks: int = 0
    fine_blocks: int = 2
    coarse_blocks: int = 2
    head: int = 32

    def as_dict(self) -> dict[str, Any]:
        """Return the values for a record; `Shape(**d)` is its inverse."""
        return asdict(self)


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

    Its outputs, `score`, `box` and `marks`, have shapes (n, height / 8, width / 8, 1), (..., 4) and
    (..., 10); `edge.detect.decode` says what they mean. Strides 8 and 16 with residual blocks (He
    et al. 2015), the coarse one added back into the fine one (Lin et al. 2016), one centre a face
    (Zhou et al. 2019).

    Args:
        height: pixels, a multiple of 16.
        width: pixels, a multiple of 16.
        shape: default: the shipped one.
        fast: use layers that train faster on torch; the weights are the same.

    Raises:
        ValueError: a side is not a multiple of 16.
    """
    import keras

    if height % MULTIPLE or width % MULTIPLE or height < MULTIPLE or width < MULTIPLE:
        raise ValueError(f"input {width}x{height}; allowed: multiples of {MULTIPLE}")
    s = shape or Shape()
    kinds = layer_kinds(fast)

    def conv(x: Any, channels: int, kernel: int = 3, stride: int = 1, relu: bool = True) -> Any:
        x = kinds.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False)(x)
        x = kinds.BatchNormalization(momentum=0.99)(x)
        return keras.layers.ReLU()(x) if relu else x

    def residual(x: Any) -> Any:
        channels = x.shape[-1]
        y = conv(conv(x, channels), channels, relu=False)
        return keras.layers.ReLU()(keras.layers.Add()([x, y]))

    luma = keras.Input((height, width, 1), name="luma_in")
    x = conv(luma_to_unit(luma), s.stem[0], stride=2)
    x = conv(x, s.stem[1], stride=2)
    for _ in range(s.early_blocks):
        x = residual(x)
    x = conv(x, s.fine, stride=2)
    for _ in range(s.fine_blocks):
        x = residual(x)
    y = conv(x, s.coarse, stride=2)
    for _ in range(s.coarse_blocks):
        y = residual(y)
    up = _depth_to_space()()(conv(y, 4 * s.head, kernel=1, relu=False))
    x = keras.layers.Add()([up, conv(x, s.head, kernel=1, relu=False)])
    x = conv(keras.layers.ReLU()(x), s.head)
    rare = keras.initializers.Constant(math.log(RARE / (1 - RARE)))
    score = kinds.Conv2D(1, 1, bias_initializer=rare, dtype="float32", name="score")(x)
    box = kinds.Conv2D(4, 1, dtype="float32", name="box")(x)
    marks = kinds.Conv2D(10, 1, dtype="float32", name="marks")(x)
    return keras.Model(luma, {"score": score, "box": box, "marks": marks})
