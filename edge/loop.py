"""The way of a frame, on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.health import HealthMonitor
from edge.messages import CameraLost, Frame, Mood, Reason
from edge.motion import MotionGate
from edge.rates import BudgetKeeper, Turn
from edge.stages import (
    Camera,
    Classifier,
    Clock,
    Control,
    FaceDetector,
    Observer,
    Publisher,
    Rules,
    Smoother,
    Tracker,
)


@dataclass(slots=True)
class Pipeline:
    """The stages that `build` chose."""

    camera: Camera
    budget: BudgetKeeper
    motion: MotionGate
    detector: FaceDetector
    detect_turn: Turn
    tracker: Tracker
    classifier: Classifier
    smoother: Smoother
    rules: Rules
    publisher: Publisher
    observers: Sequence[Observer] = field(default_factory=tuple)


def run(p: Pipeline, clock: Clock, control: Control, health: HealthMonitor) -> None:
    """Carry frames from the camera to the broker until `control.stopping` or the source ends."""
    moods: tuple[Mood, ...] = ()
    for frame in p.camera.frames():
        if control.stopping:
            return
        if isinstance(frame, CameraLost):
            moods = _blind(p, frame.t, Reason.CAMERA_LOST, "camera_lost")
            health.camera_lost(frame)
        elif control.paused:
            moods = _blind(p, frame.t, Reason.PAUSED, "paused")
            health.paused(frame.t)
        else:
            began = clock.now()
            if p.motion.worth_a_look(frame, len(moods)):
                moods = _look(p, frame)
            for observer in p.observers:
                observer.frame(frame, moods)
            ended = clock.now()
            # The only other thing that feeds the watchdog is a camera known to be away.
            health.frame_done(frame, busy_s=ended - began, latency_s=ended - frame.t, moods=moods)
        p.budget.update(clock.now())


def _look(p: Pipeline, frame: Frame) -> tuple[Mood, ...]:
    due = p.detect_turn.due(frame.t, p.tracker.need())
    faces = p.detector.detect(frame.luma) if due else None
    tracks = p.tracker.update(frame, faces)
    scores = p.classifier.classify(frame, tracks)
    moods = p.smoother.update(frame.t, tracks, scores)
    for change in p.rules.update(frame.t, moods):
        p.publisher.publish(change)
    p.publisher.state(frame.t, p.rules.announced(moods), "running")
    return moods


def _blind(p: Pipeline, t: float, reason: Reason, status: str) -> tuple[()]:
    p.motion.reset()
    p.tracker.reset()
    for change in p.rules.blind(t, reason):
        p.publisher.publish(change)
    p.publisher.state(t, (), status)
    return ()
