"""The loss: how likely the teacher's values are under what the network says."""

from __future__ import annotations

from typing import Any

from convert.state.network import HIGH, LOW
from convert.state.outputs import N

SHARE = 0.5  # exponent of the spread with which a value's loss is weighed


def likelihood_loss(y_true: Any, y_pred: Any) -> Any:
    """Return the mean negative log likelihood over the values that are known.

    A Laplace distribution of standard deviation sigma: sqrt(2) |e| / sigma + log sigma; a label
    that is plainly wrong then pulls no harder than one that is a little off. Weighed by sigma to
    the power of `SHARE`, without a gradient (Seitzer et al. 2022, "On the pitfalls of
    heteroscedastic uncertainty estimation"): else what is hard is given up, not learned.

    Args:
        y_true: (n, 7), NaN where not known.
        y_pred: (n, 14), values and logarithms of sigma.
    """
    from keras import ops

    value, raw = y_pred[:, :N], y_pred[:, N:]
    log_sigma = ops.clip(raw, LOW, HIGH)
    beyond = ops.abs(raw - log_sigma)  # brings back what went where the clip has no gradient
    known = ops.cast(ops.isfinite(y_true), "float32")
    error = ops.abs(ops.where(known > 0, y_true, value) - value)
    each = 2**0.5 * error * ops.exp(-log_sigma) + log_sigma
    each = each * ops.stop_gradient(ops.exp(SHARE * log_sigma)) + 0.1 * beyond
    return ops.sum(each * known) / ops.maximum(ops.sum(known), 1.0)
