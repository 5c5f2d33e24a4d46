"""A network that looks at a face and at its mirror image, and gives the mean of both scores.

The two views err differently, so their mean errs less. It asks nothing of the device
but the time of a second face.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convert.load import FloatModel
from edge.errors import ConfigError


def with_flip(model: FloatModel, *, batch: int | None = None) -> FloatModel:
    """Return the model of the mean scores of a face and its mirror image; the weights are shared.

    Args:
        model: a Keras model, (n, height, width, channels) to (n, C) probabilities.
        batch: fix n, so that every shape in a converted file is known.

    Raises:
        ConfigError: it is a SavedModel, which cannot be built upon.
    """
    if not model.keras:
        raise ConfigError(f"{model.path}: --flip needs a Keras model; this is a SavedModel")
    return replace(model, network=_averaged_over_flip(model.network, batch))


def _averaged_over_flip(network: Any, batch: int | None) -> Any:
    import keras
    from keras import ops

    inputs = keras.Input(network.input_shape[1:], batch_size=batch)
    # One call with both views, not two calls: weights are packed and stored once.
    scores = network(ops.concatenate([inputs, ops.flip(inputs, axis=2)], axis=0))
    both = ops.reshape(scores, (2, batch or -1, network.output_shape[1]))
    return keras.Model(inputs, ops.mean(both, axis=0), name=f"{network.name}_flip")
