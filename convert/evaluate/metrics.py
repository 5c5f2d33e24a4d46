"""Figures of a classifier from its scores and the truth, each with its source.

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
    """Return the mean F1 over the classes that occur, each counting alike.

    A class that does not occur has no recall to be good at: what is wrongly called so lowers the
    recall of others. So a model of seven classes is judged fairly on data of four.
    """
    return averages(matrix)["macro"]["f1"]


def averages(matrix: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 over the classes that occur: `macro` and `weighted`.

    Macro counts classes alike, weighted counts faces alike. Precision of a class that was never
    predicted counts as 0, as in scikit-learn's `classification_report`.
    """
    each = per_class(matrix)
    here = each.support > 0
    out = {}
    for name, weight in (("macro", here.astype(float)), ("weighted", each.support.astype(float))):
        total = weight.sum()
        values = {"precision": each.precision, "recall": each.recall, "f1": each.f1}
        out[name] = {
            k: float((np.nan_to_num(v) * weight).sum() / total) if total else 0.0
            for k, v in values.items()
        }
    return out


def recall_interval(matrix: NDArray[np.int64], level: float = 0.95) -> list[tuple[float, float]]:
    """Return each class's interval of recall (Wilson 1927); nan for one that does not occur."""
    from scipy.stats import binomtest

    out = []
    for hits, n in zip(np.diag(matrix), matrix.sum(axis=1), strict=True):
        if n:
            interval = binomtest(int(hits), int(n)).proportion_ci(level, method="wilson")
            out.append((float(interval.low), float(interval.high)))
        else:
            out.append((float("nan"), float("nan")))
    return out


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
    weight: Floats  # of each bin; the counts where faces weigh alike

    @property
    def ece(self) -> float:
        """Expected calibration error (Naeini et al. 2015; Guo et al. 2017, eq. 3)."""
        used = self.weight > 0
        gap = np.abs(self.confidence[used] - self.accuracy[used])
        total = self.weight.sum()
        return float((gap * self.weight[used]).sum() / total) if total > 0 else 0.0


def reliability(
    confidence: Floats, right: Floats, bins: int = BINS, weights: Floats | None = None
) -> Reliability:
    """Return mean confidence and mean truth of each bin ((i-1)/bins, i/bins].

    Args:
        confidence: (n,) best scores, in [0, 1].
        right: (n,) 1 for a right answer and 0 for a wrong one, or the fraction of raters who agree.
        bins: how many.
        weights: (n,) of the faces, or None: alike.
    """
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    each = np.ones(len(confidence)) if weights is None else weights
    weight = np.bincount(index, each, bins).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_confidence = np.bincount(index, confidence * each, bins) / weight
        mean_right = np.bincount(index, right * each, bins) / weight
    return Reliability(mean_confidence, mean_right, count.astype(np.int64), weight)


def brier(truth: Classes, scores: Scores) -> float:
    """Return the mean squared distance of scores and one-hot truth, 0 to 2 (Brier 1950)."""
    target = np.eye(scores.shape[1])[truth]
    return float(((scores - target) ** 2).sum(axis=1).mean())


def mean_absolute_error(scores: Scores, distribution: Scores) -> float:
    """Return the mean over faces and classes of |score - fraction of raters|."""
    return float(np.abs(scores.astype(np.float64) - distribution).mean())


def spearman(a: Floats, b: Floats) -> float:
    """Return the rank correlation of two (n,) vectors (Spearman 1904), nan if one is constant."""
    from scipy.stats import spearmanr

    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(spearmanr(a, b).statistic)


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
