"""Starts broker, devices, dashboard and browser, and measures the page's frames."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from benchmarks.common import publish
from benchmarks.dashboard.page import visit
from benchmarks.mosquitto import Mosquitto

SCROLL = 600.0  # pixels a second: somebody looks through the devices
WINDOW = {"width": 1280, "height": 900}
COLUMNS = [
    ("view", "view"),
    ("doing", "the page"),
    ("fps", "frames a second"),
    ("median_ms", "frame, median ms"),
    ("p99_ms", "99 %"),
    ("longest_ms", "longest"),
    ("late", "fraction late"),
    ("long_tasks", "tasks over 50 ms"),
    ("longest_task_ms", "longest, ms"),
    ("tasks_ms", "main thread, ms a second"),
    ("script_ms", "script"),
    ("style_ms", "style"),
    ("layout_ms", "layout"),
    ("elements", "elements"),
]


def measure(devices: int, rate: float, seconds: float) -> list[dict[str, Any]]:
    """Return a row for each view, standing and moving.

    Args:
        devices: that speak.
        rate: states a device a second.
        seconds: measured for each row.

    Raises:
        SystemExit: Chromium, Playwright or Mosquitto is missing.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("chromium is not installed (apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as e:
        raise SystemExit("playwright is not installed (pip install playwright)") from e
    rows = []
    with tempfile.TemporaryDirectory(prefix="dashboard-") as folder, contextlib.ExitStack() as own:
        broker = Mosquitto(Path(folder))
        own.callback(broker.kill)
        broker.start()
        speaking = [sys.executable, "-m", "benchmarks.dashboard.devices"]
        own.enter_context(started([*speaking, str(broker.port), str(devices), str(rate)], "online"))
        url = own.enter_context(
            started(
                [sys.executable, "-m", "edge", "dashboard", "--host", "127.0.0.1",
                 "--port", str(broker.port), "--listen", "127.0.0.1:0"], r"(http://\S+)",
            )
        )  # fmt: skip
        browser = own.enter_context(sync_playwright()).chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        own.callback(browser.close)
        for view in ("table", "cards"):
            for doing, speed in (("stands", 0.0), ("moves", SCROLL)):
                page = browser.new_page(viewport=WINDOW)
                row = visit(page, url, devices, view, speed, seconds)
                rows.append({"view": view, "doing": doing, **row})
                page.close()
    return rows


@contextlib.contextmanager
def started(command: Sequence[str], said: str) -> Iterator[str]:
    """Run a program for the length of a `with`; gives what of its output matches `said`."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("EMOTION_EDGE_")}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield _heard(process.stdout, said)
    finally:
        process.stdin.close()
        process.terminate()
        process.wait()
        process.stdout.close()


def _heard(lines: IO[str], said: str) -> str:
    for line in lines:
        if found := re.search(said, line):
            return found[0]
    raise SystemExit(f"ended without saying {said!r}")


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    p.add_argument("--devices", type=int, default=500)
    p.add_argument("--rate", type=float, default=1.0, help="states a device a second")
    p.add_argument("--seconds", type=float, default=20.0, help="measured for each row")
    args = p.parse_args(argv)
    publish(
        "dashboard",
        f"The dashboard with {args.devices} devices in Chromium",
        COLUMNS,
        measure(args.devices, args.rate, args.seconds),
        [
            f"{args.devices} simulated devices on a real Mosquitto, each with {args.rate:g} states "
            "a second and the health of the default configuration; the real `emotion-edge "
            f"dashboard`; headless Chromium without a GPU, {WINDOW['width']}x{WINDOW['height']}.",
            "Frames are those of requestAnimationFrame, 16.7 ms apart at best; late is one that "
            f"took more than half as long again. A page that moves is scrolled by {SCROLL:g} "
            "pixels a second.",
            "Broker, devices, dashboard and browser share the machine.",
        ],
        devices=args.devices,
        rate=args.rate,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
