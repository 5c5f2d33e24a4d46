"""What the tests take from npm, at the versions that tests/npm/package-lock.json pins."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

NPM = Path(__file__).parent / "npm"
INSTALL = "npm ci --prefix tests/npm"


@functools.cache
def _modules() -> Path | str:
    """Return where the packages are, or why they are not."""
    modules = NPM / "node_modules"
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Node.js is not installed (apt-get install nodejs npm)"
    if not modules.exists() and os.environ.get("CI"):
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=NPM,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            return f"{INSTALL} failed: {done.stderr.strip()[-300:]}"
    return modules if modules.exists() else f"not installed: {INSTALL}"


def node_modules() -> Path:
    """Return the folder of packages; skip the test where they cannot be had."""
    found = _modules()
    if isinstance(found, str):
        pytest.skip(found)
    return found
