"""`versus --only` keeps what was measured before, as of the day when it was."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.versus.__main__ import compared, kept

LAST = {
    "machine": "a board", "date": "2026-01-02", "seconds": 8.0,
    "rows": [
        {"name": "classic-keras", "cpu_ms": 60.0, "times": 1.0},
        {"name": "ours-face", "cpu_ms": 3.0, "times": 20.0},
        {"name": "ours-haar", "cpu_ms": 5.0, "times": 12.0, "measured": "2025-12-31"},
    ],
}  # fmt: skip


def test_rows_of_other_days_keep_their_date(tmp_path: Path) -> None:
    path = tmp_path / "versus.json"
    path.write_text(json.dumps(LAST))
    rows = kept(["ours-face"], 8.0, "a board", path)
    assert [(r["name"], r["measured"]) for r in rows] == [
        ("classic-keras", "2026-01-02"), ("ours-haar", "2025-12-31"),
    ]  # fmt: skip
    assert kept(["ours-face"], 4.0, "a board", path) == []
    assert kept(["ours-face"], 8.0, "another board", path) == []
    assert kept([], 8.0, "a board", tmp_path / "none.json") == []


def test_ratios_are_within_one_day_only(tmp_path: Path) -> None:
    rows = [
        {"name": "ours-face", "cpu_ms": 4.0, "measured": "2026-03-01", "times": 20.0},
        {"name": "classic-keras", "cpu_ms": 60.0, "measured": "2026-01-02"},
        {"name": "ours-haar", "cpu_ms": 5.0, "measured": "2026-01-02"},
    ]
    out = compared(rows)
    assert [r["name"] for r in out] == ["classic-keras", "ours-haar", "ours-face"]
    assert [r.get("times") for r in out] == [1.0, 12.0, None]
