"""The work that is counted: the pipeline on frames of the demo clip, as MJPEG.

python -m benchmarks.cost.work DETECTOR FRAMES MOST [FILE made by `save`]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import ROOT, data_folder, load_frames, mjpeg, save_frames
from benchmarks.versus.loops import OurLoop

DEMO = ROOT / "edge" / "demo" / "astronaut.mp4"
FIRST = 60  # frames of the clip passed over: from here on there is a face that haar finds


def prepared(most: int) -> list[bytes]:
    """Return JPEGs of the clip."""
    return mjpeg(DEMO, FIRST + most)[FIRST:]


def save(path: Path, most: int) -> None:
    """Keep them: where a processor is emulated, decoding the clip takes longer than all else."""
    save_frames(path, prepared(most))


def main(detector: str, frames: int, most: int, path: Path | None = None) -> None:
    """Run `frames` of `most` prepared frames: what differs between two runs is frames alone."""
    cv2.setNumThreads(1)
    data = data_folder() if detector == "yunet" else Path()
    jpegs = load_frames(path) if path else [np.frombuffer(f, np.uint8) for f in prepared(most)]
    loop = OurLoop(data, detector, jpegs[:frames])
    loop.run()
    assert sum(found for found, _ in loop.seen) > frames / 2, "the face was not found"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *map(Path, sys.argv[4:]))
