"""Every figure against an example worked out by hand; scikit-learn's where it is installed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convert.evaluate import metrics

TRUTH = np.array([0, 0, 1, 1, 1, 2])
PREDICTED = np.array([0, 1, 1, 1, 0, 0])
MATRIX = np.array([[1, 1, 0], [1, 2, 0], [1, 0, 0]])


def test_confusion_has_the_truth_in_rows() -> None:
    assert metrics.confusion(TRUTH, PREDICTED, 3).tolist() == MATRIX.tolist()


def test_figures_of_each_class() -> None:
    each = metrics.per_class(MATRIX)
    assert each.precision[:2] == pytest.approx([1 / 3, 2 / 3])
    assert math.isnan(each.precision[2])  # class 2 was never predicted
    assert each.recall == pytest.approx([1 / 2, 2 / 3, 0])
    assert each.f1 == pytest.approx([2 / 5, 2 / 3, 0])
    assert each.support.tolist() == [2, 3, 1]


def test_a_class_that_does_not_occur_does_not_count_even_where_it_is_predicted() -> None:
    matrix = np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0]])
    assert metrics.macro_f1(matrix) == pytest.approx((2 * 2 / (2 + 3) + 2 * 1 / (2 + 1)) / 2)
    with_mistakes = np.array([[2, 0, 1], [0, 1, 0], [0, 0, 0]])
    assert metrics.macro_f1(with_mistakes) == pytest.approx((2 * 2 / (2 + 3) + 1) / 2)


def test_recall_intervals() -> None:
    matrix = np.array([[90, 10, 0], [0, 0, 0], [1, 0, 2]])
    (low, high), absent, few = metrics.recall_interval(matrix)
    assert (low, high) == pytest.approx((0.8256, 0.9448), abs=1e-3)  # Wilson, 90 of 100
    assert math.isnan(absent[0])
    assert few[1] - few[0] > 0.5


def test_weighted_faces_move_the_calibration_curve() -> None:
    confidence, right = np.array([0.9, 0.9]), np.array([1.0, 0.0])
    assert metrics.reliability(confidence, right).ece == pytest.approx(0.4)
    heavy = metrics.reliability(confidence, right, weights=np.array([9.0, 1.0]))
    assert heavy.ece == pytest.approx(0, abs=1e-12)


def test_accuracy_and_macro_f1() -> None:
    assert metrics.accuracy(MATRIX) == pytest.approx(3 / 6)
    assert metrics.macro_f1(MATRIX) == pytest.approx((2 / 5 + 2 / 3 + 0) / 3)


def test_log_loss_is_the_mean_surprise_at_the_truth() -> None:
    scores = np.array([[0.5, 0.5], [0.75, 0.25]])
    assert metrics.log_loss(np.array([0, 1]), scores) == pytest.approx(
        (math.log(2) + math.log(4)) / 2
    )


def test_log_loss_of_a_zero_score_is_large_and_finite() -> None:
    loss = metrics.log_loss(np.array([1]), np.array([[1.0, 0.0]]))
    assert loss == pytest.approx(-math.log(metrics.TINY))


def test_brier() -> None:
    assert metrics.brier(np.array([0]), np.array([[0.7, 0.3]])) == pytest.approx(0.09 + 0.09)


def test_calibration_error_weighs_bins_by_their_faces() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([1.0, 0.0, 1.0, 0.0])
    curve = metrics.reliability(confidence, right)
    assert curve.count.tolist() == [0] * 8 + [2] + [0] * 5 + [2]
    assert curve.ece == pytest.approx(0.5 * (0.95 - 0.5) + 0.5 * (0.55 - 0.5))


def test_full_confidence_falls_into_the_last_bin() -> None:
    curve = metrics.reliability(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert (curve.count[-1], curve.count[0], curve.ece) == (1, 1, 0.0)


def test_perfectly_calibrated_scores_have_no_error() -> None:
    confidence = np.repeat([0.2, 0.6], 10)
    right = np.array([1.0] * 2 + [0.0] * 8 + [1.0] * 6 + [0.0] * 4)
    assert metrics.reliability(confidence, right).ece == pytest.approx(0)


def test_rank_correlation_shares_ranks_among_ties() -> None:
    a, b = np.array([1.0, 2, 2, 4]), np.array([1.0, 3, 2, 4])
    assert metrics.spearman(a, b) == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    assert metrics.spearman(a, -a) == pytest.approx(-1)
    assert math.isnan(metrics.spearman(a, np.ones(4)))


def test_mean_absolute_error_is_over_faces_and_classes() -> None:
    scores, distribution = np.array([[0.6, 0.4], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.7, 0.3]])
    assert metrics.mean_absolute_error(scores, distribution) == pytest.approx(
        (0.1 + 0.1 + 0.3 + 0.3) / 4
    )


def test_bootstrap_interval_of_a_proportion() -> None:
    truth = np.zeros(400, int)
    predicted = np.repeat([0, 1], [320, 80])
    low, high = metrics.bootstrap_interval(truth, predicted, 2)
    half = 1.96 * math.sqrt(0.8 * 0.2 / 400)  # the normal approximation, good at n = 400
    assert low == pytest.approx(0.8 - half, abs=0.01)
    assert high == pytest.approx(0.8 + half, abs=0.01)
    assert (low, high) == metrics.bootstrap_interval(truth, predicted, 2)


def test_figures_agree_with_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    scores = rng.dirichlet(np.ones(4), 200)
    truth, best = rng.integers(0, 4, 200), scores.argmax(axis=1)
    matrix = metrics.confusion(truth, best, 4)
    assert metrics.macro_f1(matrix) == pytest.approx(sk.f1_score(truth, best, average="macro"))
    assert metrics.log_loss(truth, scores) == pytest.approx(sk.log_loss(truth, scores))
    for average, mine in metrics.averages(matrix).items():
        theirs = sk.precision_recall_fscore_support(truth, best, average=average)[:3]
        assert tuple(mine.values()) == pytest.approx(theirs)
