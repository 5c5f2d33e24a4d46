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
    ("source", "source"),
    ("width", "frame width"),
    ("fps", "frames/s"),
    ("faces", "faces"),
    ("seen", "faces seen, mean"),
    ("cpu_ms", "CPU ms a frame"),
    ("share", "share of one core"),
)


Plan = tuple[str, int, int, int]  # source, width, faces, one of so many frames


def start(detector: str, plan: Plan, frames: int) -> subprocess.Popen[str]:
    source, width, faces, every = plan
    numbers = [str(n) for n in (width, faces, frames, every)]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scale.work", detector, source, *numbers],
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
    plans: list[Plan] = [("MJPEG", 640, faces, 1) for faces in FACES]
    plans += [("MJPEG", 640, faces, 2) for faces in (1, 4)]
    plans += [("MJPEG", width, 1, 1) for width in SIZES if width != 640]
    plans += [("luma", 640, faces, 1) for faces in (0, 1)]
    rows: list[dict[str, Any]] = []

    def add(what: str, plan: Plan, found: dict[str, Any]) -> None:
        source, width, faces, every = plan
        fps = 30 / every
        share = found["cpu_ms"] * fps / 1e3
        row = {"what": what, "source": source, "width": width, "fps": fps, "faces": faces}
        rows.append({**row, "share": share, **found})
        print(rows[-1], file=sys.stderr, flush=True)

    for plan in plans:
        add("one camera", plan, finish(start(args.detector, plan, args.frames)))
    for cameras in args.cameras:
        processes = [
            start(args.detector, ("MJPEG", 640, 1, 1), args.frames) for _ in range(cameras)
        ]
        found = [finish(p) for p in processes]
        total = {key: sum(f[key] for f in found) for key in ("cpu_ms", "seen")}
        add(f"{cameras} at once, a process each, sums", ("MJPEG", 640, cameras, 1), total)
    publish(
        "scale",
        "What more costs",
        COLUMNS,
        rows,
        [
            f"Detector {args.detector}; CPU time of all threads, decoding included.",
            "Faces are real people at the same size in the picture; 0 is an empty, still wall with "
            "a sensor's noise. `luma` is a source without decoding, as rpicam's YUV420.",
            "Events a second into one broker: `python -m benchmarks.scale.events`.",
        ],
        detector=args.detector,
    )


if __name__ == "__main__":
    main()
