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
    assert (parity.support, parity.lost, parity.won) == ((2, 2), (0, 1), (0, 0))


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


def with_drop(lost: tuple[int, int], won: tuple[int, int], of: tuple[int, int]) -> Parity:
    return Parity(sum(of), 1, 0, 0, 0.9, 0.9, 0.9, 0.9, support=of, lost=lost, won=won)


def test_every_bar_is_named_with_value_and_limit() -> None:
    worse = Parity(
        400, 0.9, 0.5, 0.1, 0.9, 0.8, 0.9, 0.8, support=(200, 200), lost=(0, 50), won=(0, 10)
    )
    assert failures(worse, Bars(), LABELS) == [
        "agreement of the predicted class: got 0.9000; allowed: at least 0.95",
        "largest shift of a score: got 0.5000; allowed: at most 0.25",
        "mean fraction of a face's score that moved: got 0.1000; allowed: at most 0.04",
        "drop of accuracy: got 0.1000; allowed: at most 0.005",
        "drop of macro-F1: got 0.1000; allowed: at most 0.02",
        "drop of recall of sad: got 0.2000; allowed: at most 0.02",
    ]


def test_a_drop_that_chance_explains_passes_unless_strict() -> None:
    # 60 faces lost and 36 won of 6,000: 0.4 points down, by chance up to 1.645 * sqrt(96) / 6000.
    flipped = with_drop((60, 0), (36, 0), (3000, 3000))
    assert failures(flipped, Bars(max_accuracy_drop=0.003), LABELS) == []
    assert failures(flipped, Bars(max_accuracy_drop=0.003, strict=True), LABELS) == [
        "drop of accuracy: got 0.0040; allowed: at most 0.003"
    ]


def test_the_same_drop_on_many_more_faces_fails() -> None:
    many = with_drop((6000, 0), (3600, 0), (300000, 300000))
    assert failures(many, Bars(max_accuracy_drop=0.003), LABELS) == [
        "drop of accuracy: got 0.0040; allowed: at most 0.003"
    ]


@pytest.mark.parametrize(("lost", "passes"), [(1, True), (2, False)])
def test_even_strict_one_face_of_a_rare_class_is_no_evidence(lost: int, passes: bool) -> None:
    rare = with_drop((0, lost), (0, 0), (981, 19))
    assert (failures(rare, Bars(strict=True), LABELS) == []) is passes


def test_scores_that_are_no_numbers_fail() -> None:
    broken = np.full((4, 2), np.nan)
    assert failures(measure(FLOAT, broken, None), Bars(), LABELS)


def test_two_of_sixty_faces_are_no_drop_of_macro_f1() -> None:
    few = Parity(60, 1, 0, 0, 0.7, 0.7, 0.70, 0.66, support=(30, 30), lost=(1, 1), won=(0, 0))
    assert failures(few, Bars(max_accuracy_drop=0.1, max_recall_drop=0.1), LABELS) == []
    strict = Bars(strict=True, max_accuracy_drop=0.1, max_recall_drop=0.1)
    assert failures(few, strict, LABELS) == ["drop of macro-F1: got 0.0400; allowed: at most 0.02"]
    many = Parity(600, 1, 0, 0, 0.7, 0.7, 0.70, 0.66, support=(300, 300), lost=(12, 12), won=(0, 0))
    assert "drop of macro-F1: got 0.0400; allowed: at most 0.02" in failures(many, Bars(), LABELS)
