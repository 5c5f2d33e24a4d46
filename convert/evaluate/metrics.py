"""Figures of a classifier from its scores and the truth; NumPy only, each with its source.

Throughout, `scores` is (n, C) with rows adding up to 1, `truth` (n,) class indices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
Classes = NDArray[np.integer]
Floats = NDArray[np.float64]

BINS = 15  # of the calibration error, as Guo et al. 2017 use
TINY = 1e-7  # smallest probability in the log loss: int8 scores reach 0


def confusion(truth: Classes, predicted: Classes, classes: int) -> NDArray[np.int64]:
    """Return counts, (C, C): rows are the truth, columns what was predicted."""
    flat = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class PerClass:
    """Precision, recall, F1 and number of faces of each class, (C,); nan where undefined.

    Precision is nan when the class was never predicted, recall when it never occurs; F1 is then
    0 for a class that occurs or was predicted, and nan for one that did neither.
    """

    precision: Floats
    recall: Floats
    f1: Floats
    support: NDArray[np.int64]


def per_class(matrix: NDArray[np.int64]) -> PerClass:
    """Return the figures of each class (Sokolova and Lapalme 2009, table 2)."""
    hits = np.diag(matrix).astype(np.float64)
    predicted, actual = matrix.sum(axis=0), matrix.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(predicted > 0, hits / predicted, np.nan)
        recall = np.where(actual > 0, hits / actual, np.nan)
        f1 = np.where(predicted + actual > 0, 2 * hits / (predicted + actual), np.nan)
    return PerClass(precision, recall, f1, actual.astype(np.int64))


def accuracy(matrix: NDArray[np.int64]) -> float:
    """Return the fraction of right answers."""
    return float(np.trace(matrix) / max(matrix.sum(), 1))


def macro_f1(matrix: NDArray[np.int64]) -> float:
    """Return the mean F1 over the classes that occur or were predicted, each counting alike."""
    f1 = per_class(matrix).f1
    return float(np.nanmean(f1)) if np.isfinite(f1).any() else 0.0


def log_loss(truth: Classes, scores: Scores) -> float:
    """Return the mean of -ln(score of the true class), scores no smaller than `TINY`."""
    right = scores[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(right, TINY)).mean())


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Confidence against truth in `BINS` equal bins of confidence, (BINS,); nan in empty bins."""

    confidence: Floats  # mean of the best score
    accuracy: Floats  # how often, or by what fraction of raters, that class was right
    count: NDArray[np.int64]

    @property
    def ece(self) -> float:
        """Expected calibration error (Naeini et al. 2015; Guo et al. 2017, eq. 3)."""
        used = self.count > 0
        gap = np.abs(self.confidence[used] - self.accuracy[used])
        return float((gap * self.count[used]).sum() / max(self.count.sum(), 1))


def reliability(confidence: Floats, right: Floats, bins: int = BINS) -> Reliability:
    """Return mean confidence and mean truth of each bin ((i-1)/bins, i/bins].

    Args:
        confidence: (n,) best scores, in [0, 1].
        right: (n,) 1 for a right answer and 0 for a wrong one, or the fraction of raters who agree.
        bins: how many.
    """
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_confidence = np.bincount(index, confidence, bins) / count
        mean_right = np.bincount(index, right, bins) / count
    return Reliability(mean_confidence, mean_right, count.astype(np.int64))


def brier(truth: Classes, scores: Scores) -> float:
    """Return the mean squared distance of scores and one-hot truth, 0 to 2 (Brier 1950)."""
    target = np.eye(scores.shape[1])[truth]
    return float(((scores - target) ** 2).sum(axis=1).mean())


def mean_absolute_error(scores: Scores, distribution: Scores) -> float:
    """Return the mean over faces and classes of |score - fraction of raters|."""
    return float(np.abs(scores.astype(np.float64) - distribution).mean())


def spearman(a: Floats, b: Floats) -> float:
    """Return the rank correlation of two (n,) vectors, ties at their mean rank (Spearman 1904).

    nan when one of them is constant.
    """
    ra, rb = mean_ranks(a), mean_ranks(b)
    ra, rb = ra - ra.mean(), rb - rb.mean()
    norm = np.sqrt((ra**2).sum() * (rb**2).sum())
    return float((ra * rb).sum() / norm) if norm > 0 else float("nan")


def mean_ranks(values: Floats) -> Floats:
    """Return ranks from 1, equal values sharing the mean of theirs; (n,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], dtype=np.float64)


def bootstrap_interval(
    truth: Classes,
    predicted: Classes,
    classes: int,
    *,
    figure: str = "accuracy",
    rounds: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of a figure over resampled faces (Efron 1979).

    A resample of faces is a multinomial draw over the cells of the confusion matrix, so the
    faces themselves need not be drawn.

    Args:
        truth: (n,) class indices.
        predicted: (n,) class indices.
        classes: C.
        figure: `accuracy` or `macro_f1`.
        rounds: how many resamples.
        seed: of the resampling.
        level: of the interval.
    """
    matrix = confusion(truth, predicted, classes)
    n = int(matrix.sum())
    if n == 0:
        return float("nan"), float("nan")
    of = {"accuracy": accuracy, "macro_f1": macro_f1}[figure]
    draws = np.random.default_rng(seed).multinomial(n, matrix.ravel() / n, size=rounds)
    values = [of(draw.reshape(classes, classes)) for draw in draws]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
