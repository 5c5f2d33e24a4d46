"""The network of the second look: one crop to a score, a box and five landmarks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from convert.arch.blocks import luma_to_unit, residual_layers
from edge.detect.refine import PARTS


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network."""

    size: int = 48  # pixels of the input
    stem: int = 24  # channels of the first convolution, 5x5, stride 2
    blocks: tuple[tuple[int, int], ...] = (  # channels, stride
        (32, 2), (32, 1), (32, 1), (48, 2), (48, 1), (48, 1),
    )  # fmt: skip
    dense: int = 64
    dropout: float = 0.1

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "blocks": [list(b) for b in self.blocks]}

    @classmethod
    def of(cls, values: dict[str, Any]) -> Shape:
        """Return the shape that `as_dict` gave."""
        return cls(**{**values, "blocks": tuple((int(c), int(s)) for c, s in values["blocks"])})


def build(shape: Shape, *, fast: bool = False, seed: int = 1) -> Any:
    """Return a Keras model of luma (n, size, size, 1) in 0..255.

    Its outputs are `score` (n, 1), a logit, `box` (n, 4) and `landmarks` (n, 10);
    `edge.detect.refine` says what they mean.

    Args:
        shape: sizes.
        fast: use layers that train faster on torch; the weights are the same.
        seed: of dropout.
    """
    import keras
    from keras import layers

    conv, block = residual_layers(fast, momentum=0.97)
    inputs = keras.Input((shape.size, shape.size, 1), name="luma_0_255")
    x = layers.ReLU()(conv(luma_to_unit(inputs), shape.stem, 5, 2))
    for channels, stride in shape.blocks:
        x = block(x, channels, stride)
    # Where nose and eyes lie is a matter of place: no average over the map.
    x = layers.Dropout(shape.dropout, seed=seed)(layers.Flatten()(x))
    x = layers.Dense(shape.dense, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.97)(x))
    outputs = {part: layers.Dense(n, name=part)(x) for n, part in PARTS.items()}
    return keras.Model(inputs, outputs, name="refine")
