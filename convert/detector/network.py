"""The detector's network: luma in; a score, a box and five landmarks for each cell of three levels.

YuNet's (Wu, Peng and Yu 2023), for luma: pairs of a 1x1 and a depthwise 3x3 convolution down to a
stride of 32 pixels; one head for each of the strides 8, 16 and 32, so that each face is answered
for by the level whose cells fit its size; coarse levels are added back into the finer ones (Lin et
al. 2016). It has no batch normalisation: YuNet's is folded into its published weights, from which
training begins.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from convert.arch.blocks import layer_kinds

STRIDES = (8, 16, 32)  # pixels a cell, level by level
MULTIPLE = 32  # of which both sides of the input must be one: the coarsest cells
RARE = 0.01  # probability of a face that the untrained network assumes (Lin et al. 2017)
PARTS = {"score": 1, "box": 4, "landmarks": 10}  # values a cell gives, output by output


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide the network is, in channels."""

    stem: int = 16  # at strides 2 and 4
    narrow: int = 32  # at stride 4
    width: int = 64  # from there on

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
def _upsampling() -> Any:
    import keras

    class Upsampling(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
        """Double both sides, each value four times, at any input size.

        Keras' own writes the size it was built for into the TFLite graph.
        """

        def call(self, x: Any) -> Any:
            if keras.backend.backend() == "tensorflow":
                import tensorflow as tf

                return tf.nn.depth_to_space(tf.concat([x] * 4, axis=-1), 2)
            return keras.ops.repeat(keras.ops.repeat(x, 2, axis=1), 2, axis=2)

        def compute_output_shape(self, input_shape: Any) -> Any:
            n, h, w, c = input_shape
            return (n, h and 2 * h, w and 2 * w, c)  # None: any

    return Upsampling


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

    def pair(x: Any, channels: int, name: str, *, relu: bool = True) -> Any:
        x = kinds.Conv2D(channels, 1, name=f"{name}_point")(x)
        x = kinds.DepthwiseConv2D(3, padding="same", name=f"{name}_depth")(x)
        return keras.layers.ReLU()(x) if relu else x

    def halved(x: Any) -> Any:
        return kinds.MaxPooling2D(2)(x)

    up = _upsampling()
    luma = keras.Input((height, width, 1), name="luma_in")
    x = keras.layers.ZeroPadding2D(1)(luma)
    x = keras.layers.ReLU()(kinds.Conv2D(s.stem, 3, strides=2, name="stem")(x))
    x = halved(pair(x, s.stem, "stride2"))
    x = pair(pair(x, s.stem, "stride4a"), s.narrow, "stride4b")
    x = halved(pair(pair(x, s.narrow, "stride4c"), s.width, "stride4d"))
    levels = []
    for stride in STRIDES:
        x = pair(pair(x, s.width, f"stride{stride}a"), s.width, f"stride{stride}b")
        levels.append(x)
        x = halved(x) if stride != STRIDES[-1] else x
    outputs = {}
    coarser = None
    for stride, x in zip(STRIDES[::-1], levels[::-1], strict=True):
        x = x if coarser is None else keras.layers.Add()([x, up()(coarser)])
        coarser = x = pair(x, s.width, f"neck{stride}")
        # YuNet answers "a face" and "centred here" apart; the mean of their logits is one answer.
        both = pair(x, 2, f"both{stride}", relu=False)
        rare = keras.initializers.Constant(math.log(RARE / (1 - RARE)))
        mean = keras.initializers.Constant(0.5)
        outputs[f"score{stride}"] = kinds.Conv2D(
            1, 1, kernel_initializer=mean, bias_initializer=rare, name=f"score{stride}"
        )(both)
        for part in ("box", "landmarks"):
            x_part = kinds.Conv2D(PARTS[part], 1, name=f"{part}{stride}_point")(x)
            outputs[f"{part}{stride}"] = kinds.DepthwiseConv2D(
                3, padding="same", name=f"{part}{stride}"
            )(x_part)
    return keras.Model(luma, outputs)
