"""What the benchmarks share: the machine's name, clips as MJPEG, results as JSON and a table."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FPS = 30.0  # frames a second of the clips
JPEG_QUALITY = 85  # about what USB cameras send: 30 to 50 kB a frame of 640x480


def data_folder() -> Path:
    """Return the folder of clips and models that is not part of the project.

    Raises:
        SystemExit: there is none.
    """
    named = os.environ.get("EMOTION_EDGE_DATA", "")
    if not named or not Path(named).is_dir():
        raise SystemExit(f"EMOTION_EDGE_DATA: got {named!r}; allowed: a folder of clips and models")
    return Path(named)


def mjpeg(clip: Path, frames: int) -> list[bytes]:
    """Return `frames` JPEGs of a clip, forwards and backwards in turn, so that nothing jumps."""
    video = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)
    once = []
    while len(once) < frames:
        ok, picture = video.read()
        if not ok:
            break
        once.append(
            cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        )
    video.release()
    if not once:
        raise SystemExit(f"{clip}: no frames")
    there_and_back = once + once[-2:0:-1]
    return [there_and_back[i % len(there_and_back)] for i in range(frames)]


def save_frames(path: Path, frames: Sequence[bytes]) -> None:
    """Write JPEGs end to end, with their offsets."""
    offsets = np.cumsum([0, *(len(f) for f in frames)])
    np.savez(path, jpeg=np.frombuffer(b"".join(frames), np.uint8), offsets=offsets)


def load_frames(path: Path) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return what `save_frames` wrote, each as a buffer of bytes."""
    with np.load(path) as held:
        jpeg, offsets = held["jpeg"], held["offsets"]
    return [jpeg[a:b] for a, b in itertools.pairwise(offsets)]


def peak_mb() -> float:
    """Return the most memory this process ever had resident, in 10^6 bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    raise SystemExit("/proc/self/status has no VmHWM")


def priority() -> str:
    """Return how the scheduler treats this process and what it starts, on which cores."""
    policies = {os.SCHED_OTHER: "normal", os.SCHED_BATCH: "batch", os.SCHED_IDLE: "idle"}
    policy = policies.get(os.sched_getscheduler(0), "real-time")
    return f"{policy} priority, nice {os.nice(0)}, {len(os.sched_getaffinity(0))} core(s)"


def publish(
    name: str,
    title: str,
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
    **more: Any,
) -> None:
    """Write `results/NAME.json` and `results/NAME.md`, and print the table.

    Args:
        name: of the files.
        title: first line of the table's page.
        columns: (key of a row, head of its column).
        rows: what was measured.
        notes: what one must know to read the table.
        more: goes into the JSON file.
    """
    from edge.tools.bench import (
        machine,  # here: contenders have an environment without edge's packages
    )

    RESULTS.mkdir(exist_ok=True)
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    load = os.getloadavg()[0]
    run = {"machine": machine(), "date": when, "load_average": load, "priority": priority()}
    found = {**run, **more, "rows": list(rows)}
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    how = f"{machine()}; {when}; {priority()}; load average {load:.1f} at the end."
    lines = [f"# {title}", "", how, ""]
    lines += [f"| {' | '.join(head for _, head in columns)} |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append(f"| {' | '.join(_cell(row.get(key)) for key, _ in columns)} |")
    lines += ["", *(f"- {note}" for note in notes)]
    text = "\n".join(lines) + "\n"
    (RESULTS / f"{name}.md").write_text(text)
    print(text)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return str(value).replace("|", "\\|")
