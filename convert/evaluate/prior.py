"""Scores under other class frequencies than those of the training: `--prior`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.crops import Faces
from convert.evaluate import metrics
from convert.evaluate.scorer import FolderScorer, Scorer
from convert.evaluate.selective import risk_coverage
from convert.evaluate.truth import Truth
from convert.train.record import record_beside
from edge.errors import ConfigError, UsageError
from edge.prior import EQUAL, RATERS, reweigh, wanted_prior

Choice = str | Mapping[str, float]


def add_prior_option(parser: argparse.ArgumentParser) -> None:
    """Add `--prior`."""
    parser.add_argument(
        "--prior",
        default=RATERS,
        metavar="PRIOR",
        help="how frequent the classes are where the model is used: raters (as in its training, "
        'default), equal, or a probability of each as JSON: {"happy": 0.2, ...}',
    )


def choice_of(text: str) -> Choice:
    """Return what `--prior` asks for.

    Raises:
        UsageError: it is neither a name nor a JSON object of numbers.
    """
    if text in (RATERS, EQUAL):
        return text
    try:
        content = json.loads(text)
        return {str(k): float(v) for k, v in content.items()}
    except (ValueError, TypeError, AttributeError):
        allowed = f'{RATERS}, {EQUAL}, or a JSON object such as {{"happy": 0.2, ...}}'
        raise UsageError(f"--prior: got {text!r}; allowed: {allowed}") from None


def trained_prior(scorer: Scorer) -> dict[str, float]:
    """Return the class probabilities of a model's training by label; empty when nobody says."""
    if isinstance(scorer, FolderScorer):
        return dict(scorer.model.manifest.prior)
    found = record_beside(scorer.path).prior or {}
    return found if set(found) == set(scorer.labels) and min(found.values()) > 0 else {}


class Reweighed:
    """A model's scores under another prior."""

    def __init__(self, scorer: Scorer, choice: Choice) -> None:
        """Find both priors.

        Raises:
            ConfigError: nobody says what the model's own is, or the choice does not fit its labels.
        """
        self._scorer = scorer
        self._trained: NDArray[np.float64] | None = None
        self._wanted: NDArray[np.float64] | None = None
        if choice == RATERS:
            return
        trained = trained_prior(scorer)
        if not trained:
            raise ConfigError(
                f"--prior: {scorer.name} does not say how frequent its classes were in training; "
                "`emotion-convert prior` adds that to a model folder"
            )
        try:
            self._trained = wanted_prior(RATERS, scorer.labels, trained)
            self._wanted = wanted_prior(choice, scorer.labels, trained)
        except ValueError as e:
            raise ConfigError(f"--prior: {e}") from e

    def predict(self, faces: Faces, /) -> NDArray[np.float32]:
        """Return probabilities, (n, C), of (n, height, width) uint8 luma."""
        scores = self._scorer.predict(faces)
        if self._trained is None or self._wanted is None:
            return scores
        return reweigh(scores, self._trained, self._wanted)


def under_each_prior(
    scores: NDArray[np.float32], truth: Truth, labels: tuple[str, ...], trained: dict[str, float]
) -> dict[str, Any]:
    """Return accuracy, recall and reliability under the training's prior and the equal one.

    A score is a probability under its prior, so whether it holds is seen on faces whose classes are
    as frequent as that prior says: each face weighs as much as its class should, over what it is.

    Args:
        scores: (n, C) as the model gives them.
        truth: of these faces.
        labels: C names.
        trained: the model's own prior; empty: nothing is returned.
    """
    known = truth.counted
    if not trained or not len(known):
        return {}
    own = wanted_prior(RATERS, labels, trained)
    right = truth.classes[known]
    frequency = np.bincount(right, minlength=len(labels)) / len(right)
    out: dict[str, Any] = {}
    for name in (RATERS, EQUAL):
        wanted = wanted_prior(name, labels, trained)
        p = reweigh(scores[known], own, wanted).astype(np.float64)
        best = p.argmax(axis=1)
        matrix = metrics.confusion(right, best, len(labels))
        with np.errstate(divide="ignore"):
            weight = np.where(frequency > 0, wanted / frequency, 0.0)[right]
        weight = weight / weight.mean()
        hit = (best == right).astype(float)
        curve = metrics.reliability(p.max(axis=1), hit, weights=weight)
        loss = -np.log(np.maximum(p[np.arange(len(p)), right], metrics.TINY))
        out[name] = {
            "prior": dict(zip(labels, wanted.tolist(), strict=True)),
            "accuracy": metrics.accuracy(matrix),
            "mean_recall": metrics.averages(matrix)["macro"]["recall"],
            "weighted_accuracy": float((hit * weight).mean()),
            "weighted_log_loss": float((loss * weight).mean()),
            "weighted_ece": curve.ece,
            "reliability": {
                "confidence": curve.confidence,
                "accuracy": curve.accuracy,
                "count": curve.count,
            },
            "risk": risk_coverage(p.max(axis=1), hit),
        }
    return out
