"""A full or broken disk at the start: the daemon starts where it can, and is tried again if not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.configfile import load
from edge.errors import ConfigError, StorageError
from edge.model.manifest import load_manifest
from tests.conftest import DEMO_CLIP, ROOT

FULL = """
for folder in /tmp /var/tmp; do
    mount -t tmpfs -o size=8k tmpfs $folder || exit 77
    cat /dev/zero >$folder/zeros 2>/dev/null
done
cd /tmp && exec "$@"
"""


@pytest.mark.faults
def test_it_starts_with_tmp_and_var_tmp_full() -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare (package util-linux), to fill folders of its own")
    hidden = [
        p
        for p in (ROOT, Path(sys.prefix))
        if p.is_relative_to("/tmp") or p.is_relative_to("/var/tmp")
    ]
    if hidden:
        pytest.skip(f"{hidden[0]} would be hidden by the folders that are filled")
    edge = [sys.executable, "-m", "edge", "replay", DEMO_CLIP, "--config", "/dev/null"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", FULL, "sh", *edge],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode == 77:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "face_appeared" in done.stdout


def test_a_disk_that_fails_is_no_mistake_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="/proc/self/mem: Input/output error"):
        load(Path("/proc/self/mem"))
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "manifest.json").symlink_to("/proc/self/mem")
    with pytest.raises(StorageError, match="Input/output error"):
        load_manifest(tmp_path)
