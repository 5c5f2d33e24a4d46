"""Where the outbox may not be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon import CLIP
from tests.waiting import PATIENCE_S


@pytest.mark.parametrize("name", ["outbox.db", "outbox.db-wal", "outbox.db-journal"])
def test_a_fifo_in_the_place_of_the_outbox_is_refused(tmp_path: Path, name: str) -> None:
    """SQLite would wait for ever for a writer."""
    os.mkfifo(tmp_path / name)
    keys = [f"outbox.path={tmp_path}/outbox.db", "mqtt.host=127.0.0.1", "mqtt.port=9"]
    keys.append(f"camera.source={CLIP}")
    done = subprocess.run(
        [sys.executable, "-m", "edge", "run", *(w for k in keys for w in ("--set", k))],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert f"outbox.path: {tmp_path / name}: not a regular file" in done.stderr
    assert done.returncode == 78
