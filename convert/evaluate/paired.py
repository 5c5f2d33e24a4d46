"""Whether two models differ on the same faces, or whether chance explains the difference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS = 2000  # of the bootstrap
LEVEL = 0.05  # of significance


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the exact two-sided p-value that two models are right equally often (McNemar 1947).

    Args:
        first: (n,) whether the first model is right.
        second: (n,) whether the second is, on the same faces.
    """
    from scipy.stats import binomtest

    lost, won = int((first & ~second).sum()), int((~first & second).sum())
    return float(binomtest(won, lost + won).pvalue) if lost + won else 1.0


def difference(
    first: NDArray[np.bool_], second: NDArray[np.bool_], *, seed: int = 1
) -> dict[str, Any]:
    """Return how much more often the second model is right, with a paired bootstrap's interval.

    A resample of faces is a multinomial draw over the four outcomes of a pair, so the faces
    themselves need not be drawn (Efron 1979).

    Args:
        first: (n,) whether the first model is right.
        second: (n,) whether the second is, on the same faces.
        seed: of the resampling.
    """
    n = len(first)
    lost, won = int((first & ~second).sum()), int((~first & second).sum())
    if not n:
        return {"faces": 0, "accuracy": None, "accuracy_ci95": None, "p": None, "differ": False}
    draws = np.random.default_rng(seed).multinomial(
        n, np.array([lost, won, n - lost - won]) / n, size=ROUNDS
    )
    low, high = np.quantile((draws[:, 1] - draws[:, 0]) / n, [0.025, 0.975])
    p = mcnemar(first, second)
    return {
        "faces": n,
        "accuracy": (won - lost) / n,
        "accuracy_ci95": (float(low), float(high)),
        "p": p,
        "differ": p < LEVEL,
    }


def in_words(name: str, other: str, found: dict[str, Any]) -> str:
    """Return one line for people."""
    if not found["faces"]:
        return f"{other} against {name}: no faces in common"
    low, high = found["accuracy_ci95"]
    p = "below 0.001" if found["p"] < 0.001 else f"{found['p']:.3f}"
    verdict = "they differ" if found["differ"] else "chance explains it"
    return (
        f"{other} against {name}: {100 * found['accuracy']:+.2f} points of accuracy (95 % "
        f"{100 * low:+.2f} to {100 * high:+.2f}) on {found['faces']} faces, p {p} (McNemar): "
        f"{verdict}"
    )
