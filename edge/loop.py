"""The way of a frame, on one screen."""

from __future__ import annotations

from collections.abc import Callable

from edge.health import HealthMonitor
from edge.messages import CameraLost, CameraSilent, Estimate, Frame, Reason, Status
from edge.pipeline import Pipeline
from edge.stages import Clock, Control


def run(
    p: Pipeline,
    clock: Clock,
    control: Control,
    health: HealthMonitor,
    between_frames: Callable[[], None] = lambda: None,
) -> None:
    """Carry frames from the camera to the broker until `control.stopping` or the source ends.

    `between_frames` is called after each frame, in this thread: there, settings may change.
    """
    estimates: tuple[Estimate, ...] = ()
    for frame in p.camera.frames():
        if control.stopping:
            return
        if isinstance(frame, CameraLost):
            estimates = _lose_sight(p, frame.t, Reason.CAMERA_LOST, Status.CAMERA_LOST)
            health.camera_lost(frame)
        elif control.paused:
            estimates = _lose_sight(p, frame.t, Reason.PAUSED, Status.PAUSED)
            health.paused(frame.t)
        elif isinstance(frame, CameraSilent):
            health.camera_silent(frame)
        else:
            began = clock.now()
            if p.motion.should_process(frame, len(estimates)):
                estimates = _process(p, frame)
            for observer in p.observers:
                observer.frame(frame, estimates)
            ended = clock.now()
            # Else only a camera known to be silent or away feeds the watchdog.
            health.frame_done(
                frame, busy_s=ended - began, latency_s=ended - frame.t, estimates=estimates
            )
        p.budget.update(clock.now())
        between_frames()


def _process(p: Pipeline, frame: Frame) -> tuple[Estimate, ...]:
    due = p.detect_limiter.due(frame.t, p.tracker.demand())
    faces = p.detector.detect(frame.luma) if due else None
    tracks = p.stillness.update(frame, p.tracker.update(frame, faces))
    if p.state is not None:
        tracks = p.state.update(frame, tracks)
    scores = p.baseline.update(frame.t, tracks, p.classifier.classify(frame, tracks))
    estimates = p.smoother.update(frame.t, tracks, scores)
    for judge in p.judges:
        estimates = judge.update(frame.t, estimates)
    for event in p.rules.update(frame.t, estimates):
        p.publisher.publish(event)
    p.publisher.state(frame.t, p.rules.announced(estimates), Status.RUNNING)
    return estimates


def _lose_sight(p: Pipeline, t: float, reason: Reason, status: Status) -> tuple[()]:
    p.motion.reset()
    p.tracker.reset()
    p.stillness.reset()
    for event in p.rules.lose_sight(t, reason):
        p.publisher.publish(event)
    p.publisher.state(t, (), status)
    return ()
