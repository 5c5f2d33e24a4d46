"""Instructions a frame: a cost that does not depend on the clock or on what else runs.

Counted by valgrind, which shows every program the same kind of processor (AVX2, no AVX-512), so
that libraries choose the same code on most machines. Not on all: with the same versions a count was
once outside the tolerance elsewhere, why is not known, so the processor is recorded as well.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
BASELINE = Path(__file__).resolve().parent / "baseline.json"
FEW, MANY = 30, 90  # frames of the two runs; their difference is free of start-up
TOLERANCE = (
    0.08  # on the class of machine that was recorded: what repeats and patch releases differ by
)
TOLERANCE_ELSEWHERE = 0.6  # another processor, other versions of Python or libraries
PACKAGES = ("numpy", "opencv-python-headless", "ai-edge-litert", "tflite-runtime", "msgspec")


def missing() -> str | None:
    """Return why nothing can be counted here; None: it can."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    if platform.machine() not in ("x86_64", "aarch64"):
        return f"valgrind's count on {platform.machine()} is not recorded"
    return None


def machine_class() -> dict[str, str]:
    """Return what decides which instructions run: processor and versions."""
    found = {
        "architecture": platform.machine(),
        "processor": _processor(),
        "python": platform.python_version().rpartition(".")[0],
        "frames": f"{FEW} and {MANY}",
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def _processor() -> str:
    said = dict(
        (word.strip() for word in line.split(":", 1))
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if ":" in line
    )
    x86 = ("vendor_id", "cpu family", "model")
    arm = ("CPU implementer", "CPU part")
    return " ".join(said[key] for key in (*x86, *arm) if key in said)


def instructions_a_frame(detector: str) -> float:
    """Return instructions a frame, decoding included.

    Raises:
        RuntimeError: the counted program failed; with its last words.
    """
    with tempfile.TemporaryDirectory() as compiled:
        # Else modules that anybody compiles between the two would count as frames.
        _run([], detector, FEW, compiled)
        many, few = (_count(detector, n, compiled) for n in (MANY, FEW))
    return (many - few) / (MANY - FEW)


def _run(
    under: Sequence[str], detector: str, frames: int, compiled: str
) -> subprocess.CompletedProcess[str]:
    work = [sys.executable, "-m", "benchmarks.cost.work", detector, str(frames), str(MANY)]
    env = os.environ | {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    env |= {"PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run([*under, *work], cwd=ROOT, env=env, capture_output=True, text=True)


def _count(detector: str, frames: int, compiled: str) -> int:
    with tempfile.NamedTemporaryFile("r") as log:
        valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--log-file={log.name}"]
        valgrind += ["--child-silent-after-fork=yes"]  # models are tried in a child first
        valgrind += ["--cachegrind-out-file=/dev/null"]
        done = _run(valgrind, detector, frames, compiled)
        said = Path(log.name).read_text()
    counted = re.search(r"I\s+refs:\s+([\d,]+)", said)
    if done.returncode or counted is None:
        raise RuntimeError((done.stderr or said).strip()[-600:])
    return int(counted[1].replace(",", ""))


def baseline() -> dict[str, Any]:
    """Return what was recorded."""
    recorded: dict[str, Any] = json.loads(BASELINE.read_text())
    return recorded
