"""All figures of one set of scores, as plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.evaluate import metrics
from convert.evaluate.truth import Truth

Scores = NDArray[np.float32]


def headline(scores: Scores, truth: Truth, labels: Sequence[str]) -> dict[str, Any]:
    """Return the few figures that go into manifests, tables and cards.

    `ece` is over the faces that count, right or wrong; `ece_shares` over all faces that have
    votes, against the fraction of raters who chose the class: does a score of 0.6 mean six in ten?

    Args:
        scores: (n, C).
        truth: of the same n faces.
        labels: C names.
    """
    known = truth.counted
    chosen = scores[known].astype(np.float64)
    right = truth.classes[known]
    best = chosen.argmax(axis=1)
    matrix = metrics.confusion(right, best, len(labels))
    out: dict[str, Any] = {
        "accuracy": metrics.accuracy(matrix),
        "macro_f1": metrics.macro_f1(matrix),
        "log_loss": metrics.log_loss(right, chosen) if len(right) else None,
        "brier": metrics.brier(right, chosen) if len(right) else None,
        "ece": metrics.reliability(chosen.max(axis=1), (best == right).astype(float)).ece,
    }
    if truth.distribution is not None:
        voted = truth.distribution.sum(axis=1) > 0
        distribution = truth.distribution[voted].astype(np.float64)
        of_voted = scores[voted].astype(np.float64)
        agreeing = distribution[np.arange(len(distribution)), of_voted.argmax(axis=1)]
        out["ece_shares"] = metrics.reliability(of_voted.max(axis=1), agreeing).ece
        out["mae_shares"] = metrics.mean_absolute_error(of_voted, distribution)
    recall = metrics.per_class(matrix).recall
    out["recall"] = {name: finite(value) for name, value in zip(labels, recall, strict=True)}
    return out


def finite(value: float, digits: int = 6) -> float | None:
    """Return the value for JSON, which has no nan."""
    number = float(value)
    return round(number, digits) if math.isfinite(number) else None


def rounded(node: Any, digits: int = 6) -> Any:
    """Return the same tree with floats rounded, and nan as None."""
    if isinstance(node, dict):
        return {str(k): rounded(v, digits) for k, v in node.items()}
    if isinstance(node, list | tuple):
        return [rounded(v, digits) for v in node]
    if isinstance(node, np.ndarray):
        return rounded(node.tolist(), digits)
    if isinstance(node, float | np.floating):
        return finite(float(node), digits)
    return int(node) if isinstance(node, np.integer) else node
