"""What runs in a child process, with fewer rights than the daemon: programs, stream decoders.

A child starts light, and loads OpenCV only once there is something to decode.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def python(module: str, env: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return command and environment that run a module of ours, whatever way we are installed."""
    paths = [str(Path(p).resolve()) for p in sys.path if p and Path(p).exists()]
    return [sys.executable, "-P", "-m", module], {**env, "PYTHONPATH": os.pathsep.join(paths)}
