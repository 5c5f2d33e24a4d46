"""The work that is counted: the pipeline on frames of the demo clip, as MJPEG."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import ROOT, data_folder, mjpeg
from benchmarks.versus.loops import OurLoop

DEMO = ROOT / "edge" / "demo" / "astronaut.mp4"
FIRST = 60  # frames of the clip passed over: from here on there is a face that haar finds


def main(detector: str, frames: int, most: int) -> None:
    """Run `frames` of `most` prepared frames: what differs between two runs is frames alone."""
    cv2.setNumThreads(1)
    data = data_folder() if detector == "yunet" else Path()
    jpegs = [np.frombuffer(f, np.uint8) for f in mjpeg(DEMO, FIRST + most)[FIRST:]]
    loop = OurLoop(data, detector, jpegs[:frames])
    loop.run()
    assert sum(found for found, _ in loop.seen) > frames / 2, "the face was not found"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
