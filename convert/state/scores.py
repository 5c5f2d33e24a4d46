"""How good values, classes and standard deviations are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]
COVERAGES = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)


def mean_error(said: Floats, true: Floats) -> float | None:
    """Return the mean absolute difference where `true` is known; None where nothing is."""
    known = np.isfinite(true)
    return float(np.abs(said - true)[known].mean()) if known.any() else None


def auc(score: Floats, positive: Flags) -> float | None:
    """Return the area under the ROC curve; None without both classes."""
    if positive.all() or not positive.any():
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, score))


def f1(said: Flags, positive: Flags, weights: Floats | None = None) -> float:
    """Return the harmonic mean of precision and recall; `weights`: what each row counts."""
    w = np.ones(len(said)) if weights is None else weights
    hits, either = float(w[said & positive].sum()), float(w[said].sum() + w[positive].sum())
    return 2 * hits / either if either else 0.0


def two_classes(score: Floats, positive: Flags, level: float) -> dict[str, Any]:
    """Return the figures of a score that is to be at least `level` for positives."""
    said = score >= level
    return {
        "positives": int(positive.sum()),
        "negatives": int((~positive).sum()),
        "auc": auc(score, positive),
        "f1": f1(said, positive),
        "recall": float(said[positive].mean()) if positive.any() else None,
        "false_positives": float(said[~positive].mean()) if (~positive).any() else None,
    }


def risk_coverage(error: Floats, sigma: Floats) -> list[dict[str, float]]:
    """Return the mean absolute error of the surest fractions of the faces."""
    order = np.argsort(sigma, kind="stable")
    error = np.abs(error[order])
    out = []
    for share in COVERAGES:
        n = max(1, round(share * len(error)))
        out.append({"coverage": share, "mean_error": float(error[:n].mean())})
    return out


def calibration(error: Floats, sigma: Floats, bins: int = 6) -> dict[str, Any]:
    """Return how the told deviations fit the errors.

    `bins` are groups of equal size by sigma, with the deviation told (root mean square) and found.
    """
    z = np.abs(error) / sigma
    order = np.argsort(sigma, kind="stable")
    groups = [g for g in np.array_split(order, bins) if len(g)]
    return {
        "within_1_sigma": float((z <= 1).mean()),
        "within_2_sigma": float((z <= 2).mean()),
        "bins": [
            {
                "told": float(np.sqrt((sigma[g] ** 2).mean())),
                "found": float(np.sqrt((error[g] ** 2).mean())),
            }
            for g in groups
        ],
    }


def temperature(error: Floats, sigma: Floats) -> float:
    """Return the factor on sigma that makes the errors most likely under a Laplace distribution."""
    known = np.isfinite(error)
    return float((np.sqrt(2) * np.abs(error[known]) / sigma[known]).mean())


def surest(
    error: Floats, sigma: Floats, covered: Floats, most: float, *, window: int = 200
) -> float:
    """Return the sigma up to which a value is told.

    Up to there, faces about as unsure (`window` of them) are wrong by at most `most` on average,
    and at most one in twenty of the faces where nothing can be seen is told.

    Args:
        error: of faces, in the value's unit.
        sigma: told of them.
        covered: told of faces whose eyes, or mouth, are covered; may be empty.
        most: in the value's unit.
        window: faces whose mean error is taken.
    """
    known = np.isfinite(error)
    order = np.argsort(sigma[known], kind="stable")
    s, e = sigma[known][order], np.abs(error[known])[order]
    n = min(window, len(e))
    mean = np.convolve(e, np.full(n, 1 / n), "valid")  # of the n faces that end at each
    too_much = np.flatnonzero(mean > most)
    last = too_much[0] + n - 1 - n // 2 if len(too_much) else len(s) - 1
    limit = float(s[max(last, 0)])
    return min(limit, float(np.quantile(covered, 0.05))) if len(covered) else limit
