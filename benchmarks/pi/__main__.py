"""`python -m benchmarks.pi`: an estimate for a Raspberry Pi, from recorded instruction counts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.common import publish
from benchmarks.cost import FEW, MANY, baseline

RECORDED = Path(__file__).with_name("arm64.json")
# Board: (gigahertz, instructions a cycle: low, high). The range is assumed: the A72 dispatches
# three a cycle and the A53 issues two (Arm's software optimisation guides); code of this kind, half
# Python and half SIMD over pictures, reaches a third to a half of that.
BOARDS = {
    "Raspberry Pi 4 (Cortex-A72)": (1.8, 1.0, 1.5),
    "Raspberry Pi 3B+ (Cortex-A53)": (1.4, 0.6, 1.0),
    "Raspberry Pi Zero 2 W (Cortex-A53)": (1.0, 0.6, 1.0),
}
COLUMNS = (
    ("board", "board"),
    ("what", "pipeline"),
    ("instructions", "million instructions a frame, arm64"),
    ("x86", "the same, x86-64"),
    ("ms", "ms a frame"),
    ("share", "share of one core at 30 frames/s"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pi", description=__doc__)
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="what scripts/arm64 counted")
    args = parser.parse_args()
    if args.record:
        record(args.record)
    recorded = json.loads(RECORDED.read_text())
    rows: list[dict[str, Any]] = []
    for detector, count in recorded["instructions_a_frame"].items():
        x86 = baseline()["instructions_a_frame"][detector]
        for board, (ghz, low, high) in BOARDS.items():
            best, worst = (count / (ghz * 1e6 * rate) for rate in (high, low))
            row = {"board": board, "what": f"detector {detector}", "instructions": count / 1e6}
            row |= {"x86": x86 / 1e6, "ms": f"{best:.1f} to {worst:.1f}"}
            rows.append({**row, "share": f"{best * 3:.0f} to {worst * 3:.0f} %"})
    boards = "; ".join(f"{b}: {g:g} GHz, {lo} to {hi}" for b, (g, lo, hi) in BOARDS.items())
    publish(
        "pi",
        "An estimate for a Raspberry Pi",
        COLUMNS,
        rows,
        [
            "Nothing here was measured on a Pi. The instructions are those of benchmarks/cost "
            "(640x480 MJPEG, one face), counted by `scripts/arm64 --count`: the arm64 wheels "
            f"under QEMU's emulation of a Cortex-A72, {recorded['runtime']}.",
            "They are divided by clock and instructions a cycle, the latter a range that is "
            f"assumed: {boards}. Slow memory makes it worse; the kernel and the camera's driver "
            "come on top.",
        ],
    )


def record(folder: Path) -> None:
    """Keep what `count.c` said in two runs for each detector, files count-DETECTOR-FRAMES."""

    def counted(detector: str, frames: int) -> int:
        # A model is tried in a child first, which says its own count before.
        last = (folder / f"count-{detector}-{frames}").read_text().splitlines()[-1]
        return int(last.removeprefix("instructions: "))

    found = {
        detector: round((counted(detector, MANY) - counted(detector, FEW)) / (MANY - FEW))
        for detector in baseline()["instructions_a_frame"]
    }
    runtime = (folder / "runtime").read_text().strip()
    kept = {"runtime": runtime, "instructions_a_frame": found}
    RECORDED.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
