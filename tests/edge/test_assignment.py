"""The pairing of faces is the optimum, held against every pairing there is."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.assignment import assign

INF = math.inf
Matrix = list[list[float]]


def matrices(values: st.SearchStrategy[float]) -> st.SearchStrategy[Matrix]:
    return st.tuples(st.integers(0, 4), st.integers(0, 4)).flatmap(
        lambda size: st.lists(
            st.lists(values, min_size=size[1], max_size=size[1]),
            min_size=size[0],
            max_size=size[0],
        )
    )


def best(cost: Matrix) -> tuple[int, float]:
    """Most pairs, and their least sum, by trying every pairing."""
    rows, columns = len(cost), len(cost[0]) if cost else 0
    found = (0, 0.0)
    for chosen in itertools.permutations([*range(columns), *[-1] * rows], rows):
        paired = [cost[i][j] for i, j in enumerate(chosen) if j >= 0]
        if all(map(math.isfinite, paired)):
            found = min(found, (-len(paired), sum(paired)))
    return -found[0], found[1]


@given(matrices(st.one_of(st.floats(0, 3), st.integers(0, 3).map(float), st.just(INF))))
def test_it_is_the_optimum_of_gated_costs(cost: Matrix) -> None:
    pairs = assign(cost)
    assert len(set(pairs.values())) == len(pairs)
    count, total = best(cost)
    assert len(pairs) == count
    assert sum(cost[i][j] for i, j in pairs.items()) == pytest.approx(total, abs=1e-9)


@given(matrices(st.floats(0, 100)))
def test_it_is_what_scipy_finds_where_every_pair_is_allowed(cost: Matrix) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    if not cost or not cost[0]:
        return
    rows, columns = optimize.linear_sum_assignment(cost)
    expected = sum(cost[i][j] for i, j in zip(rows, columns, strict=True))
    pairs = assign(cost)
    assert len(pairs) == len(rows)
    assert sum(cost[i][j] for i, j in pairs.items()) == pytest.approx(expected, abs=1e-9)


def test_nobody_stays_alone_who_could_be_paired() -> None:
    assert assign([[0.35, 0.40], [0.36, INF]]) == {0: 1, 1: 0}
    assert assign([[1, 2], [3, 9]]) == {0: 1, 1: 0}
    assert assign([[1, INF], [2, INF]]) == {0: 0}
    assert assign([[INF, INF]]) == {}
    assert assign([[], []]) == {}
    assert assign([]) == {}
