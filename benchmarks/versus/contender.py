"""One loop over one clip in a process of its own; prints one JSON line."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

WARM_UP_S = 1.0  # of the clip, not counted: lazy loading; three detections before a face counts


def main(name: str, frames_file: Path, data: Path, work: Path, spawned: float) -> dict[str, Any]:
    import cv2

    cv2.setNumThreads(1)
    from benchmarks.common import FPS, load_frames, peak_mb
    from benchmarks.versus import loops

    if name == "convert":
        loops.convert(data, work)
        return {}
    frames = load_frames(frames_file)
    warm = round(WARM_UP_S * FPS)
    marks = {}

    def mark(n: int) -> None:
        if n == 0:
            marks["start_s"], marks["start_cpu_s"] = time.time() - spawned, time.process_time()
        if n == warm - 1:
            marks["cpu"] = time.process_time()

    if name.startswith("ours-"):
        loop = loops.OurLoop(data, name.removeprefix("ours-"), frames)
        loop.between = mark
        loop.run()
        seen = loop.seen
    else:
        makers = {
            "classic-keras": lambda: loops.classic(data, work, tflite=False),
            "classic-tflite": lambda: loops.classic(data, work, tflite=True),
            "fer": loops.fer,
            "deepface": loops.deepface,
            "mediapipe": loops.mediapipe,
            "yunet-alone": lambda: loops.yunet_alone(data),
        }
        step = makers[name]()
        seen = []
        for n, jpeg in enumerate(frames):
            seen.append(step(jpeg))
            mark(n)
    cpu_s = time.process_time() - marks["cpu"]
    counted = seen[warm:]
    labels = [label for _, label in counted if label is not None]
    return {
        "frames": len(counted),
        "cpu_s": cpu_s,
        "peak_mb": peak_mb(),
        "start_s": marks["start_s"],
        "start_cpu_s": marks["start_cpu_s"],
        "found": sum(found for found, _ in counted),
        "switches": sum(a != b for a, b in itertools.pairwise(labels)),
    }


if __name__ == "__main__":
    out = os.dup(1)  # what libraries print on standard output is not the result
    os.dup2(2, 1)
    line = main(sys.argv[1], *map(Path, sys.argv[2:5]), spawned=float(sys.argv[5]))
    os.write(out, json.dumps(line).encode() + b"\n")
