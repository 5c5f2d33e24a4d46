"""Class priors: scores as a model would give them where the classes are as frequent as they are.

A score is a probability under the class frequencies of the training data. Where a camera hangs,
others may hold; Saerens, Latinne and Decaestecker (2002, Neural Computation 14(1), eq. 2.4) give
the probabilities under those without training anew. The daemon and the workshop both use it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATERS = "raters"  # as trained: scores stay as they are
EQUAL = "equal"  # every class as likely as any other


def reweigh(
    scores: NDArray[np.floating], trained: NDArray[np.floating], wanted: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return p(class | face) under the prior `wanted`, given those under the prior `trained`.

    Args:
        scores: (..., C) probabilities, rows adding up to 1.
        trained: (C,) class probabilities of the training data, all above 0.
        wanted: (C,) class probabilities where the scores are used, adding up to 1.

    Returns:
        (..., C), rows adding up to 1. A row whose score lies wholly on classes that `wanted` rules
        out says nothing under it: `wanted` itself.

    Raises:
        ValueError: shapes do not fit, or a prior is no probability.
    """
    return weighed(scores, ratios(trained, wanted), wanted)


def ratios(trained: NDArray[np.floating], wanted: NDArray[np.floating]) -> Floats:
    """Return how much more frequent each class is than in training, (C,); see `reweigh`."""
    p, w = np.asarray(trained, np.float64), np.asarray(wanted, np.float64)
    if p.ndim != 1 or p.shape != w.shape:
        raise ValueError(f"prior: got shapes {p.shape} and {w.shape}; allowed: one length")
    if not (p > 0).all():
        raise ValueError(f"prior: got {p.tolist()}; allowed in training: above 0 for each class")
    if not ((w >= 0).all() and math.isclose(float(w.sum()), 1.0, abs_tol=1e-3)):
        raise ValueError(f"prior: got {w.tolist()}; allowed: 0 and more, adding up to 1")
    if np.allclose(p, w, rtol=0, atol=1e-12):
        return np.ones(len(p))
    result: Floats = w / p
    return result


def weighed(
    scores: NDArray[np.floating], ratio: Floats, wanted: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return `reweigh` with `ratios` at hand: checking them takes longer than using them."""
    if scores.shape[-1:] != ratio.shape:
        raise ValueError(f"prior: got shape {ratio.shape} for scores {scores.shape}")
    raw: Floats = scores * ratio
    total = raw.sum(axis=-1, keepdims=True)
    if total.all():
        return np.asarray(raw / total, np.float32)
    out = np.where(total > 0, raw / np.where(total > 0, total, 1.0), wanted / np.sum(wanted))
    return np.asarray(out, np.float32)


def as_vector(prior: Mapping[str, float], labels: Sequence[str]) -> Floats:
    """Return a prior by label as (C,) in the order of `labels`, scaled to add up to exactly 1.

    Raises:
        ValueError: a label is missing or unknown, or the values do not add up to 1.
    """
    missing = [name for name in labels if name not in prior]
    unknown = [name for name in prior if name not in labels]
    if missing or unknown:
        wrong = f"without {', '.join(missing)}" if missing else f"with {', '.join(unknown)}"
        raise ValueError(f"prior: got one {wrong}; allowed: each of {', '.join(labels)}")
    values = np.array([prior[name] for name in labels], np.float64)
    total = float(values.sum())
    if not (np.isfinite(values).all() and (values >= 0).all() and abs(total - 1) <= 0.01):
        raise ValueError(
            f"prior: got {dict(prior)}, together {total:g}; allowed: 0 to 1 each, together 1"
        )
    return values / total


def wanted_prior(
    choice: str | Mapping[str, float], labels: Sequence[str], trained: Mapping[str, float]
) -> Floats:
    """Return the prior that `choice` names, (C,) in the order of `labels`.

    Args:
        choice: `raters` (as trained), `equal`, or a probability by label.
        labels: C names.
        trained: the manifest's `prior`.

    Raises:
        ValueError: the choice is none of these, or does not fit the labels.
    """
    if isinstance(choice, str):
        if choice == EQUAL:
            return np.full(len(labels), 1 / len(labels))
        if choice == RATERS:
            return as_vector(trained, labels)
        raise ValueError(
            f"prior: got {choice!r}; allowed: {RATERS}, {EQUAL}, or a probability by label"
        )
    return as_vector(choice, labels)
