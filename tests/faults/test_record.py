"""A history while its recorders, its broker and its database are killed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.edge.store.kills import random_kills

KILLS = 6  # `python -m benchmarks.record --kills 40` does more


@pytest.mark.faults
def test_random_kills_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    assert random_kills(tmp_path, KILLS, random.Random(16), print) > 400
