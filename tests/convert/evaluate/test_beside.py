"""Another model's robustness, drawn beside one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convert.evaluate.beside import robustness_of
from convert.evaluate.charts import robustness_chart
from edge.errors import ConfigError, NoInputError


def row(corruption: str, level: float, accuracy: float) -> dict[str, Any]:
    more = {"unit": "", "faces": 10, "agreement": 1.0, "confidence": 0.9}
    return {"corruption": corruption, "level": level, "accuracy": accuracy, **more}


ROWS = [row("none", 0.0, 0.9), row("blur", 0.02, 0.8), row("noise", 5.0, 0.7)]
REPORT: dict[str, Any] = {
    "model": {"name": "other", "input": "48x48x1", "kind": "Keras", "labels": ["a", "b"]},
    "data": {"name": "faces", "split": "test", "faces": 10, "skipped": 0, "predicted": {}},
    "robustness": ROWS,
}


def test_it_is_read_out_of_a_report(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps(REPORT))
    assert robustness_of(path) == ("other", ROWS)


def test_what_is_no_report_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    with pytest.raises(NoInputError, match=r"--beside .*other\.json: No such file"):
        robustness_of(path)
    path.write_text('{"model": 1}')
    with pytest.raises(ConfigError, match="allowed: what `evaluate --json` prints"):
        robustness_of(path)
    path.write_text(json.dumps(REPORT | {"robustness": []}))
    with pytest.raises(ConfigError, match="it has no robustness"):
        robustness_of(path)


def test_it_is_drawn_though_it_has_other_corruptions() -> None:
    pytest.importorskip("matplotlib")
    alone = robustness_chart(ROWS)
    beside = robustness_chart(ROWS, ("other", [ROWS[0], row("blur", 0.02, 0.3)]))
    assert alone.startswith(b"\x89PNG") and beside.startswith(b"\x89PNG") and alone != beside
