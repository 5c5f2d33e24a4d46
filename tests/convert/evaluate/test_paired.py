from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
from convert.evaluate.paired import difference, in_words, mcnemar


def pair(both: int, lost: int, won: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    first = [True] * both + [True] * lost + [False] * won + [False] * neither
    second = [True] * both + [False] * lost + [True] * won + [False] * neither
    return np.array(first), np.array(second)


def test_mcnemar_by_hand() -> None:
    # 1 against 9 of 10 that differ: 2 * (C(10,0) + C(10,1)) / 2^10
    assert mcnemar(*pair(50, 1, 9, 3)) == pytest.approx(2 * 11 / 1024)
    assert mcnemar(*pair(50, 0, 0, 3)) == 1.0


def test_a_clear_difference_and_one_of_chance() -> None:
    clear = difference(*pair(700, 20, 80, 200))
    assert clear["accuracy"] == pytest.approx(0.06)
    low, high = clear["accuracy_ci95"]
    half = 1.96 * np.sqrt(0.1 - 0.06**2) / np.sqrt(1000)
    assert (low, high) == pytest.approx((0.06 - half, 0.06 + half), abs=0.003)
    assert clear["differ"] and "they differ" in in_words("a", "b", clear)
    even = difference(*pair(700, 50, 52, 198))
    assert not even["differ"] and "chance explains it" in in_words("a", "b", even)
    none = difference(np.array([], bool), np.array([], bool))
    assert "no faces in common" in in_words("a", "b", none)
