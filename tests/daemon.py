"""The real daemon as a child process, watching the demo clip."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import edge
from tests.waiting import PATIENCE_S

# `convert`, when a test has imported it, bounds the pictures that OpenCV reads by a variable.
OURS = ("EMOTION_EDGE_", "OPENCV_")
CLIP = Path(edge.__file__).parent / "demo" / "astronaut.mp4"


@contextlib.contextmanager
def daemon(
    port: int, log: Path, *, events: Path | None = None, **more: object
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `emotion-edge run` on the clip, over and over; `mqtt__base="x"` sets mqtt.base.

    `log` is for standard error; `events` for standard output, which is else the test's.
    """
    keys: dict[str, object] = {
        "camera.source": CLIP,
        "camera.loop": "true",
        "mqtt.host": "127.0.0.1",
        "mqtt.port": port,
        "device.name": "kiosk",
        "outbox.path": "memory",
        "output.health_s": 1,
        **{k.replace("__", "."): v for k, v in more.items()},
    }
    sets = [word for k, v in keys.items() for word in ("--set", f"{k}={v}")]
    env = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    with contextlib.ExitStack() as files:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", *sets],
            stdout=files.enter_context(events.open("wb")) if events else None,
            stderr=files.enter_context(log.open("wb")),
            env=env,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            finally:
                process.kill()
