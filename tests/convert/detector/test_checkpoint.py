"""Whether a training may go on in a folder: not with what would make it another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convert.detector.checkpoint import RECORD, STATE, check_same_run
from edge.errors import ConfigError


def record(data: dict[str, Any] | None = None, **plan: object) -> dict[str, Any]:
    return {"shape": {}, "recipe": {}, "data": data or {}, "plan": {"seed": 1, **plan}}


def begun(folder: Path, record: dict[str, Any]) -> None:
    (folder / STATE).touch()
    (folder / RECORD).write_text(json.dumps(record))


def test_steps_are_free_where_they_are_all_there_is(tmp_path: Path) -> None:
    begun(tmp_path, record(steps=4))
    check_same_run(tmp_path, record(steps=5))
    with pytest.raises(ConfigError, match=r"plan\.steps 4; got 5; allowed: the same"):
        check_same_run(tmp_path, record(steps=5), free=())
    check_same_run(tmp_path, record(steps=4), free=())
    with pytest.raises(ConfigError, match=r"plan\.seed 1; got 2"):
        check_same_run(tmp_path, record(steps=4) | {"plan": {"seed": 2}}, free=("steps",))
