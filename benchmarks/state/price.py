"""What `[state]` costs: processor time a frame and memory, with and without it, in turn.

python -m benchmarks.state.price FACES FRAMES KEY=VALUE... (one measurement, in its own process)
"""

from __future__ import annotations

import ctypes
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from benchmarks.common import FPS, JPEG_QUALITY, ROOT, data_folder

WARM = 60  # frames before the clock runs: trackers settle, caches fill
CONTENDERS = {
    "emotions alone": ["classify.check_rate=0"],
    "and who can be scored (the defaults)": [],
    "and [state]": ["state.enabled=true"],
    "and [state], 30 times a second": ["state.enabled=true", "state.rate=30"],
    'profile "kiosk"': ["profile=kiosk"],
    'profile "car"': ["profile=car"],
    'profile "driver", no emotions': ["profile=driver"],
}


def measured(faces: int, frames: int, sets: Sequence[str]) -> dict[str, float]:
    """Return processor time a frame (ms) and resident memory (MB) of this process."""
    import numpy as np

    from benchmarks.faces import people
    from benchmarks.versus.loops import OurLoop

    pictures = people(data_folder() / "clips", faces, WARM)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    jpegs = [np.asarray(cv2.imencode(".jpg", p, quality)[1]).ravel() for p in pictures]
    del pictures
    there_and_back = jpegs + jpegs[-2:0:-1]
    shown = [there_and_back[n % len(there_and_back)] for n in range(WARM + frames)]
    loop = OurLoop(data_folder(), "face", shown, ["motion.gate=false", *sets])
    began = 0.0

    def after(n: int) -> None:
        nonlocal began
        if n == WARM - 1:
            began = time.process_time()

    loop.between = after
    loop.run()
    spent = time.process_time() - began
    seen = loop.faces / len(shown)
    return {"ms": 1000 * spent / frames, "rss_mb": _resident_mb(), "faces": seen}


def rows(faces: Sequence[int], frames: int, rounds: int) -> list[dict[str, Any]]:
    """Measure each contender `rounds` times, in turn, each time in a new process."""
    out = []
    for count in faces:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
        for n in range(rounds):
            for name, sets in CONTENDERS.items():
                found[name].append(_in_child(count, frames, sets))
                print(f"{count} face(s), round {n + 1}, {name}: {found[name][-1]}", flush=True)
        alone = found["emotions alone"]
        for name, mine in found.items():
            ms = statistics.median(m["ms"] for m in mine)
            # Of one round, side by side: what else the machine does is the same for both.
            ratios = [m["ms"] / a["ms"] for m, a in zip(mine, alone, strict=True)]
            more = [m["rss_mb"] - a["rss_mb"] for m, a in zip(mine, alone, strict=True)]
            out.append(
                {
                    "faces": count,
                    "what": name,
                    "ms": ms,
                    "ratio": statistics.median(ratios),
                    "least": min(ratios),
                    "most": max(ratios),
                    "core": 100 * ms * FPS / 1000,
                    "rss_mb": statistics.median(m["rss_mb"] for m in mine),
                    "more_mb": statistics.median(more),
                    "seen": statistics.median(m["faces"] for m in mine),
                }
            )
    return out


def _in_child(faces: int, frames: int, sets: Sequence[str]) -> dict[str, float]:
    argv = [sys.executable, "-m", "benchmarks.state.price", str(faces), str(frames), *sets]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.strip()[-600:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _resident_mb() -> float:
    # What the pictures took before they were JPEGs is given back, or it may count here.
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("/proc/self/status has no VmRSS")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    print(json.dumps(measured(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])))
