"""What a measurement found, for people and programs, and which setting to change."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from edge.config import Config


class Spread(Struct, frozen=True):
    """Milliseconds of elapsed time."""

    median: float
    p95: float
    p99: float


class StageCost(Struct, frozen=True):
    """What one stage took."""

    name: str
    calls: int
    ms: Spread  # a call
    cpu_ms: float  # a frame: processor time, calls or not


class Report(Struct, frozen=True):
    """What `bench` found."""

    machine: str
    source: str
    detector: str
    frames: int
    faces: float  # mean, in view
    fps: float  # of the camera or the recording
    frames_per_s: float  # as fast as it went
    cpu_ms: float  # a frame, the whole process
    cpu_share: float  # of one core, at the camera's rate
    latency_ms: Spread  # exposure to publisher; of a file: from its decoded frame
    memory_mb: float | None
    temperature_c: float | None
    throttled: bool | None
    dropped: int
    stages: list[StageCost]
    advice: list[str]


def spread(values: Sequence[float]) -> Spread:
    """Return median, 95th and 99th percentile (the nearest of the values); zeros for none."""
    ordered = sorted(values) or [0.0]
    at = [ordered[math.ceil(q * len(ordered)) - 1] for q in (0.5, 0.95, 0.99)]
    return Spread(*(round(v, 3) for v in at))


def advise(
    config: Config,
    stages: Sequence[StageCost],
    load: float,
    latency_frames: float,
    *,
    throttled: bool,
) -> list[str]:
    """Return which settings to change, the most useful first.

    Args:
        config: effective configuration.
        stages: what each took.
        load: fraction of one core that was used, at the camera's rate.
        latency_frames: 95th percentile of the latency, in intervals between frames.
        throttled: the firmware holds the processor back.
    """
    out = []
    if throttled:
        out.append("the processor is held back: check power supply and cooling before anything")
    if load > config.budget.cpu or latency_frames > 2:
        dearest = max(stages, key=lambda s: s.cpu_ms)
        saved = dearest.cpu_ms / max(sum(s.cpu_ms for s in stages), 1e-9)
        out.append(f"{dearest.name} takes {saved:.0%}: {_setting(config, dearest.name)}")
    if load > config.budget.cpu:
        out.append(
            f"budget.cpu is {config.budget.cpu:g} and {load:.2f} is used: the daemon will slow "
            "detecting and scoring down; raise it to keep the rates"
        )
    return out or ["within the budget: nothing needs to change"]


def _setting(config: Config, stage: str) -> str:
    if stage == "detect" and config.detect.name == "haar":
        return "set detect.name to face (or yunet), which is faster and finds more"
    if stage == "detect":
        return f"lower detect.rate ({config.detect.rate:g}) or detect.width ({config.detect.width})"
    if stage == "state":
        return f"lower {'state.rate' if config.state.enabled else 'classify.check_rate'}"
    if stage == "classify":
        return (
            f"lower classify.rate ({config.classify.rate:g}) or classify.max_faces "
            f"({config.classify.max_faces}), or use a smaller classify.model"
        )
    if stage == "camera":
        return (
            f"lower camera.width and camera.height ({config.camera.width}x{config.camera.height}) "
            f"or camera.fps ({config.camera.fps:g}); a source of raw luma needs no decoding"
        )
    return f"lower camera.fps ({config.camera.fps:g})"


def table(r: Report) -> str:
    """Return the report for people."""
    lines = [
        f"{r.machine}",
        f"{r.source}; detector {r.detector}; {r.frames} frames, {r.faces:.1f} faces in view",
        "",
        f"{'stage':<10} {'calls':>6} {'median':>8} {'p95':>8} {'p99':>8}   cpu/frame",
    ]
    total = sum(s.cpu_ms for s in r.stages)
    for s in r.stages:
        bar = "█" * round(24 * s.cpu_ms / max(total, 1e-9))
        times = (
            f"{s.ms.median:8.2f} {s.ms.p95:8.2f} {s.ms.p99:8.2f}" if s.calls else f"{'-':>8} " * 3
        )
        lines.append(
            f"{s.name:<10} {s.calls or '-':>6} {times.rstrip():<26} {s.cpu_ms:8.3f}  {bar}"
        )
    latency = r.latency_ms
    lines += [
        "(milliseconds)",
        "",
        f"processor   {r.cpu_ms:.2f} ms a frame: {r.cpu_share:.1%} of one core at {r.fps:.3g}/s",
        f"speed       {r.frames_per_s:.0f} frames/s here and now, {r.dropped} dropped",
        f"latency     median {latency.median:.1f} ms, p95 {latency.p95:.1f}, p99 {latency.p99:.1f}",
        f"memory      {known(r.memory_mb, ' MB')}",
        f"temperature {known(r.temperature_c, ' °C')}, throttled: {known(r.throttled, '')}",
        "",
        *(f"-> {line}" for line in r.advice),
    ]
    return "\n".join(lines)


def known(value: float | bool | None, unit: str) -> str:
    """Return a figure of the device in words, such as its temperature and `unit`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not known here" if value is None else f"{value:g}{unit}"
