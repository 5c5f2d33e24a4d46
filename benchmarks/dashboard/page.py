"""One visit to the page: frames as the browser drew them, and what its main thread did."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

FRAME_MS = 1000 / 60
LATE = 1.5  # of a frame's time: the picture stood still for one frame that it should have had
LONG_MS = 50.0  # a long task, by the Long Tasks API of the W3C
FRAMES_LEAST = 10  # drawn before a measurement ends, however long that takes
WARM_S = 2.0  # s at most, before anything is measured
PATIENCE_MS = 300_000

# Deltas of requestAnimationFrame and long tasks for some time and frames, the page moved or not.
WATCH = """([ms, least, speed]) => new Promise((resolve) => {
  const frames = [], tasks = [];
  const observer = new PerformanceObserver((list) => {
    for (const e of list.getEntries()) tasks.push(e.duration);
  });
  observer.observe({ entryTypes: ["longtask"] });
  let first, last, down = 1;
  const frame = (t) => {
    first ??= t;
    if (last !== undefined) frames.push(t - last);
    if (speed) {
      if (scrollY <= 0) down = 1;
      if (scrollY + innerHeight >= document.documentElement.scrollHeight - 1) down = -1;
      scrollBy(0, down * speed * (last === undefined ? 0 : t - last) / 1000);
    }
    last = t;
    if (t - first < ms || frames.length < least) return requestAnimationFrame(frame);
    for (const e of observer.takeRecords()) tasks.push(e.duration);
    observer.disconnect();
    resolve({ frames, tasks });
  };
  requestAnimationFrame(frame);
})"""
SPENT = {
    "script_ms": "ScriptDuration",
    "style_ms": "RecalcStyleDuration",
    "layout_ms": "LayoutDuration",
    "tasks_ms": "TaskDuration",
}


def visit(page: Any, url: str, devices: int, view: str, speed: float, seconds: float) -> Any:
    """Return a row of figures.

    Args:
        page: a fresh page of Playwright's.
        url: of the dashboard.
        devices: that have to be there before it is measured.
        view: `table` or `cards`.
        speed: pixels a second that the page is moved; 0: it stands.
        seconds: to measure.
    """
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.wait_for_function(
        "n => document.getElementById('counts').textContent.startsWith(`${n} online`)", arg=devices
    )
    page.get_by_label("View").select_option(view)
    page.evaluate(WATCH, [1000 * min(seconds, WARM_S), 1, speed])  # built, compiled, cached
    protocol = page.context.new_cdp_session(page)
    protocol.send("Performance.enable")
    before = _metrics(protocol)
    seen = page.evaluate(WATCH, [1000 * seconds, FRAMES_LEAST, speed])
    after = _metrics(protocol)
    took_s = sum(seen["frames"]) / 1000
    spent = {k: 1000 * (after[v] - before[v]) / took_s for k, v in SPENT.items()}
    elements = page.evaluate("document.querySelectorAll('*').length")
    return {**summary(seen["frames"], seen["tasks"]), **spent, "elements": elements}


def summary(frames: Sequence[float], tasks: Sequence[float]) -> dict[str, float | int]:
    """Return figures of frame times and long tasks, both in milliseconds.

    Raises:
        ValueError: fewer than two frames were drawn.
    """
    if len(frames) < 2:
        raise ValueError(f"{len(frames)} frames drawn")
    return {
        "fps": 1000 * len(frames) / sum(frames),
        "median_ms": statistics.median(frames),
        "p99_ms": statistics.quantiles(frames, n=100, method="inclusive")[98],
        "longest_ms": max(frames),
        "late": sum(f > LATE * FRAME_MS for f in frames) / len(frames),
        "long_tasks": sum(t >= LONG_MS for t in tasks),
        "longest_task_ms": max(tasks, default=0.0),
    }


def _metrics(protocol: Any) -> dict[str, float]:
    found = protocol.send("Performance.getMetrics")["metrics"]
    return {m["name"]: m["value"] for m in found}
