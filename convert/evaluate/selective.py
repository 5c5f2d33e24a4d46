"""Risk over coverage: how often a classifier is wrong on the faces that it is surest of."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.evaluate.metrics import Floats

POINTS = 20  # of a curve: each twentieth of the faces


def risk_coverage(confidence: Floats, right: Floats) -> dict[str, Any]:
    """Return how often the surest faces are wrong, for growing fractions of all.

    Whoever answers only above a score answers fewer faces (coverage), and errs less (risk): the
    selective classifier of El-Yaniv and Wiener (2010). `aurc` is the mean risk over all coverages
    (Geifman, Uziel and El-Yaniv 2019): smaller is better.

    Args:
        confidence: (n,) best scores.
        right: (n,) 1 for a right answer, 0 for a wrong one.

    Returns:
        `coverage`, `risk` and `least_score` (of the last face answered) of each point, and `aurc`.
        Empty lists and None where n is 0.
    """
    n = len(confidence)
    if not n:
        return {"coverage": [], "risk": [], "least_score": [], "aurc": None}
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, n + 1)
    risk = np.cumsum(1 - right[order]) / answered
    last = np.unique(np.ceil(np.linspace(0, 1, POINTS + 1)[1:] * n).astype(int)) - 1
    return {
        "coverage": answered[last] / n,
        "risk": risk[last],
        "least_score": confidence[order][last],
        "aurc": float(risk.mean()),
    }


def risk_at(curve: dict[str, Any], coverage: float) -> float:
    """Return the risk at the point of a curve that is next to a coverage; nan of an empty one."""
    if not len(curve["coverage"]):
        return float("nan")
    nearest = int(np.abs(np.asarray(curve["coverage"]) - coverage).argmin())
    return float(curve["risk"][nearest])
