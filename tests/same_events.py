"""Whether two replays of a clip say the same, within named tolerances.

python -m tests.same_events EVENTS.jsonl OTHERS.jsonl
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

# Between runtimes and processors outputs differ in the last digits of int8, and with them the
# frame at which a threshold is crossed.
TIME_S = 0.15
CONFIDENCE = 0.06
BOX = 0.03
EXACT = ("event_type", "emotion", "previous", "faces", "reason", "seq", "model", "grade")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the `data` of each event in a file of JSON Lines."""
    return [json.loads(line)["data"] for line in path.read_text().splitlines()]


def assert_same(got: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]]) -> None:
    """Fail unless `got` is `wanted`, within the tolerances."""
    assert [(e["event_type"], e["emotion"]) for e in got] == [
        (e["event_type"], e["emotion"]) for e in wanted
    ]
    for mine, theirs in zip(got, wanted, strict=True):
        assert {k: mine[k] for k in EXACT} == {k: theirs[k] for k in EXACT}
        assert mine["uptime_s"] == pytest.approx(theirs["uptime_s"], abs=TIME_S)
        assert mine["confidence"] == pytest.approx(theirs["confidence"], abs=CONFIDENCE)
        assert mine["box"] == pytest.approx(theirs["box"], abs=BOX)
        assert mine["scores"] == pytest.approx(theirs["scores"], abs=CONFIDENCE)
        assert mine["window_s"] == pytest.approx(theirs["window_s"], abs=TIME_S)
        if theirs["duration_s"] is not None:
            assert mine["duration_s"] == pytest.approx(theirs["duration_s"], abs=2 * TIME_S)


if __name__ == "__main__":
    one, other = (read(Path(a)) for a in sys.argv[1:])
    assert one, "not one event"
    assert_same(other, one)
    print(f"{len(one)} events, the same within {CONFIDENCE} of a score and {TIME_S} s")
