"""Counts what the loop does, says how the device is, and feeds the watchdog by progress only."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Sequence

from edge import host
from edge.clock import rfc3339
from edge.config_publish import Output
from edge.contract import Health
from edge.messages import CameraLost, CameraSilent, Estimate, Frame, Reason, Status
from edge.problems import Problem
from edge.stages import Camera, Clock, Publisher

LATENCIES = 256  # frames over which the median latency is taken: eight seconds at 30 frames/s
PROBLEMS_S = 1.0  # s between two looks at what is wrong with the publisher
MAX_LATENCY_S = 60.0  # a frame's time beyond this is not this clock's: a replayed file


class HealthMonitor:
    """Told by the loop of every frame; publishes `health` every `interval_s`."""

    def __init__(
        self,
        camera: Camera,
        publisher: Publisher,
        clock: Clock,
        interval_s: float,
        progress: Callable[[float], None] = lambda _t: None,
        on_status: Callable[[str], None] = lambda _s: None,
        rate_scale: Callable[[], float] = lambda: 1.0,
        on_problems: Callable[[Sequence[str]], None] = lambda _p: None,
    ) -> None:
        """Watch `camera` and `publisher`.

        Args:
            camera: its counts are published.
            publisher: takes the messages.
            clock: for time stamps and uptime.
            interval_s: seconds between two messages.
            progress: called with the time whenever there was progress: the watchdog.
            on_status: called with a line when the state changes: the service manager's status.
            rate_scale: fraction of the configured rates that the budget leaves.
            on_problems: called with the problems, every `PROBLEMS_S` at most.
        """
        self._camera = camera
        self._publisher = publisher
        self._clock = clock
        self._interval_s = interval_s
        self._progress = progress
        self._on_status = on_status
        self._rate_scale = rate_scale
        self._on_problems = on_problems
        self._look = clock.now()
        self._started = self._since = clock.now()
        self._next = self._started  # the first frame publishes: operators want to see a start
        self._status: Status | None = None
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self.frames = 0
        self._frames_since = 0
        self._busy_s = 0.0
        self._faces = 0
        self._reasons: set[str] = set()
        self._reload_problems: Sequence[Problem] = ()

    def configure(self, output: Output) -> None:
        """Go on by other settings; the next message comes at once."""
        self._interval_s = output.health_s
        self._next = min(self._next, self._clock.now())

    def reloaded(self, problems: Sequence[Problem]) -> None:
        """Tell from now on what the last reload left wrong; the next message comes at once."""
        self._reload_problems = problems
        self._look = self._next = min(self._next, self._clock.now())

    def frame_done(
        self, frame: Frame, *, busy_s: float, latency_s: float, estimates: Sequence[Estimate]
    ) -> None:
        """Count a frame that went all the way through."""
        self.frames += 1
        self._frames_since += 1
        self._busy_s += busy_s
        if 0 <= latency_s < MAX_LATENCY_S:
            self._latencies.append(latency_s)
        living = [e for e in estimates if not e.track.still]  # a poster in view is no trouble
        self._faces = len(living)
        told = {e.reason for e in living if e.reason is not None}
        self._reasons.update(told - {Reason.EMOTION_OFF})  # as it is meant to be
        self._become(Status.RUNNING, "running")
        self._tick(frame.t)

    def camera_lost(self, lost: CameraLost) -> None:
        """Count that the camera is known to be away and is being retried: that is progress too."""
        self._faces = 0
        self._become(Status.CAMERA_LOST, f"camera lost: {lost.why}")
        self._tick(lost.t)

    def camera_silent(self, silent: CameraSilent) -> None:
        """Note that no frame has come for a while, which is borne: the loop does not hang."""
        self._tick(silent.t)

    def paused(self, t: float) -> None:
        """Count a frame that was not processed, on request."""
        self._faces = 0
        self._become(Status.PAUSED, "paused on request")
        self._tick(t)

    def _become(self, status: Status, line: str) -> None:
        if status != self._status:
            self._status = status
            self._on_status(line)
            self._next = min(self._next, self._clock.now())  # say so at once

    def _tick(self, t: float) -> None:
        now = self._clock.now()
        if now >= self._look:
            self._on_problems([*self._publisher.stats().problems, *self._reload_problems])
            self._look = now + PROBLEMS_S
        if now >= self._next:
            self._publisher.health(self.message(now))
            self._next = now + self._interval_s
            self._since, self._frames_since, self._busy_s = now, 0, 0.0
            self._reasons.clear()
        self._progress(now)

    def message(self, now: float) -> Health:
        """Return how the device is, over the time since the last message."""
        span = max(now - self._since, 1e-9)
        camera, outbox = self._camera.stats(), self._publisher.stats()
        throttled = host.throttled()
        reasons = sorted(str(r) for r in self._reasons)
        if self._status in (Status.CAMERA_LOST, Status.PAUSED):
            reasons.append(self._status)
        reasons += [*outbox.problems, *self._reload_problems]
        reasons += [Problem.THROTTLED] if throttled else []
        return Health(
            time=rfc3339(self._clock.wall()),
            uptime_s=round(now - self._started, 3),
            status=self._status or Status.RUNNING,
            reasons=reasons,
            fps=round(self._frames_since / span, 2) if self._frames_since > 1 else 0.0,
            busy=round(self._busy_s / span, 4) if self._frames_since > 1 else 0.0,
            pace=round(self._rate_scale(), 3),
            latency_ms=round(statistics.median(self._latencies) * 1e3, 2) if self._latencies else 0,
            frames=self.frames,
            dropped=camera.dropped,
            camera_reopened=camera.reopened,
            faces=self._faces,
            outbox_depth=outbox.depth,
            outbox_lost=outbox.lost,
            outbox_oldest_s=round(outbox.oldest_s, 1),
            refused=outbox.refused,
            memory_mb=host.memory_mb(),
            temperature_c=host.temperature_c(),
            throttled=throttled,
        )
