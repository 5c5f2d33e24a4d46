"""A short soak; benchmarks.soak is the long one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.broker import MOSQUITTO
from tests.conftest import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_twenty_thousand_frames(tmp_path: Path) -> None:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    command = [sys.executable, "-m", "benchmarks.soak", "--frames", "20000", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["frames"] >= 20_000
    assert result["arrived"] + result["left_in_outbox"] == result["events"] > 0
