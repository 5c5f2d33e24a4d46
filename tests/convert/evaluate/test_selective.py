"""Risk over coverage, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from convert.evaluate.selective import POINTS, risk_at, risk_coverage


def test_the_surest_are_answered_first() -> None:
    curve = risk_coverage(np.array([0.5, 0.9, 0.7, 0.6]), np.array([0.0, 1.0, 1.0, 0.0]))
    assert curve["coverage"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve["risk"].tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert curve["least_score"].tolist() == [0.9, 0.7, 0.6, 0.5]
    assert curve["aurc"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert risk_at(curve, 0.8) == pytest.approx(1 / 3)


def test_the_last_point_is_the_error_of_all() -> None:
    rng = np.random.default_rng(1)
    confidence, right = rng.random(997), (rng.random(997) < 0.8).astype(float)
    curve = risk_coverage(confidence, right)
    assert len(curve["risk"]) == POINTS
    assert curve["coverage"][-1] == 1
    assert curve["risk"][-1] == pytest.approx(1 - right.mean())


def test_scores_that_say_nothing_cost_as_much_everywhere_and_good_ones_less() -> None:
    rng = np.random.default_rng(2)
    p = rng.uniform(0.5, 1, 20_000)
    right = (rng.random(20_000) < p).astype(float)
    none = risk_coverage(rng.random(20_000), right)
    good = risk_coverage(p, right)
    assert none["aurc"] == pytest.approx(0.25, abs=0.02)
    # of the surest fraction c, p is uniform from 1 - c / 2 to 1: c / 4 are wrong, 1 / 8 on average
    assert good["aurc"] == pytest.approx(1 / 8, abs=0.01)
    assert risk_at(good, 0.5) == pytest.approx(1 / 8, abs=0.01)


def test_of_nothing_there_is_no_curve() -> None:
    curve = risk_coverage(np.zeros(0), np.zeros(0))
    assert (curve["risk"], curve["aurc"]) == ([], None)
    assert np.isnan(risk_at(curve, 0.5))
