"""The n-th read, write, sync, open, truncation, removal or allocation fails: nothing is lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.faults]

KINDS = {"read", "write", "sync", "open", "truncate", "unlink", "rename", "allocation"}


def test_whichever_call_to_the_system_fails_no_event_is_lost(tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (apt-get install gcc)")
    source, shim = Path(__file__).with_name("nth.c"), tmp_path / "nth.so"
    built = subprocess.run(
        [compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"],
        capture_output=True,
        text=True,
    )
    if built.returncode != 0:
        pytest.skip(f"nth.c is for glibc: {built.stderr.strip().splitlines()[-1]}")
    disk = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=disk if os.access(disk, os.W_OK) else None) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.edge.publish.nth", folder],
            env={**os.environ, "LD_PRELOAD": str(shim)},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    trials = {kind: int(count) for kind, count in re.findall(r"^(\w+) (\d+)$", done.stdout, re.M)}
    assert trials.keys() >= KINDS - {"allocation"}  # where SQLite is part of Python
    assert sum(trials.values()) > 500, trials
