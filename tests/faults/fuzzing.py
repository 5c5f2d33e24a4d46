"""How often a fuzz test tries: two hundred times by default; in CI ten thousand, of models 300."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

TIMES = [pytest.param(200, id="few"), pytest.param(10_000, id="many", marks=pytest.mark.slow)]
# Each loads a model, most in a process of its own: ten thousand take longer than all other tests.
MODEL_TIMES = [pytest.param(50, id="few"), pytest.param(300, id="many", marks=pytest.mark.slow)]


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
