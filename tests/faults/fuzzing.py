"""How often a fuzz test tries: two hundred times by default; in CI ten thousand.

`EMOTION_EDGE_FUZZ=100000 scripts/test --all tests/faults` says how often instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")


def _times(many: int) -> list[object]:
    many = int(os.environ.get("EMOTION_EDGE_FUZZ", many))
    return [pytest.param(200, id="few"), pytest.param(many, id="many", marks=pytest.mark.slow)]


TIMES = _times(10_000)


def fuzz(times: int, inputs: SearchStrategy[T], check: Callable[[T], None]) -> None:
    """Run `check` on `times` inputs, the same ones each time."""
    wrapped = settings(
        max_examples=times,
        deadline=None,  # no test depends on how busy the machine is
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )(given(inputs)(check))
    wrapped()
