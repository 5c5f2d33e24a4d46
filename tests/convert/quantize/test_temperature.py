from __future__ import annotations

import math

import numpy as np
import pytest

from convert.quantize.temperature import cross_entropy, fit_temperature, tempered


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


LOGITS = np.random.default_rng(5).normal(0, 3, (500, 7))


def test_tempering_scores_is_dividing_logits() -> None:
    assert tempered(softmax(LOGITS), 2.5) == pytest.approx(softmax(LOGITS / 2.5), abs=1e-9)


def test_temperature_one_changes_nothing() -> None:
    assert tempered(softmax(LOGITS), 1.0) == pytest.approx(softmax(LOGITS), abs=1e-9)


@pytest.mark.parametrize("wanted", [0.5, 1.0, 2.0, 4.0])
def test_the_temperature_behind_soft_targets_is_found(wanted: float) -> None:
    logits = np.tile(LOGITS, (10, 1))  # 5,000 faces: what is thought beforehand hardly counts
    targets = softmax(logits / wanted)
    assert fit_temperature([softmax(logits)], targets) == pytest.approx(wanted, rel=0.005)


def test_a_model_that_is_too_sure_is_cooled_down() -> None:
    rng = np.random.default_rng(6)
    true = np.array([rng.choice(7, p=p) for p in softmax(LOGITS / 3)])
    assert fit_temperature([softmax(LOGITS)], np.eye(7)[true]) == pytest.approx(3, rel=0.15)


def test_a_score_of_zero_does_not_break_it() -> None:
    scores = np.array([[1.0, 0.0], [0.6, 0.4]])
    assert math.isfinite(cross_entropy(scores, np.eye(2)))
    assert math.isfinite(fit_temperature([scores], np.eye(2)))


@pytest.mark.parametrize("right", [True, False])
def test_a_handful_of_faces_moves_the_temperature_little(right: bool) -> None:
    scores = np.array([[0.8, 0.2]] * 5)
    targets = np.eye(2)[[0 if right else 1] * 5]
    found = fit_temperature([scores], targets)
    assert 0.5 < found < 0.95 if right else 1.05 < found < 3
    many = fit_temperature([np.tile(scores, (400, 1))], np.tile(targets, (400, 1)))
    assert many < 0.25 if right else many > 4.5
