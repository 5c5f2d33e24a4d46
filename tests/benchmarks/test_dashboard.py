"""`benchmarks.dashboard` counts frames right, and measures the real page."""

from __future__ import annotations

import pytest

from benchmarks.dashboard.__main__ import measure
from benchmarks.dashboard.page import summary
from tests.broker import MOSQUITTO
from tests.edge.web.conftest import CHROMIUM


def test_a_late_frame_and_a_long_task_are_counted() -> None:
    found = summary([16.0] * 98 + [24.0, 30.0], [49.0, 50.0, 120.0])
    assert found["fps"] == pytest.approx(100_000 / (98 * 16 + 54))
    assert found["median_ms"] == 16.0
    assert found["longest_ms"] == 30.0
    assert found["late"] == 0.01  # 25 ms is the bound
    assert (found["long_tasks"], found["longest_task_ms"]) == (2, 120.0)


def test_no_frame_is_no_figure() -> None:
    with pytest.raises(ValueError, match="1 frames"):
        summary([16.0], [])


@pytest.mark.slow
def test_it_measures_both_views_of_the_real_page() -> None:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None or MOSQUITTO is None:
        pytest.skip("chromium or mosquitto is not installed")
    rows = measure(devices=30, rate=1.0, seconds=0.5)
    assert [(r["view"], r["doing"]) for r in rows] == [
        (view, doing) for view in ("table", "cards") for doing in ("stands", "moves")
    ]
    for row in rows:
        assert row["fps"] > 0 and row["tasks_ms"] > 0 and row["elements"] > 30
