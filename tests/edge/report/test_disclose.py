"""Whoever subtracts learns no more of a small count than that it is small."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.report.disclose import Shown, alone, nested, parts

K = 3
COUNTS = st.lists(st.integers(0, 7), min_size=1, max_size=5)


def possible(shown: Sequence[Shown], counts: Sequence[int], k: int) -> Iterator[tuple[int, ...]]:
    """Every row of counts that looks the same to a reader who knows the sum."""
    most = sum(counts)
    ranges = []
    for s, n in zip(shown, counts, strict=True):
        if s is Shown.YES:
            ranges.append(range(n, n + 1))
        elif s is Shown.FEW:
            ranges.append(range(1, k))
        else:
            ranges.append(range(k, most + 1))
    for row in itertools.product(*ranges):
        if sum(row) == most:
            yield row


def learned(counts: Sequence[int], shown: Sequence[Shown], k: int) -> list[str]:
    """What a reader learns of small counts that nobody should."""
    if all(s is Shown.HIDDEN for s in shown):
        return []  # nothing is shown; the total alone may be
    rows = list(possible(shown, counts, k))
    return [
        f"{i}: {sorted({row[i] for row in rows})}"
        for i, s in enumerate(shown)
        if s is Shown.FEW and {row[i] for row in rows} != set(range(1, k))
    ]


def of(counts: Sequence[int], k: int) -> list[Shown]:
    found = parts(dict(enumerate(counts)), k)
    return [found[i] for i in range(len(counts))]


def test_the_one_small_count_takes_the_next_larger_with_it() -> None:
    assert of([100, 3, 40, 0], 5) == [Shown.YES, Shown.FEW, Shown.HIDDEN, Shown.YES]


def test_several_small_counts_hide_each_other() -> None:
    assert of([100, 3, 2, 4], 5) == [Shown.YES, Shown.FEW, Shown.FEW, Shown.FEW]


def test_two_counts_that_can_only_both_be_as_large_as_allowed_need_a_third() -> None:
    assert of([100, 4, 4, 9], 5) == [Shown.YES, Shown.FEW, Shown.FEW, Shown.HIDDEN]


def test_where_nobody_was_may_be_told_unless_all_is_too_little() -> None:
    assert of([0, 9, 0], 5) == [Shown.YES, Shown.YES, Shown.YES]
    assert of([0, 4, 2], 5) == [Shown.HIDDEN] * 3  # else: 6 in all, so one of them is no 1


def test_with_k_1_all_is_shown() -> None:
    assert of([1, 2, 3], 1) == [Shown.YES] * 3
    assert alone(1, 1) is Shown.YES


def test_parts_of_a_withheld_total_do_not_add_up_to_it() -> None:
    assert set(parts({1: 0, 2: 4}, 5, total_shown=False).values()) == {Shown.YES, Shown.FEW}
    assert set(parts({1: 7, 2: 9}, 5, total_shown=False).values()) == {Shown.HIDDEN}


@settings(max_examples=60, deadline=None)
@given(COUNTS)
def test_nothing_is_learned_by_subtracting(counts: list[int]) -> None:
    if alone(sum(counts), K) is not Shown.YES:
        return  # the total is not known
    shown = of(counts, K)
    assert not learned(counts, shown, K)
    for s, n in zip(shown, counts, strict=True):
        assert s is not Shown.YES or n == 0 or n >= K


def test_this_would_notice_what_is_not_hidden() -> None:
    assert learned([100, 2, 40], [Shown.YES, Shown.FEW, Shown.YES], K) == ["1: [2]"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=1, max_size=4))
def test_nor_from_weekdays_and_their_days_together(members: list[tuple[int, int]]) -> None:
    groups = {g: sum(n for h, n in members if h == g) for g in {g for g, _ in members}}
    total = sum(groups.values())
    if total < K:
        return
    of_groups, of_members = nested(groups, K, members)
    if all(s is Shown.HIDDEN for s in of_members):
        return
    small: dict[object, set[int]] = {}
    # All that looks the same: a hidden member may be anything that its group allows.
    ranges = [
        range(n, n + 1) if s is Shown.YES else range(total + 1)
        for s, (_, n) in zip(of_members, members, strict=True)
    ]
    for row in itertools.product(*ranges):
        sums = {g: sum(n for n, (h, _) in zip(row, members, strict=True) if h == g) for g in groups}
        if sum(row) != total or not all(fits(sums[g], groups[g], s) for g, s in of_groups.items()):
            continue
        if all(s is not Shown.FEW or 0 < n < K for s, n in zip(of_members, row, strict=True)):
            for i, n in [*enumerate(row), *((("group", g), n) for g, n in sums.items())]:
                small.setdefault(i, set()).add(n)
    few = [i for i, s in enumerate(of_members) if s is Shown.FEW]
    few += [("group", g) for g, s in of_groups.items() if s is Shown.FEW]  # type: ignore[misc]
    for i in few:
        assert small[i] == set(range(1, K)), i


def fits(n: int, truth: int, shown: Shown) -> bool:
    if shown is Shown.YES:
        return n == truth
    return 0 < n < K if shown is Shown.FEW else n >= K


@pytest.mark.parametrize("k", [2, 5, 10])
def test_a_busy_week_is_shown_whole(k: int) -> None:
    assert set(of([50, 80, 120, 90], k)) == {Shown.YES}
