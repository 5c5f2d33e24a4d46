"""`python -m benchmarks.parts`: what single steps cost, where the design rests on it."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.common import data_folder, mjpeg, publish
from edge.classify import Model
from edge.config import Motion
from edge.messages import Frame
from edge.model.manifest import find_model
from edge.motion import MotionGate

EACH = 50  # calls a turn
COLUMNS = (("what", "step"), ("us", "µs, median of turns"))


def main() -> None:
    """Measure the steps in turns, so that whatever slows the machine down slows all of them."""
    parser = argparse.ArgumentParser(prog="benchmarks.parts", description=__doc__)
    parser.add_argument("--turns", type=int, default=40, help="of each step (default %(default)s)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    clip = data_folder() / "clips" / "sorry.mkv"
    jpeg = np.frombuffer(mjpeg(clip, 1)[0], np.uint8)
    luma = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)
    gate = MotionGate(Motion(), 2.0)
    model = Model(find_model("emotion"), threads=1)
    face = np.ascontiguousarray(luma[100:148, 100:148])
    model.infer(face)
    still = Frame(1, 10.0, luma)
    steps: dict[str, Callable[[], object]] = {
        "JPEG of 640x480 to luma": lambda: cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE),
        "the same at half size": lambda: cv2.imdecode(jpeg, cv2.IMREAD_REDUCED_GRAYSCALE_2),
        "motion gate": lambda: gate.should_process(still, 1),
        "emotion of a face, scores as probabilities": lambda: model.infer(face),
        "of this, the network alone": model._net._net._it.invoke,  # nothing public is so bare
    }
    times: dict[str, list[float]] = {what: [] for what in steps}
    for _ in range(args.turns):
        for what, step in steps.items():
            began = time.process_time()
            for _ in range(EACH):
                step()
            times[what].append((time.process_time() - began) / EACH * 1e6)
    rows = [{"what": what, "us": statistics.median(t)} for what, t in times.items()]
    publish("parts", "Single steps", COLUMNS, rows, ["CPU time, one thread, in turns."])


if __name__ == "__main__":
    main()
