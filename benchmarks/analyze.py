"""How many times as much N workers analyze as one does, and the memory of each.

`python -m benchmarks.analyze`, with `EMOTION_EDGE_DATA`: photographs as files in a folder,
through the command as anybody runs it. Starting and loading models counts: it is what a user waits
for.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from benchmarks.common import data_folder, publish

COLUMNS = [
    ("workers", "workers"),
    ("files_per_s", "pictures a second"),
    ("ratio", "times one worker"),
    ("memory_mb", "most memory of a worker, MB"),
]
LOOK_S = 0.05  # between two looks at the workers' memory
SCALE = 4  # photographs are stored at 160 pixels; cameras' are larger


def photographs(folder: Path, count: int) -> None:
    """Write photographs, enlarged to what a small camera has."""
    held = np.load(data_folder() / "lfw" / "lfw_faces.npz")
    jpeg, offsets = held["jpeg"], held["offsets"]
    for n in range(count):
        small = cv2.imdecode(jpeg[offsets[n] : offsets[n + 1]], cv2.IMREAD_GRAYSCALE)
        if small is None:
            raise SystemExit(f"lfw_faces.npz: picture {n} cannot be read")
        large = cv2.resize(small, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{n:05}.jpg"), large)


def peak_of_workers(command: psutil.Process) -> float:
    """Return the most that one of its worker processes ever had resident, in 10^6 bytes."""
    most = 0.0
    for child in command.children():
        try:
            text = Path(f"/proc/{child.pid}/status").read_text()
            if "spawn_main" not in " ".join(child.cmdline()):
                continue  # Python's own resource tracker
        except (OSError, psutil.Error):
            continue
        for line in text.splitlines():
            if line.startswith("VmHWM:"):
                most = max(most, int(line.split()[1]) * 1024 / 1e6)
    return most


def measure(folder: Path, workers: int, out: Path) -> dict[str, Any]:
    """Run the command once."""
    arguments = ["analyze", str(folder), "--json", "-o", str(out), "--workers", str(workers)]
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", *arguments], stderr=subprocess.DEVNULL
    )
    command, memory = psutil.Process(process.pid), 0.0
    while process.poll() is None:
        memory = max(memory, peak_of_workers(command))
        time.sleep(LOOK_S)
    took = time.monotonic() - began
    if process.returncode != 0:
        raise SystemExit(f"analyze: exit code {process.returncode}")
    done = out.read_bytes().count(b"\n")
    return {
        "workers": workers,
        "files": done,
        "seconds": round(took, 2),
        "files_per_s": round(done / took, 1),
        "memory_mb": round(memory, 1),
    }


def main() -> None:
    """Measure one worker, two, four and so on up to the cores there are."""
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--most", type=int, default=cores, help="workers (default: all cores)")
    parser.add_argument("--dry", action="store_true", help="print, write no result")
    args = parser.parse_args()
    counts = [n for n in (1, 2, 4, 8, 16, 32, 64) if n < args.most] + [args.most]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder, "in")
        pictures.mkdir()
        photographs(pictures, args.pictures)
        for n in dict.fromkeys(counts):
            row = measure(pictures, n, Path(folder, f"out-{n}.jsonl"))
            row["ratio"] = round(row["files_per_s"] / (rows[0] if rows else row)["files_per_s"], 2)
            rows.append(row)
            print(row, flush=True)
    if args.dry:
        return
    publish(
        "analyze",
        "Pictures a second by worker processes",
        COLUMNS,
        rows,
        [
            f"{args.pictures} photographs of 640x640 with a face each, from files on disk; JSON "
            "Lines into a file; starting and loading the models included.",
            "Memory: the kernel's high-water mark of resident pages (VmHWM), shared ones included.",
        ],
    )


if __name__ == "__main__":
    main()
