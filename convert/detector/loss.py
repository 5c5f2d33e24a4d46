"""Losses; each takes the weight of a cell as the last value of its target.

All are sums over cells, a picture: the three levels of a network are added up, and a level on which
a batch has no face is not weighed more than one that has some.
"""

from __future__ import annotations

from typing import Any

ROUND = 0.03  # below this error a box loss is square: a thirtieth of a face


def score_loss(target: Any, logit: Any) -> Any:
    """Return the penalty-reduced focal loss of Zhou et al. 2019 (alpha 2, beta 4), a picture."""
    from keras import ops

    truth, weight = target[..., :1], target[..., 1:]
    logit = ops.cast(logit, "float32")
    p = ops.clip(ops.sigmoid(logit), 1e-5, 1 - 1e-5)
    peak = ops.cast(truth > 0.999, "float32")
    found = peak * (1 - p) ** 2 * ops.log(p)
    none = (1 - peak) * (1 - truth) ** 4 * p**2 * ops.log(1 - p)
    return -ops.sum(weight * (found + none)) / target.shape[0]


def distance_loss(target: Any, value: Any) -> Any:
    """Return the smooth absolute error, summed over values and faces, a picture.

    Args:
        target: (n, h, w, 2 k + 1): k values, what an error of 1 in each counts, the cell's weight.
        value: (n, h, w, k).
    """
    from keras import ops

    k = value.shape[-1]
    truth, unit, weight = target[..., :k], target[..., k : 2 * k], target[..., 2 * k :]
    error = ops.abs(ops.cast(value, "float32") - truth) * unit
    smooth = ops.where(error < ROUND, 0.5 * error**2 / ROUND, error - 0.5 * ROUND)
    return ops.sum(weight * smooth) / target.shape[0]
