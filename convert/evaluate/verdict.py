"""Everything that is said about one model on one data set, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset
from convert.evaluate import metrics
from convert.evaluate.corruptions import CORRUPTIONS
from convert.evaluate.figures import headline
from convert.evaluate.selective import risk_coverage
from convert.evaluate.truth import Truth

Scores = NDArray[np.float32]


class Predictor(Protocol):
    """What scores faces."""

    def predict(self, faces: NDArray[np.uint8], /) -> Scores:
        """Return probabilities, (n, C), of (n, height, width) uint8 luma."""


MIN_SLICE = 20  # faces: a figure of fewer says nothing


def full(scores: Scores, truth: Truth, labels: Sequence[str]) -> dict[str, Any]:
    """Return headline figures, intervals, per-class figures, confusion and reliability.

    Args:
        scores: (n, C).
        truth: of the same n faces.
        labels: C names.
    """
    known = truth.counted
    right, chosen = truth.classes[known], scores[known].astype(np.float64)
    best = chosen.argmax(axis=1)
    matrix = metrics.confusion(right, best, len(labels))
    each = metrics.per_class(matrix)
    out = {"truth": truth.description, "counted": len(known)}
    out.update(headline(scores, truth, labels))
    del out["recall"]  # in `per_class`
    for figure in ("accuracy", "macro_f1"):
        out[f"{figure}_ci95"] = metrics.bootstrap_interval(right, best, len(labels), figure=figure)
    out["averages"] = metrics.averages(matrix)
    intervals = metrics.recall_interval(matrix)
    out["per_class"] = {
        name: {
            "precision": each.precision[c],
            "recall": each.recall[c],
            "recall_ci95": intervals[c],
            "f1": each.f1[c],
            "support": each.support[c],
        }
        for c, name in enumerate(labels)
    }
    out["confusion"] = matrix
    hit = (best == right).astype(float)
    out["reliability"] = _curve(chosen.max(axis=1), hit)
    out["risk"] = risk_coverage(chosen.max(axis=1), hit)
    if truth.distribution is not None:
        out["raters"] = raters(scores, truth.distribution, labels)
    return out


def _curve(confidence: metrics.Floats, right: metrics.Floats) -> dict[str, Any]:
    curve = metrics.reliability(confidence, right)
    return {"confidence": curve.confidence, "accuracy": curve.accuracy, "count": curve.count}


def raters(
    scores: Scores, distribution: NDArray[np.float32], labels: Sequence[str]
) -> dict[str, Any]:
    """Return how well scores, (n, C), match the distribution of the raters' votes, (n, C)."""
    voted = distribution.sum(axis=1) > 0
    p, q = scores[voted].astype(np.float64), distribution[voted].astype(np.float64)
    agreeing = q[np.arange(len(q)), p.argmax(axis=1)]
    constant = np.abs(q - q.mean(axis=0)).mean() if len(q) else float("nan")
    return {
        "faces": len(p),
        "mae": metrics.mean_absolute_error(p, q),
        "mae_of_a_constant": constant,
        "ece": metrics.reliability(p.max(axis=1), agreeing).ece,
        "mae_per_class": {n: np.abs(p[:, c] - q[:, c]).mean() for c, n in enumerate(labels)},
        "spearman_per_class": {n: metrics.spearman(p[:, c], q[:, c]) for c, n in enumerate(labels)},
        "reliability": _curve(p.max(axis=1), agreeing),
    }


def robustness(
    scorer: Predictor, data: Dataset, truth: Truth, *, faces: int, seed: int
) -> list[dict[str, Any]]:
    """Return accuracy and mean confidence under each corruption at each level, on the same faces.

    Args:
        scorer: the model.
        data: faces; a random `faces` of those that count are used.
        truth: of `data`.
        faces: at most so many.
        seed: of the choice and of the corruption.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(truth.counted)[:faces])
    whole, right = data.faces(chosen), truth.classes[chosen]
    before = scorer.predict(whole)
    rows = [_row("none", "", 0.0, before, before, right)]
    for corruption in CORRUPTIONS:
        for level in corruption.levels:
            corrupted = corruption.apply(whole, level, np.random.default_rng(seed))
            after = scorer.predict(corrupted)
            rows.append(_row(corruption.name, corruption.unit, level, after, before, right))
    return rows


def _row(
    name: str, unit: str, level: float, after: Scores, before: Scores, right: NDArray[np.int64]
) -> dict[str, Any]:
    best = after.argmax(axis=1)
    return {
        "corruption": name,
        "level": level,
        "unit": unit,
        "faces": len(right),
        "accuracy": (best == right).mean(),
        "agreement": (best == before.argmax(axis=1)).mean(),
        "confidence": after.max(axis=1).mean(),
    }


def slices(
    scores: Scores, data: Dataset, truth: Truth, labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return accuracy of each group that the data names (age, sex, source ...), and the gap.

    The gap is the largest difference of accuracy between two groups of at least `MIN_SLICE`.
    """
    out: dict[str, dict[str, Any]] = {}
    best = scores.argmax(axis=1)
    for attribute, values in data.attributes.items():
        column = np.asarray(values, dtype=object)
        groups: dict[str, Any] = {}
        for value in sorted(set(values)):
            here = np.flatnonzero((column == value) & (truth.classes >= 0))
            if not len(here):
                continue
            right, guess = truth.classes[here], best[here]
            matrix = metrics.confusion(right, guess, len(labels))
            groups[value or "(not given)"] = {
                "faces": len(here),
                "accuracy": metrics.accuracy(matrix),
                "accuracy_ci95": metrics.bootstrap_interval(right, guess, len(labels)),
                "macro_f1": metrics.macro_f1(matrix),
            }
        big = [g["accuracy"] for g in groups.values() if g["faces"] >= MIN_SLICE]
        gap = max(big) - min(big) if len(big) > 1 else None
        out[attribute] = {"groups": groups, "largest_gap": gap}
    return out
