"""Lengths of visits as a histogram: what quantiles come back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.store.buckets import FIRST_MS, LAST, bucket, edges_s, quantile_s

LENGTHS = st.integers(0, 12 * 86_400_000)


@given(LENGTHS)
def test_a_length_lies_between_the_edges_of_its_bucket(ms: int) -> None:
    low, high = edges_s(bucket(ms))
    assert low * (1 - 1e-9) <= ms / 1000 <= high * (1 + 1e-9)


@given(st.lists(LENGTHS.filter(lambda ms: ms > FIRST_MS), min_size=1), st.floats(0, 1))
def test_a_quantile_is_off_by_a_step_at_most(lengths: list[int], q: float) -> None:
    found = quantile_s(Counter(map(bucket, lengths)), q)
    ordered = sorted(lengths)
    below = ordered[max(int(q * len(ordered) - 1e-9), 0)] / 1000
    above = ordered[min(int(q * len(ordered)), len(ordered) - 1)] / 1000
    assert found is not None
    assert min(below, above) / 1.19 <= found <= max(below, above) * 1.19


def test_quartiles_of_known_visits() -> None:
    counts = Counter(map(bucket, [1000 * s for s in range(1, 101)]))
    assert quantile_s(counts, 0.25) == pytest.approx(25, rel=0.1)
    assert quantile_s(counts, 0.5) == pytest.approx(50, rel=0.1)
    assert quantile_s(counts, 0.75) == pytest.approx(75, rel=0.1)


def test_nobody_has_no_median_and_weeks_are_days() -> None:
    assert quantile_s({}, 0.5) is None
    assert quantile_s({3: 0}, 0.5) is None
    assert bucket(10**12) == LAST
