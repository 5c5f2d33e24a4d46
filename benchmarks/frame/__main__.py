"""`python -m benchmarks.frame`: where the time of a frame goes, as a table and a picture."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from benchmarks.common import FPS, ROOT, data_folder, mjpeg, publish
from benchmarks.versus.loops import OurLoop
from edge.errors import EdgeError
from edge.tools.bench import STAGES, Samples, Timed

PICTURE = ROOT / "docs" / "pictures" / "frame-cost.png"
WARM_UP = 30  # frames
NAMES = ("decode", *(name for _, _, name in STAGES), "loop")
COLUMNS = (("detector", "detector"), *((n, f"{n}, ms") for n in NAMES), ("total", "total, ms"))


class MeasuredLoop(OurLoop):
    """Our loop with every stage timed; `decode` is the camera."""

    def frames(self) -> Iterator[Any]:
        self.samples = {name: Samples() for name in NAMES}
        for attribute, method, name in STAGES:
            stage = getattr(self.pipeline, attribute)
            setattr(self.pipeline, attribute, Timed(stage, method, self.samples[name]))
        frames = super().frames()
        take = self.samples["decode"].timed(lambda: next(frames, None))
        began = 0.0
        for n in range(len(self)):
            if n == WARM_UP:
                for s in self.samples.values():
                    s.cpu = 0
                began = time.thread_time()
            yield take()
        counted = len(self) - WARM_UP
        self.ms = {name: s.cpu / 1e6 / counted for name, s in self.samples.items()}
        total = (time.thread_time() - began) * 1e3 / counted
        self.ms["loop"] = total - sum(self.ms.values())
        self.ms["total"] = total


def draw(rows: list[dict[str, Any]]) -> None:
    """Write the picture: a bar for each detector, a colour for each stage."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(9, 1.4 + 0.7 * len(rows)), layout="constrained")
    colours = plt.get_cmap("tab10")
    left = np.zeros(len(rows))
    labels = [r["detector"] for r in rows]
    for i, name in enumerate(NAMES):
        widths = np.array([r[name] for r in rows])
        axis.barh(labels, widths, left=left, color=colours(i % 10), label=name)
        left += widths
    for y, total in enumerate(left):
        axis.text(
            total, y, f" {total:.2f} ms, {total * FPS / 10:.1f} % of a core at 30/s", va="center"
        )
    axis.set_xlim(0, float(left.max()) * 1.6)
    axis.set_xlabel("CPU milliseconds a frame, 640x480 MJPEG, one face")
    axis.set_title("Where the time of a frame goes")
    axis.legend(ncols=len(NAMES), loc="upper center", bbox_to_anchor=(0.5, -0.25), fontsize=8)
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frame", description=__doc__)
    parser.add_argument("--frames", type=int, default=600, help="to measure (default: 600)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    data = data_folder()
    jpegs = mjpeg(data / "clips" / "sorry.mkv", args.frames + WARM_UP)
    frames = [np.frombuffer(j, np.uint8) for j in jpegs]
    rows = []
    for detector in ("haar", "yunet", "face"):
        try:
            loop = MeasuredLoop(data, detector, frames)
        except EdgeError as e:
            print(f"{detector}: {e}", file=sys.stderr)
            continue
        loop.run()
        rows.append({"detector": detector, **loop.ms})
    draw(rows)
    publish(
        "frame",
        "Where the time of a frame goes",
        COLUMNS,
        rows,
        ["CPU time of the loop's thread, `sorry` there and back, one face, nothing published."],
        picture=str(PICTURE.relative_to(ROOT)),
    )


if __name__ == "__main__":
    main()
