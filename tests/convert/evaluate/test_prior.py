"""Scores under another prior, drawn from Gaussians whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from convert.evaluate.prior import under_each_prior
from convert.evaluate.truth import Truth

LABELS = ("happy", "sad", "neutral")
TRAINED = {"happy": 0.7, "sad": 0.05, "neutral": 0.25}


def test_scores_hold_under_the_prior_they_are_for() -> None:
    rng = np.random.default_rng(2)
    own = np.array(list(TRAINED.values()))
    truth = rng.choice(3, 30_000, p=own)
    x = rng.normal(np.array([-1.0, 0.0, 1.0])[truth], 1.0)
    joint = np.exp(-0.5 * (x[:, None] - np.array([-1.0, 0.0, 1.0])) ** 2) * own
    scores = (joint / joint.sum(axis=1, keepdims=True)).astype(np.float32)
    found = under_each_prior(scores, Truth("labels", truth, None), LABELS, TRAINED)
    raters, equal = found["raters"], found["equal"]
    assert raters["weighted_ece"] < 0.02 and equal["weighted_ece"] < 0.02
    assert equal["mean_recall"] > raters["mean_recall"] + 0.05
    assert equal["accuracy"] < raters["accuracy"]
    assert equal["weighted_accuracy"] == pytest.approx(equal["mean_recall"], abs=1e-6)
    wrong = dict(zip(LABELS, (0.25, 0.7, 0.05), strict=True))  # not what it was trained under
    off = under_each_prior(scores, Truth("labels", truth, None), LABELS, wrong)
    assert off["equal"]["weighted_ece"] > 0.1


def test_a_model_that_does_not_say_has_no_priors() -> None:
    assert under_each_prior(np.zeros((1, 3), np.float32), Truth("labels", np.array([0]), None),
                            LABELS, {}) == {}  # fmt: skip
