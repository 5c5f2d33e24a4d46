"""`python -m benchmarks.versus`: the same frames through what people use, and through ours."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.common import FPS, RESULTS, ROOT, data_folder, mjpeg, publish, save_frames
from edge.tools.bench import machine

CLIPS = ("sorry", "yes", "bird", "walk")
# Contender: (what it is, option that names its interpreter).
CONTENDERS = {
    "classic-keras": ("classic loop: full-size Haar, Keras predict, mode of ten", "workshop"),
    "classic-tflite": ("the same with TFLite float", None),
    "fer": ("fer, its defaults", "fer"),
    "deepface": ("deepface, its defaults", "deepface"),
    "mediapipe": ("MediaPipe face detection, no emotions", "mediapipe"),
    "yunet-alone": ("YuNet in every frame, no emotions", None),
    "ours-haar": ("emotion-edge, detector haar", None),
    "ours-yunet": ("emotion-edge, detector yunet", None),
    "ours-face": ("emotion-edge, detector face", None),
}
COLUMNS = (
    ("what", "loop"),
    ("frames_per_cpu_s", "frames a CPU second"),
    ("cpu_ms", "CPU ms a frame"),
    ("times", "times the classic loop"),
    ("peak_mb", "peak MB"),
    ("start_s", "start, s"),
    ("start_cpu_s", "start, CPU s"),
    *((f"found_{c}", f"found, {c}") for c in CLIPS),
    ("switches", "label switches a minute"),
    ("measured", "measured"),
    ("why", "could not run because"),
)


def run(python: str, name: str, frames: Path, data: Path, work: Path) -> dict[str, Any]:
    """Return what a contender says of one clip, or `why` it could not run."""
    arguments = [name, str(frames), str(data), str(work), str(time.time())]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            [python, "-m", "benchmarks.versus.contender", *arguments],
            capture_output=True,
            text=True,
            timeout=900,
            cwd=ROOT,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        return {"why": str(e)[:160]}
    if done.returncode:
        said = [x for x in done.stderr.strip().splitlines() if x.strip()]
        return {"why": said[-1].strip()[:160] if said else f"status {done.returncode}"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def summed(what: str, clips: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a row of the table."""
    failed = [c["why"] for c in clips.values() if "why" in c]
    if failed:
        return {"what": what, "why": failed[0]}
    frames = sum(c["frames"] for c in clips.values())
    cpu_s = sum(c["cpu_s"] for c in clips.values())
    return {
        "what": what,
        "frames_per_cpu_s": frames / cpu_s,
        "cpu_ms": cpu_s / frames * 1e3,
        "peak_mb": max(c["peak_mb"] for c in clips.values()),
        "start_s": min(c["start_s"] for c in clips.values()),
        "start_cpu_s": min(c["start_cpu_s"] for c in clips.values()),
        "switches": sum(c["switches"] for c in clips.values()) / (frames / FPS) * 60,
        **{f"found_{name}": round(c["found"] / c["frames"], 2) for name, c in clips.items()},
    }


def kept(again: Sequence[str], seconds: float, where: str, path: Path) -> list[dict[str, Any]]:
    """Return the rows of the last results that are not measured again, each with its own date.

    Rows of other clips or another machine are not comparable and are dropped.

    Args:
        again: names of the contenders that are.
        seconds: of each clip.
        where: the machine of this run.
        path: the last results.
    """
    last = json.loads(path.read_text()) if path.is_file() else {}
    same = last.get("seconds") == seconds and last.get("machine") == where
    rows = last["rows"] if same else []
    return [{"measured": last["date"], **row} for row in rows if row["name"] not in again]


def compared(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in their order, with `times` where the classic loop ran on the same day."""
    out = sorted(rows, key=lambda row: list(CONTENDERS).index(row["name"]))
    classic = next((r for r in out if r["name"] == "classic-keras" and "cpu_ms" in r), None)
    for row in out:
        row.pop("times", None)
        if classic and "cpu_ms" in row and row["measured"] == classic["measured"]:
            row["times"] = classic["cpu_ms"] / row["cpu_ms"]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each clip (default: 8)")
    parser.add_argument(
        "--only",
        nargs="*",
        choices=CONTENDERS,
        default=list(CONTENDERS),
        help="the others keep their last results",
    )
    for name in ("workshop", "fer", "deepface", "mediapipe"):
        parser.add_argument(
            f"--{name}", default=sys.executable, metavar="PYTHON", help="interpreter that has it"
        )
    args = parser.parse_args()
    data = data_folder()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for clip in CLIPS:
            frames = mjpeg(data / "clips" / f"{clip}.mkv", round(args.seconds * FPS))
            save_frames(work / f"{clip}.npz", frames)
        if "classic-tflite" in args.only:
            run(args.workshop, "convert", work / "none", data, work)
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        rows = kept(args.only, args.seconds, machine(), RESULTS / "versus.json")
        for name in args.only:
            what, option = CONTENDERS[name]
            python = getattr(args, option) if option else sys.executable
            clips: dict[str, dict[str, Any]] = {}
            for clip in CLIPS:
                clips[clip] = run(python, name, work / f"{clip}.npz", data, work)
                if "why" in clips[clip]:
                    break
            rows.append({"name": name, **summed(what, clips), "measured": today})
            print(rows[-1], file=sys.stderr, flush=True)
    publish(
        "versus",
        "The same frames through what people use instead",
        COLUMNS,
        compared(rows),
        [
            f"640x480 MJPEG of {', '.join(CLIPS)}, {args.seconds:g} s each at 30 frames/s, there "
            "and back; every loop gets every frame, decodes it itself and is one process.",
            "CPU time is that of all threads of the process. The first second of a clip is not "
            "counted: lazy loading, and ours waits for three detections before it says a face is "
            "there.",
            "Start is from the process's start to its first answer.",
            "Measured: the day of that row. `times the classic loop` is given where both ran on "
            "one day.",
            "Found: share of frames with a face; each has one. Label switches: of the label shown.",
        ],
        seconds=args.seconds,
    )


if __name__ == "__main__":
    main()
