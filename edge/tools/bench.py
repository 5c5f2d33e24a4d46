"""Measures the pipeline on the device that has to run it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edge import host
from edge.config import Config
from edge.messages import Estimate, Frame, FromCamera
from edge.pipeline import Pipeline
from edge.stages import Camera, CameraStats, Clock, Control
from edge.tools.bench_report import Report, StageCost, advise, spread

WARM_UP = 10  # frames that are not counted: caches fill, the first face is found
# What of the pipeline is timed, where it is there: (attribute, method, name in the report).
STAGES = (
    ("motion", "should_process", "motion"),
    ("detector", "detect", "detect"),
    ("tracker", "update", "track"),
    ("stillness", "update", "still"),
    ("state", "update", "state"),
    ("classifier", "classify", "classify"),
    ("smoother", "update", "smooth"),
    ("rules", "update", "events"),
    ("publisher", "state", "publish"),
)


class Samples:
    """Times of one stage, in nanoseconds."""

    def __init__(self) -> None:
        self.wall: list[int] = []
        self.cpu = 0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, measuring itself."""

        def measured(*args: Any) -> Any:
            wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
            try:
                return function(*args)
            finally:
                self.cpu += time.thread_time_ns() - cpu
                self.wall.append(time.perf_counter_ns() - wall)

        return measured


class Timed:
    """A stage, one method of which is measured."""

    def __init__(self, stage: Any, method: str, samples: Samples) -> None:
        self._stage = stage
        setattr(self, method, samples.timed(getattr(stage, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)


class Meter:
    """Camera and observer of a pipeline under measurement; stops it when it has enough."""

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        control: Control,
        *,
        live: bool,
        seconds: float,
        patience_s: float,
    ):
        """Measure for `seconds`, with `patience_s` more for a frame that does not come.

        A camera that is not `live` decodes when asked for a frame.
        """
        self._camera = camera
        self._clock = clock
        self._control = control
        self._live = live
        self._seconds = seconds
        self._patience_s = patience_s
        self.samples = {name: Samples() for name in ("camera", *(s[2] for s in STAGES))}
        self._latencies: list[float] = []
        self._count = self._faces = 0
        self._t = self._first_t = self._began = 0.0
        self._cpu = self._thread_cpu = 0.0
        self._given = 0.0

    def attach(self, p: Pipeline) -> None:
        """Put the measuring stages into `p`."""
        for attribute, method, name in STAGES:
            if (stage := getattr(p, attribute)) is not None:
                setattr(p, attribute, Timed(stage, method, self.samples[name]))

    def frames(self) -> Iterator[FromCamera]:
        """Yield the camera's frames until there are enough."""
        frames = iter(self._camera.frames())
        came = self._clock.now()  # s: the last frame, or the start
        take = self.samples["camera"].timed(lambda: next(frames, None))
        while True:
            frame = take()
            if frame is None:
                return
            self._given = self._clock.now()
            yield frame
            if isinstance(frame, Frame):
                self._done(frame)
                came = self._given
            if self._began and self._given - self._began >= self._seconds:
                self._control.stopping = True
            if self._given - came >= self._seconds + self._patience_s:  # it is lost, or not there
                self._control.stopping = True

    def frame(self, _frame: Frame, estimates: Sequence[Estimate], /) -> None:
        """Count the faces in view."""
        self._faces += len(estimates)

    def _done(self, frame: Frame) -> None:
        self._count += 1
        self._t = frame.t
        self._latencies.append(self._clock.now() - (frame.t if self._live else self._given))
        if not self._began and self._count == WARM_UP:
            self._count = self._faces = 0
            self._latencies.clear()
            for samples in self.samples.values():
                samples.wall.clear()
                samples.cpu = 0
            self._first_t, self._began = frame.t, self._clock.now()
            self._cpu, self._thread_cpu = time.process_time(), time.thread_time()

    def stats(self) -> CameraStats:
        """Return the camera's counts."""
        return self._camera.stats()

    def close(self) -> None:
        """Close the camera."""
        self._camera.close()

    def report(self, config: Config) -> Report | None:
        """Return what was found; None: too few frames came."""
        n = self._count
        if n < 2 or self._began == 0.0:
            return None
        cpu_ms = (time.process_time() - self._cpu) * 1e3 / n
        elapsed = self._clock.now() - self._began
        fps = n / max(self._t - self._first_t, 1e-9)
        if self._live:  # decoded in the camera's own thread
            self.samples["camera"].wall.clear()
            loop_ms = (time.thread_time() - self._thread_cpu) * 1e3 / n
            self.samples["camera"].cpu = round((cpu_ms - loop_ms) * n * 1e6)
        stages = [
            StageCost(name, len(s.wall), spread([w / 1e6 for w in s.wall]), s.cpu / 1e6 / n)
            for name, s in self.samples.items()
        ]
        load = cpu_ms * fps / 1e3
        stats = self._camera.stats()
        throttled, latency = host.throttled(), spread([x * 1e3 for x in self._latencies])
        return Report(
            machine=machine(),
            source=stats.description,
            detector=config.detect.name,
            frames=n,
            faces=self._faces / n,
            fps=fps,
            frames_per_s=n / elapsed,
            cpu_ms=cpu_ms,
            cpu_share=load,
            latency_ms=latency,
            memory_mb=host.memory_mb(),
            temperature_c=host.temperature_c(),
            throttled=throttled,
            dropped=stats.dropped,
            stages=stages,
            advice=advise(config, stages, load, latency.p95 / 1e3 * fps, throttled=bool(throttled)),
        )


def machine() -> str:
    """Return the board or processor, its cores and its architecture."""
    try:
        board = Path("/proc/device-tree/model").read_text().strip("\0\n ")
    except OSError:
        board = ""
    name = board or next(
        (
            line.partition(":")[2].strip()
            for line in _lines(Path("/proc/cpuinfo"))
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    return f"{name}, {host.cores()} cores, {platform.machine()}"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
