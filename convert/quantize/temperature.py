"""Calibration by temperature (Guo et al. 2017, arXiv:1706.04599), folded into the last weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.load import FloatModel
from edge.errors import ConfigError

LIMITS = (0.2, 5.0)  # outside of these something else is wrong with the model
# Standard deviation of the temperature's logarithm before any face was seen: half to twice the
# logits, in which those fitted here on a thousand faces and more lie (0.55 to 1.4).
SPREAD = float(np.log(2.0))
_TINY = 1e-30  # keeps the logarithm of a probability that underflowed finite


def tempered(probabilities: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Return softmax(log(p) / temperature), which is softmax(logits / temperature); (n, C)."""
    z = np.log(np.maximum(probabilities.astype(np.float64), _TINY)) / temperature
    e = np.exp(z - z.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = e / e.sum(axis=1, keepdims=True)
    return result


def cross_entropy(probabilities: NDArray[Any], targets: NDArray[Any]) -> float:
    """Return the mean of -sum(targets * log(p)), in nats."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), _TINY))
    return float(-(targets * logs).sum(axis=1).mean())


def fit_temperature(views: Sequence[NDArray[Any]], targets: NDArray[Any]) -> float:
    """Return the most probable temperature, found to 0.1 %.

    That with the least cross-entropy where faces are many; a few say little, and the temperature
    stays near 1: the logarithm is taken to be normal around 0 with `SPREAD` beforehand (maximum a
    posteriori). Five faces that are all right would else ask for a model that is never in doubt.

    Args:
        views: probabilities, (n, C) each, of the model at temperature 1, on faces it was not
            trained on; of several views of the same faces, their mean counts.
        targets: (n, C), rows adding up to 1: one-hot labels or distributions of votes.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_t: float) -> float:
        mean = np.mean([tempered(v, float(np.exp(log_t))) for v in views], axis=0)
        beforehand = (log_t / SPREAD) ** 2 / (2 * len(targets))
        return cross_entropy(mean, targets) + float(beforehand)

    found = minimize_scalar(loss, bounds=np.log(LIMITS), method="bounded", options={"xatol": 5e-4})
    return round(float(np.exp(found.x)), 3)


def fold_temperature(model: FloatModel, temperature: float) -> None:
    """Divide the logits by `temperature` by scaling the last layer's weights, in place.

    Raises:
        ConfigError: between the last weights and the softmax is something that does not scale.
    """
    if temperature == 1.0:
        return
    if not model.keras:
        raise ConfigError(
            f"{model.path}: the temperature of a SavedModel cannot be folded; use --temperature 1"
        )
    layer = _last_weights(model)
    layer.set_weights([w / temperature for w in layer.get_weights()])


_PASSED = ("Activation", "Softmax", "GlobalAveragePooling2D", "Dropout", "Flatten", "Reshape")


def _last_weights(model: FloatModel) -> Any:
    """Return the Dense or Conv2D layer whose kernel and bias scale the logits."""
    softmax = False
    layers = [n for n in model.network.layers if type(n).__name__ != "InputLayer"]
    for layer in reversed(layers):
        kind = type(layer).__name__
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        softmax = softmax or kind == "Softmax" or activation == "softmax"
        if activation not in ("linear", "softmax") or not softmax:
            break
        if kind in ("Dense", "Conv2D"):
            return layer
        if kind not in _PASSED:
            break
    raise ConfigError(
        f"{model.path}: does not end in Dense or Conv2D and a softmax, so that a temperature "
        "cannot be folded into it; use --temperature 1"
    )
