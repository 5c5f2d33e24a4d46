"""Figures of values and of how sure they are, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from convert.state.scores import calibration, f1, risk_coverage, surest, temperature


def test_f1_by_hand() -> None:
    said = np.array([True, True, False, False])
    assert f1(said, np.array([True, False, True, False])) == pytest.approx(0.5)


def test_f1_counts_rows_by_their_weight() -> None:
    said, true = np.array([True, True, False, False]), np.array([True, False, True, False])
    # one hit that counts 6, one wrongly said that counts 1, one missed that counts 3
    assert f1(said, true, np.array([6.0, 1.0, 3.0, 9.0])) == pytest.approx(12 / 16)


def test_the_surest_come_first() -> None:
    rows = risk_coverage(np.array([4.0, 1.0, 2.0, 3.0]), np.array([4.0, 1.0, 2.0, 3.0]))
    assert rows[0] == {"coverage": 0.5, "mean_error": 1.5}
    assert rows[-1] == {"coverage": 1.0, "mean_error": 2.5}


def test_the_temperature_brings_deviations_to_the_errors() -> None:
    rng = np.random.default_rng(1)
    sigma = rng.uniform(1, 5, 4000)
    error = rng.laplace(0, 2 * sigma / np.sqrt(2))  # twice as far off as told
    factor = temperature(error, sigma)
    assert factor == pytest.approx(2, rel=0.1)
    within = calibration(error, factor * sigma)
    # Of a Laplace distribution 76 % lie within one standard deviation, 94 % within two.
    assert within["within_1_sigma"] == pytest.approx(0.757, abs=0.03)
    assert within["within_2_sigma"] == pytest.approx(0.941, abs=0.03)
    for told in within["bins"]:
        assert told["told"] == pytest.approx(told["found"], rel=0.2)


def test_a_value_is_told_up_to_where_its_like_are_too_wrong() -> None:
    sigma = np.linspace(0, 10, 2000)
    limit = surest(sigma.copy(), sigma, np.zeros(0), most=4.0)
    assert limit == pytest.approx(4.0, abs=0.6)


def test_nothing_is_told_of_what_is_covered() -> None:
    sigma = np.linspace(0, 10, 2000)
    assert surest(sigma, sigma, np.full(100, 2.5), most=4.0) == pytest.approx(2.5)
