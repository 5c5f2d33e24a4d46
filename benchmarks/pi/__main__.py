"""`python -m benchmarks.pi`: an estimate for a Raspberry Pi, from arm64 code under emulation."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, publish

FEW, MANY = 10, 25  # frames of the two runs; their difference is free of start-up
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
    ("instructions", "million instructions a frame"),
    ("ms", "ms a frame"),
    ("share", "share of one core at 30 frames/s"),
)


def count(args: argparse.Namespace, plugin: Path, detector: str, frames: int) -> int:
    """Return the arm64 instructions of a whole run.

    Raises:
        SystemExit: the run failed; with its last words.
    """
    with tempfile.NamedTemporaryFile("r") as log:
        emulator = [args.qemu, "-cpu", "cortex-a72", "-L", str(args.root), "-plugin", str(plugin)]
        work = ["-m", "benchmarks.cost.work", detector, str(frames), str(MANY)]
        done = subprocess.run(
            [*emulator, "-d", "plugin", "-D", log.name, str(args.root / args.python), *work],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONHOME": str(args.root / "usr"),
                "PYTHONPATH": f"{ROOT}:{args.root / args.packages}",
                "PYTHONHASHSEED": "0",
                "PYTHONDONTWRITEBYTECODE": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
            capture_output=True,
            text=True,
        )
        counted = re.search(r"instructions: (\d+)", Path(log.name).read_text())
    if done.returncode or counted is None:
        raise SystemExit(f"{detector}: {done.stderr.strip()[-800:] or done.returncode}")
    return int(counted[1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pi", description=__doc__)
    parser.add_argument("root", type=Path, help="unpacked arm64 system; see docs/benchmarks.md")
    parser.add_argument("--qemu", default="qemu-aarch64", help="not the static one: it has plugins")
    parser.add_argument("--python", default="usr/bin/python3.11", help="in the root")
    parser.add_argument("--packages", default="opt/site", help="in the root")
    parser.add_argument("--detectors", nargs="*", default=["haar", "yunet", "face"])
    args = parser.parse_args()
    args.root = args.root.resolve()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        plugin = Path(folder) / "count.so"
        source = Path(__file__).with_name("count.c")
        compiler = ["cc", "-O2", "-shared", "-fPIC", "-o", str(plugin), str(source)]
        subprocess.run(compiler, check=True)
        for detector in args.detectors:
            few, many = (count(args, plugin, detector, n) for n in (FEW, MANY))
            million = (many - few) / (MANY - FEW) / 1e6
            for board, (ghz, low, high) in BOARDS.items():
                best, worst = (million / (ghz * 1e3 * ipc) * 1e3 for ipc in (high, low))
                rows.append(
                    {
                        "board": board,
                        "what": f"detector {detector}",
                        "instructions": million,
                        "ms": f"{best:.1f} to {worst:.1f}",
                        "share": f"{best * 3:.0f} to {worst * 3:.0f} %",
                    }
                )
    publish(
        "pi",
        "An estimate for a Raspberry Pi",
        COLUMNS,
        rows,
        [
            "Not measured on a Pi. Instructions of the arm64 packages were counted under emulation "
            "of a Cortex-A72, on frames of the demo clip with one face, grey MJPEG decoding "
            "included; what the kernel and the camera's driver do is not.",
            "Time is instructions / (clock * instructions a cycle), and the latter is an "
            "assumption: "
            + "; ".join(f"{b}: {g:g} GHz, {lo} to {hi}" for b, (g, lo, hi) in BOARDS.items())
            + ". Slow memory makes it worse than the range.",
        ],
    )


if __name__ == "__main__":
    main()
