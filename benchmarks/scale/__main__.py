"""`python -m benchmarks.scale`: cost against frame size, faces, and cameras on one device."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks.common import ROOT, publish

SIZES = (320, 640, 1280)
FACES = (0, 1, 2, 4)
COLUMNS = (
    ("what", "what"),
    ("width", "frame width"),
    ("fps", "frames/s"),
    ("faces", "faces"),
    ("seen", "faces seen, mean"),
    ("cpu_ms", "CPU ms a frame"),
    ("share", "share of one core"),
    ("peak_mb", "peak MB"),
)


def start(detector: str, width: int, faces: int, frames: int, every: int) -> subprocess.Popen[str]:
    numbers = [str(n) for n in (width, faces, frames, every)]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scale.work", detector, *numbers],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=600)
    if process.returncode:
        raise SystemExit("a run failed; see above")
    answer: dict[str, Any] = json.loads(out)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--detector", default="face", choices=("face", "yunet", "haar"))
    parser.add_argument("--frames", type=int, default=300, help="each (default: 300)")
    parser.add_argument("--cameras", type=int, nargs="*", default=[1, 2, 4])
    args = parser.parse_args()
    plans = [("one camera", 640, faces, 1) for faces in FACES]
    plans += [("one camera", 640, faces, 2) for faces in (1, 4)]
    plans += [("one camera", width, 1, 1) for width in SIZES if width != 640]
    rows: list[dict[str, Any]] = []

    def add(what: str, width: int, faces: int, every: int, found: dict[str, Any]) -> None:
        fps = 30 / every
        share = found["cpu_ms"] * fps / 1e3
        row = {"what": what, "width": width, "fps": fps, "faces": faces, "share": share, **found}
        rows.append(row)
        print(row, file=sys.stderr, flush=True)

    for what, width, faces, every in plans:
        add(
            what,
            width,
            faces,
            every,
            finish(start(args.detector, width, faces, args.frames, every)),
        )
    for cameras in args.cameras:
        processes = [start(args.detector, 640, 1, args.frames, 1) for _ in range(cameras)]
        found = [finish(p) for p in processes]
        total = {key: sum(f[key] for f in found) for key in ("cpu_ms", "peak_mb", "seen")}
        add(f"{cameras} at once, a process each, sums", 640, cameras, 1, total)
    publish(
        "scale",
        "What more costs",
        COLUMNS,
        rows,
        [
            f"MJPEG frames, detector {args.detector}; CPU time of all threads, decoding included.",
            "Faces are real people at the same size in the picture; 0 is an empty, still wall with "
            "a sensor's noise.",
            "Events a second into one broker: benchmarks/fleet.",
        ],
        detector=args.detector,
    )


if __name__ == "__main__":
    main()
