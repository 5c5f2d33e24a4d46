"""`python -m benchmarks.pi`: an estimate for a Raspberry Pi, from recorded instruction counts."""

from __future__ import annotations

from typing import Any

from benchmarks.common import publish
from benchmarks.cost import baseline

# Factor on instructions counted on x86-64 with AVX2, low and high: SIMD registers of 128 instead of
# 256 bits double what is vectorised, and leave Python's share as it is. An assumption.
NARROWER = (1.2, 1.8)
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
    ("instructions", "million instructions a frame, x86-64"),
    ("ms", "ms a frame"),
    ("share", "share of one core at 30 frames/s"),
)


def main() -> None:
    rows: list[dict[str, Any]] = []
    for detector, count in baseline()["instructions_a_frame"].items():
        for board, (ghz, low, high) in BOARDS.items():
            best = count * NARROWER[0] / (ghz * 1e6 * high)
            worst = count * NARROWER[1] / (ghz * 1e6 * low)
            row = {"board": board, "what": f"detector {detector}", "instructions": count / 1e6}
            row["ms"] = f"{best:.1f} to {worst:.1f}"
            rows.append({**row, "share": f"{best * 3:.0f} to {worst * 3:.0f} %"})
    boards = "; ".join(f"{b}: {g:g} GHz, {lo} to {hi}" for b, (g, lo, hi) in BOARDS.items())
    publish(
        "pi",
        "An estimate for a Raspberry Pi",
        COLUMNS,
        rows,
        [
            "Nothing here was measured on a Pi, and no arm64 code was counted. The instructions "
            "are those of benchmarks/cost: 640x480 MJPEG, one face, counted on x86-64 with AVX2.",
            f"They are multiplied by {NARROWER[0]} to {NARROWER[1]} for SIMD registers of half the "
            "width, and divided by clock and instructions a cycle, both ranges assumed: "
            f"{boards}. Slow memory makes it worse; the kernel and the camera's driver come on "
            "top.",
        ],
    )


if __name__ == "__main__":
    main()
