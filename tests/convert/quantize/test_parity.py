from __future__ import annotations

import numpy as np
import pytest

from convert.quantize.parity import Bars, Parity, failures, measure

LABELS = ("happy", "sad")
FLOAT = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.45, 0.55]])
SHIFTED = np.array([[0.9, 0.1], [0.7, 0.3], [0.3, 0.7], [0.55, 0.45]])


def test_what_is_measured() -> None:
    parity = measure(FLOAT, SHIFTED, np.array([0, 0, 1, 1]))
    assert (parity.faces, parity.agreement) == (4, 0.75)
    assert parity.largest_shift == pytest.approx(0.1)
    assert parity.moved == pytest.approx((0 + 0.1 + 0 + 0.1) / 4)
    assert (parity.accuracy_float, parity.accuracy_quantised) == (1.0, 0.75)
    assert parity.recall_quantised == (1.0, 0.5)


def test_faces_without_truth_count_for_agreement_only() -> None:
    parity = measure(FLOAT, SHIFTED, np.array([0, 0, 1, -1]))
    assert parity.agreement == 0.75
    assert parity.accuracy_quantised == 1.0
    assert parity.support == (2, 1)


def test_without_any_truth_there_is_no_accuracy() -> None:
    assert measure(FLOAT, SHIFTED, None).accuracy_float is None
    assert measure(FLOAT, SHIFTED, np.full(4, -1)).accuracy_float is None


def test_the_same_scores_pass() -> None:
    assert failures(measure(FLOAT, FLOAT, np.array([0, 0, 1, 1])), Bars(), LABELS) == []


def test_every_bar_is_named_with_value_and_limit() -> None:
    worse = Parity(400, 0.9, 0.5, 0.1, 0.9, 0.8, 0.9, 0.8, (0.9, 0.9), (0.9, 0.85), (200, 200))
    found = failures(worse, Bars(), LABELS)
    assert found == [
        "agreement of the predicted class: got 0.9000; allowed: at least 0.95",
        "largest shift of a score: got 0.5000; allowed: at most 0.25",
        "share of the scores that moved: got 0.1000; allowed: at most 0.04",
        "drop of accuracy: got 0.1000; allowed: at most 0.005",
        "drop of macro-F1: got 0.1000; allowed: at most 0.02",
        "drop of recall of sad: got 0.0500; allowed: at most 0.02",
    ]


@pytest.mark.parametrize(("lost", "passes"), [(1, True), (2, False)])
def test_one_face_of_a_rare_class_is_no_evidence(lost: int, passes: bool) -> None:
    rare = Parity(1000, 1.0, 0, 0, 0.9, 0.9, 0.9, 0.9, (0.9, 1.0), (0.9, 1 - lost / 19), (981, 19))
    assert (failures(rare, Bars(), LABELS) == []) is passes


def test_scores_that_are_no_numbers_fail() -> None:
    broken = np.full((4, 2), np.nan)
    assert failures(measure(FLOAT, broken, None), Bars(), LABELS)
