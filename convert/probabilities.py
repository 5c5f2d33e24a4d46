"""Outputs as probabilities, whether a network ends in a softmax or in logits."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError

if TYPE_CHECKING:
    from convert.load import FloatModel

log = logging.getLogger(__name__)

PROBES = 8  # inputs: grey, black, white and noise
TOLERANCE = 1e-2  # of a row's sum


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Return the probabilities of logits, (n, C)."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = (e / e.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def with_probabilities(model: FloatModel) -> FloatModel:
    """Return the model with a softmax where it ends in logits.

    What it ends in is seen from its answers: rows of probabilities add up to 1.

    Raises:
        ConfigError: the outputs are neither, such as those of a sigmoid.
    """
    spec = model.input
    faces = np.random.default_rng(1).integers(0, 256, (PROBES, spec.height, spec.width))
    faces[0], faces[1], faces[2] = 128, 0, 255
    out = model.predict(faces.astype(np.uint8))
    if not np.isfinite(out).all():
        raise ConfigError(f"{model.path}: its outputs are not finite")
    inside = bool((out >= 0).all() and (out <= 1).all())
    if inside and np.abs(out.sum(axis=1) - 1).max() < TOLERANCE:
        return model
    # A SavedModel does not say what it ends in.
    logits = _activation(model.network) in (None, "linear") if model.keras else not inside
    if not logits:
        raise ConfigError(
            f"{model.path}: its outputs are neither probabilities nor logits: between "
            f"{out.min():.3g} and {out.max():.3g}, adding up to {out.sum(axis=1).max():.3g}; "
            "allowed: a softmax, or no activation, at the end"
        )
    log.info("%s ends in logits; a softmax is added", model.path)
    if not model.keras:
        return replace(model, logits=True)
    import keras

    network = model.network
    scores = keras.layers.Softmax(dtype="float32", name="added_softmax")(network.outputs[0])
    return replace(model, network=keras.Model(network.inputs, scores, name=network.name))


def _activation(network: Any) -> str | None:
    """Return the name of the last layer's activation, None when it has none."""
    activation = getattr(network.layers[-1], "activation", None)
    return getattr(activation, "__name__", None)
