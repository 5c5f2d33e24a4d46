"""The loop with scripted cameras, and real stages where they matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from edge.baseline import BaselineCorrector
from edge.config import Budget, Config, Motion, TrackKeys
from edge.config_emotion import Baseline
from edge.contract import Health
from edge.events import EventRules
from edge.geometry import Box
from edge.health import HealthMonitor
from edge.loop import run
from edge.messages import (
    CameraLost,
    CameraSilent,
    Estimate,
    Frame,
    FromCamera,
    PipelineEvent,
    Scores,
    Track,
)
from edge.motion import MotionGate
from edge.pipeline import Pipeline
from edge.rates import BudgetKeeper, RateLimiter, RateScale
from edge.stages import CameraStats, Control, OutboxStats
from edge.still import StillnessDetector
from tests.fakes import FakeClock

GREY = np.zeros((24, 32), np.uint8)


class ScriptedCamera:
    def __init__(self, clock: FakeClock, script: Sequence[str], control: Control) -> None:
        self.clock, self.script, self.control = clock, script, control

    def frames(self) -> Iterator[FromCamera]:
        for n, step in enumerate(self.script):
            self.clock.advance(0.1)
            now = self.clock.now()
            if step == "pause":
                self.control.paused = True
            elif step == "resume":
                self.control.paused = False
            elif step == "stop":
                self.control.stopping = True
            if step == "silent":
                yield CameraSilent(now, now - 1)
                continue
            yield CameraLost(now, now - 1, "unplugged") if step == "lost" else Frame(n, now, GREY)

    def stats(self) -> CameraStats:
        return CameraStats(dropped=3, reopened=1)

    def close(self) -> None: ...


class OneFace:
    """Detector, tracker, classifier and smoother that see the same happy face in every frame."""

    def __init__(self) -> None:
        self.detections = self.resets = 0

    def detect(self, _luma: object) -> tuple[()]:
        self.detections += 1
        return ()

    def demand(self) -> float:
        return 1.0

    def reset(self) -> None:
        self.resets += 1

    def update(self, *args: object) -> tuple[object, ...]:
        if isinstance(args[0], Frame):
            return (Track("a", Box(1, 1, 9, 9), 0.9, 0.0, args[0].t, (32, 24)),)
        t, tracks = args[0], args[1]
        return tuple(
            Estimate(k, "happy", 0.9, {"happy": 0.9, "sad": 0.1}, 0.9, t, None, 1.0) for k in tracks
        )

    def classify(self, _frame: Frame, _tracks: object) -> tuple[Scores, ...]:
        return ()


class Notebook:
    def __init__(self) -> None:
        self.events: list[PipelineEvent] = []
        self.states: list[tuple[str, int]] = []
        self.healths: list[Health] = []

    def publish(self, event: PipelineEvent) -> None:
        self.events.append(event)

    def state(self, _t: float, estimates: Sequence[Estimate], status: str) -> None:
        self.states.append((status, len(estimates)))

    def health(self, health: Health) -> None:
        self.healths.append(health)

    def stats(self) -> OutboxStats:
        return OutboxStats(depth=2, problems=("broker_away",))

    def close(self, timeout_s: float) -> None: ...


class Rig:
    def __init__(
        self,
        *script: str,
        detect_rate: float = 100,
        interval_s: float = 1.0,
        gate: bool = False,
        cpu_s: Callable[[float], float] | None = None,
    ) -> None:
        self.clock, self.control, self.face = FakeClock(), Control(), OneFace()
        self.notes, self.progress, self.lines = Notebook(), list[float](), list[str]()
        camera = ScriptedCamera(self.clock, script, self.control)
        scale = RateScale()
        used = (lambda: cpu_s(self.clock.now())) if cpu_s else None
        pipeline = Pipeline(
            config=Config(),
            labels=["happy", "sad"],
            trained={},
            camera=camera,
            budget=BudgetKeeper(Budget(cpu=0.4), scale, used),
            motion=MotionGate(Motion(gate=gate), lost_s=2.0),
            detector=self.face,
            detect_limiter=RateLimiter(detect_rate, scale, 1.0),
            tracker=self.face,
            stillness=StillnessDetector(TrackKeys()),
            classifier=self.face,
            baseline=BaselineCorrector(["happy", "sad"], Baseline()),
            smoother=self.face,
            rules=EventRules(),
            publisher=self.notes,
        )
        self.health = HealthMonitor(
            camera, self.notes, self.clock, interval_s, self.progress.append, self.lines.append
        )
        run(pipeline, self.clock, self.control, self.health)

    def kinds(self) -> list[str]:
        return [c.kind.value for c in self.notes.events]


def test_a_frame_goes_all_the_way_and_only_that_is_progress() -> None:
    rig = Rig("frame", "frame", "frame")
    assert rig.kinds() == ["face_appeared"]
    assert rig.notes.states == [("running", 1)] * 3
    assert len(rig.progress) == 3


def test_a_lost_camera_lets_faces_leave_and_the_daemon_stays_up_and_alive() -> None:
    rig = Rig("frame", "lost", "lost", "lost", "frame")
    assert rig.kinds() == ["face_appeared", "face_left", "face_appeared"]
    assert rig.notes.events[1].reason == "camera_lost"
    assert [s for s, _ in rig.notes.states] == ["running", *["camera_lost"] * 3, "running"]
    assert len(rig.progress) == 5
    assert rig.face.resets == 3
    assert rig.lines == ["running", "camera lost: unplugged", "running"]


def test_a_camera_that_is_silent_for_a_while_changes_nothing_and_the_watchdog_is_fed() -> None:
    rig = Rig("frame", "silent", "silent", "frame")
    assert rig.kinds() == ["face_appeared"]
    assert rig.notes.states == [("running", 1)] * 2
    assert len(rig.progress) == 4
    assert rig.lines == ["running"]
    assert rig.face.resets == 0


def test_a_pause_holds_while_the_camera_is_silent() -> None:
    rig = Rig("frame", "pause", "silent")
    assert rig.notes.states == [("running", 1), ("paused", 0), ("paused", 0)]


def test_while_paused_nothing_is_looked_at_and_the_watchdog_is_fed() -> None:
    rig = Rig("frame", "pause", "frame", "resume", "frame")
    assert rig.kinds() == ["face_appeared", "face_left", "face_appeared"]
    assert rig.notes.events[1].reason == "paused"
    assert rig.notes.states[1] == ("paused", 0)
    assert len(rig.progress) == 5
    assert rig.face.detections == 3


def test_a_stop_ends_the_loop_before_the_next_frame_is_looked_at() -> None:
    rig = Rig("frame", "stop", "frame")
    assert len(rig.notes.states) == 1


def test_the_detector_runs_at_its_own_rate() -> None:
    rig = Rig(*["frame"] * 20, detect_rate=2)  # 2 s of 10 frames/s
    assert rig.face.detections == 4


def test_health_comes_at_once_when_the_status_changes_and_else_at_its_interval() -> None:
    rig = Rig(*["frame"] * 25, "lost", *["frame"] * 3)
    assert [h.status for h in rig.notes.healths] == [
        "running",
        "running",
        "running",
        "camera_lost",
        "running",
    ]
    first, second, *_ = rig.notes.healths
    assert second.fps == pytest.approx(10, rel=0.15)
    assert second.frames == first.frames + 10
    assert (second.dropped, second.camera_reopened, second.outbox_depth) == (3, 1, 2)
    assert second.reasons == ["broker_away"]
    assert rig.notes.healths[3].reasons == ["camera_lost", "broker_away"]


@pytest.mark.parametrize(("rate", "fps", "expected"), [(10, 30, 20), (10, 25, 20), (7, 30, 14)])
def test_rate_limiters_keep_their_mean_rate_whatever_the_frame_rate(
    rate: float, fps: float, expected: int
) -> None:
    limiter = RateLimiter(rate)
    rng = np.random.default_rng(1)
    times = np.arange(0, 2, 1 / fps) + rng.uniform(-0.002, 0.002, round(2 * fps))
    taken = sum(limiter.due(float(t)) for t in times)
    assert taken == pytest.approx(expected, abs=1)


def test_what_was_missed_is_not_made_up_for() -> None:
    limiter = RateLimiter(10)
    assert limiter.due(0)
    assert limiter.due(5)
    assert not limiter.due(5.05)


def test_a_still_scene_is_looked_at_seldom_and_every_frame_is_progress() -> None:
    rig = Rig(*["frame"] * 50, gate=True)  # 5 s of 10 frames/s
    assert rig.face.detections == 11 + 7  # the first second and its end, then twice a second
    assert len(rig.progress) == 50
    assert rig.kinds() == ["face_appeared"]


def test_after_a_pause_the_next_frame_is_looked_at_however_still() -> None:
    rig = Rig(*["frame"] * 22, "pause", "resume", gate=True)
    assert rig.notes.states[-2:] == [("paused", 0), ("running", 1)]


def test_over_budget_the_detector_runs_less_often_and_the_faces_stay() -> None:
    rig = Rig(*["frame"] * 100, detect_rate=10, cpu_s=lambda now: 0.8 * now)
    assert rig.face.detections < 50  # of 100: twice the budget was used all the time
    assert rig.kinds() == ["face_appeared"]
