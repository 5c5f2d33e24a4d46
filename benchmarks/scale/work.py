"""One configuration in a process of its own; prints CPU milliseconds a frame and peak memory."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import JPEG_QUALITY, data_folder
from benchmarks.faces import people
from benchmarks.versus.loops import OurLoop

WARM_UP = 30  # frames


def main(
    detector: str, source: str, width: int, faces: int, frames: int, every: int
) -> dict[str, float]:
    cv2.setNumThreads(1)
    data: Path = data_folder()
    given = []
    if faces:
        pictures = people(data / "clips", faces, frames)
    else:
        grain = np.random.default_rng(0)  # an empty room: a wall, and the sensor's noise
        wall = np.full((480, 640, 3), 120, np.uint8)
        pictures = [
            np.clip(wall + grain.normal(0, 3, wall.shape), 0, 255).astype(np.uint8)
            for _ in range(min(frames, 12))
        ]
    for picture in pictures:
        size = (width, width * 3 // 4)
        scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        if source == "luma":
            given.append(cv2.cvtColor(scaled, cv2.COLOR_BGR2GRAY))
        else:
            given.append(cv2.imencode(".jpg", scaled, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])
    given = [given[i % len(given)] for i in range(frames)]
    loop = OurLoop(data, detector, given[::every], fps=30 / every)
    marks = []
    loop.between = lambda n: marks.append(time.process_time()) if n == WARM_UP else None
    loop.run()
    counted = len(loop.seen) - WARM_UP - 1
    cpu_ms = (time.process_time() - marks[0]) / counted * 1e3
    return {"cpu_ms": cpu_ms, "seen": loop.faces / len(loop.seen)}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:3], *map(int, sys.argv[3:7]))))
