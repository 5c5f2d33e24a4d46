"""Pictures and living faces before a camera that shakes, flickers and compresses: who is what."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.still.scenes import Scene, Sensor, breathing, replayed, resting, trembling
from edge.baseline import BaselineCorrector
from edge.config import Config, Detect, Motion, TrackKeys
from edge.config_emotion import Alert, Baseline, Smooth
from edge.contract import Health
from edge.detect import open_detector
from edge.events import EventRules
from edge.geometry import Box
from edge.health import HealthMonitor
from edge.loop import run
from edge.messages import Estimate, Face, Frame, PipelineEvent, Scores, Status, Track
from edge.motion import MotionGate
from edge.pipeline import Pipeline
from edge.rates import BudgetKeeper, RateLimiter, RateScale
from edge.smooth import TemporalSmoother
from edge.stages import CameraStats, Control, FaceDetector, OutboxStats
from edge.still import BREATH, StillnessDetector, lasting
from edge.track import FaceTracker
from tests.conftest import DEMO_CLIP
from tests.fakes import FakeClock

STILL_S = 10.0  # s: instead of two minutes
FPS = 5.0
LABELS = ["happy", "neutral"]
Luma = NDArray[np.float32]


@pytest.fixture(scope="module")
def portrait() -> tuple[Luma, Box]:
    """A face of 48 pixels with what is around it, and its box."""
    video = cv2.VideoCapture(str(DEMO_CLIP))
    video.set(cv2.CAP_PROP_POS_FRAMES, 60)
    _, picture = video.read()
    luma = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    (face, *_) = open_detector(Detect()).detect(luma)
    b, scale = face.box, 48 / face.box.width
    y, x = round(b.y - 0.3 * b.height), round(b.x - 0.4 * b.width)
    part = luma[max(y, 0) : round(b.y + 1.3 * b.height), max(x, 0) : round(b.x + 1.4 * b.width)]
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32), b.moved(-max(x, 0), -max(y, 0)).scaled(scale, scale)


def room() -> Luma:
    """Furniture: edges and textures all over."""
    rng = np.random.default_rng(8)
    small = rng.uniform(60, 180, (24, 32)).astype(np.float32)
    return np.asarray(cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC), np.float32)


def hung(walls: Luma, portrait: tuple[Luma, Box], x: int, y: int) -> tuple[Luma, Box]:
    """Return `walls` with the portrait at (x, y), and where its face is."""
    face, box = portrait
    out = walls.copy()
    out[y : y + face.shape[0], x : x + face.shape[1]] = face
    return out, box.moved(x, y)


class Notes:
    """Takes what would be published."""

    def __init__(self) -> None:
        self.events: list[PipelineEvent] = []
        self.states: list[tuple[Estimate, ...]] = []
        self.healths: list[Health] = []

    def configure(self, _config: object, /) -> None: ...

    def publish(self, event: PipelineEvent) -> None:
        self.events.append(event)

    def state(self, _t: float, estimates: Sequence[Estimate], _status: Status) -> None:
        self.states.append(tuple(estimates))

    def health(self, health: Health) -> None:
        self.healths.append(health)

    def stats(self) -> OutboxStats:
        return OutboxStats()

    def close(self, _timeout_s: float) -> None: ...


class Rig:
    """The real loop, tracker, smoother and rules; who sees faces where is scripted."""

    def __init__(
        self,
        scene: Scene,
        faces: Callable[[float], Sequence[Box]],
        seconds: float,
        sensor: Sensor | None = None,
        *,
        still_s: float = STILL_S,
        fps: float = FPS,
        gate: bool = False,
        alert: Alert | None = None,
    ) -> None:
        self.scene, self.faces, self.seconds = scene, faces, seconds
        self.sensor, self.fps = sensor or Sensor(), fps
        self.clock, self.rng = FakeClock(0.0), np.random.default_rng(2)
        self.notes, self.now = Notes(), 0.0
        self.scored: list[tuple[float, str]] = []
        keys, scale = TrackKeys(still_s=still_s), RateScale()
        self.stillness = StillnessDetector(keys)
        pipeline = Pipeline(
            config=Config(),
            labels=LABELS,
            trained={},
            camera=self,
            budget=BudgetKeeper(Config().budget, scale, None),
            motion=MotionGate(Motion(gate=gate), keys.lost_s),
            detector=self,
            detect_limiter=RateLimiter(10.0, scale, 1.0),
            tracker=FaceTracker(keys, random.Random(1)),
            stillness=self.stillness,
            classifier=self,
            baseline=BaselineCorrector(LABELS, Baseline()),
            smoother=TemporalSmoother(LABELS, Smooth()),
            rules=EventRules([alert] if alert else []),
            publisher=self.notes,
        )
        run(pipeline, self.clock, Control(), HealthMonitor(self, self.notes, self.clock, 1.0))

    def frames(self) -> Iterator[Frame]:
        for n in range(int(self.seconds * self.fps)):
            self.clock.advance(1 / self.fps)
            self.now = self.clock.now() + float(self.rng.uniform(0, 0.004))
            yield Frame(n, self.now, self.sensor.see(self.scene(self.now), self.now, self.rng))

    def stats(self) -> CameraStats:
        return CameraStats()

    def close(self) -> None: ...

    def configure(self, _config: object, /) -> None: ...

    def detect(self, _luma: object, /) -> tuple[Face, ...]:
        jump = self.rng.normal(0, 0.8, (8, 2))  # pixels, as detectors do
        boxes = self.faces(self.now)
        return tuple(Face(b.moved(*d), 0.9) for b, d in zip(boxes, jump, strict=False))

    def classify(self, _frame: Frame, tracks: Sequence[Track], /) -> tuple[Scores, ...]:
        self.scored += [(self.now, k.id) for k in tracks if not k.still]
        happy = np.array([0.9, 0.1], np.float32)
        return tuple(Scores(k.id, happy) for k in tracks if not k.still)

    def said(self) -> list[tuple[str, str | None]]:
        return [(e.kind.value, e.reason and e.reason.value) for e in self.notes.events]

    def at_the_end(self) -> list[bool]:
        return [e.track.still for e in self.notes.states[-1]]

    def ever_still(self) -> bool:
        return any(e.track.still for estimates in self.notes.states for e in estimates)


CAME, BECAME_PICTURE = ("face_appeared", None), ("face_left", "picture")
CAMERAS = {
    "quiet": Sensor(noise=1),
    "noisy": Sensor(noise=5),
    "mains flicker": Sensor(flicker=0.05),
    "compression blocks": Sensor(jpeg=50),
    "shaking a little": Sensor(shake=trembling(0.5)),
    "exposure steps": Sensor(exposure=lambda t: 0.9 if t % 8 < 4 else 0.8),
}


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_poster_is_a_picture_through_every_camera(
    camera: str, portrait: tuple[Luma, Box]
) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    rig = Rig(resting(poster), lambda _t: [box], 30, CAMERAS[camera])
    assert rig.said() == [CAME, BECAME_PICTURE]
    assert rig.at_the_end() == [True]


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_sleeper_who_does_nothing_but_breathe_never_is(
    camera: str, portrait: tuple[Luma, Box]
) -> None:
    bed, box = hung(room(), portrait, 60, 40)
    rig = Rig(breathing(bed, box, 0.004), lambda _t: [box], 40, CAMERAS[camera])
    assert not rig.ever_still()
    assert rig.said() == [CAME]


def test_a_person_who_sits_still_for_minutes_and_blinks_never_is(
    portrait: tuple[Luma, Box],
) -> None:
    chair, box = hung(room(), portrait, 60, 40)
    closed = chair.copy()
    y = round(box.y + 0.42 * box.height)
    closed[y - 3 : y + 3, round(box.x + 6) : round(box.x + box.width - 6)] = 120
    # The head itself is nailed down; the eyes close for a third of a second every five.
    rig = Rig(lambda t: closed if t % 5 < 0.35 else chair, lambda _t: [box], 150)
    assert not rig.ever_still()
    assert rig.said() == [CAME]


def test_a_picture_is_not_counted_has_no_emotion_and_is_no_trouble(
    portrait: tuple[Luma, Box],
) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    alert = Alert(enabled=True, emotions=["happy"], after_s=2)
    rig = Rig(resting(poster), lambda _t: [box], 25, alert=alert)
    ended = ("alert_ended", "picture")
    assert rig.said() == [CAME, ("alert_began", None), ended, BECAME_PICTURE]
    assert rig.notes.events[-1].faces == 0
    (estimate,) = rig.notes.states[-1]
    assert (estimate.emotion, estimate.reason, estimate.scores) == ("unknown", "picture", {})
    assert (rig.notes.healths[-1].faces, rig.notes.healths[-1].reasons) == (0, [])
    assert max(t for t, _ in rig.scored) < 15, "no work is wasted on it"


def test_beside_a_living_person_only_the_poster_is_a_picture(portrait: tuple[Luma, Box]) -> None:
    walls, poster = hung(room(), portrait, 20, 10)
    scene, person = hung(walls, portrait, 200, 60)
    living = breathing(scene, person, 0.01)
    columns = np.arange(320)
    shade = 1 - 0.3 / (1 + np.exp((np.abs(columns - 60) - 50) / 15)).astype(np.float32)

    def with_shadow(t: float) -> Luma:  # the person's, on the poster, every now and then
        return np.asarray(living(t) * shade if 12 < t % 20 < 15 else living(t), np.float32)

    rig = Rig(with_shadow, lambda _t: [poster, person], 60)
    assert rig.said().count(BECAME_PICTURE) == 1
    assert sorted(rig.at_the_end()) == [False, True]
    last = [e for e in rig.notes.states[-1] if not e.track.still]
    assert [e.emotion for e in last] == ["happy"]


def test_a_statue_that_is_carried_away_is_a_face_again_the_moment_it_moves(
    portrait: tuple[Luma, Box],
) -> None:
    walls = room()
    x = [60.0]

    def at(t: float) -> float:
        return 60 + 25 * max(t - 20, 0.0)

    def scene(t: float) -> Luma:
        return hung(walls, portrait, round(at(t)), 40)[0]

    _, box = hung(walls, portrait, 60, 40)
    rig = Rig(scene, lambda t: [box.moved(at(t) - x[0], 0)], 24)
    assert rig.said() == [CAME, BECAME_PICTURE, CAME]
    first, left, again = rig.notes.events
    assert first.estimate.track.id == left.estimate.track.id == again.estimate.track.id
    assert 20 < again.t < 22
    assert rig.at_the_end() == [False]


def test_a_picture_that_was_covered_is_known_again_at_once(portrait: tuple[Luma, Box]) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    covered = poster.copy()
    covered[20:200, 40:200] = 40  # somebody's back, for longer than a track lives

    def away(t: float) -> bool:
        return 15 < t < 20

    rig = Rig(lambda t: covered if away(t) else poster, lambda t: [] if away(t) else [box], 30)
    assert rig.said() == [CAME, BECAME_PICTURE], "not announced a second time"
    assert rig.at_the_end() == [True]
    assert len({e.track.id for estimates in rig.notes.states for e in estimates}) == 2


def test_whoever_steps_before_a_known_picture_is_a_face(portrait: tuple[Luma, Box]) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    face, inner = portrait
    other = np.asarray(face[:, ::-1] * 0.8, np.float32)  # somebody else, at the very same place
    mirrored = Box(face.shape[1] - inner.x - inner.width, inner.y, inner.width, inner.height)
    place = (round(60 + inner.x - mirrored.x), 40)
    person, at = hung(poster, (other, mirrored), *place)
    rig = Rig(lambda t: person if t > 18 else poster, lambda t: [at if t > 18 else box], 22)
    assert rig.said()[:3] == [CAME, BECAME_PICTURE, CAME]
    assert rig.at_the_end() == [False]


@pytest.mark.parametrize(("before", "after"), [(0.4, 0.9), (0.9, 0.5)])
def test_light_switched_on_or_off_makes_no_face_of_a_picture_for_long(
    before: float, after: float, portrait: tuple[Luma, Box]
) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    lamp = Sensor(exposure=lambda t: before if t < 20 else after)
    rig = Rig(resting(poster), lambda _t: [box], 45, lamp)
    assert rig.at_the_end() == [True]
    sleeper = Rig(breathing(poster, box, 0.004), lambda _t: [box], 45, lamp)
    assert not sleeper.ever_still()


def test_through_the_motion_gate_too_a_poster_is_still_and_a_sleeper_is_not(
    portrait: tuple[Luma, Box],
) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    quiet = Sensor(noise=1)  # the gate passes nearly every frame over
    assert Rig(resting(poster), lambda _t: [box], 30, quiet, gate=True).at_the_end() == [True]
    sleeper = Rig(breathing(poster, box, 0.004), lambda _t: [box], 40, quiet, gate=True)
    assert not sleeper.ever_still()


def test_frames_that_come_too_seldom_prove_nothing(portrait: tuple[Luma, Box]) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    rig = Rig(resting(poster), lambda _t: [box], 200, fps=0.6)
    assert not rig.ever_still()


def test_what_is_too_dark_to_be_seen_breathing_is_no_picture(portrait: tuple[Luma, Box]) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    rig = Rig(resting(poster), lambda _t: [box], 40, Sensor(exposure=lambda _t: 0.03))
    assert not rig.ever_still()


def test_it_can_be_switched_off(portrait: tuple[Luma, Box]) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    assert not Rig(resting(poster), lambda _t: [box], 30, still_s=0).ever_still()


@pytest.mark.parametrize("switched_off", [False, True])
def test_pixels_of_a_picture_are_kept_for_ten_minutes_at_most(
    portrait: tuple[Luma, Box], switched_off: bool
) -> None:
    poster, box = hung(room(), portrait, 60, 40)
    rig = Rig(resting(poster), lambda _t: [box], STILL_S + 10)
    assert rig.ever_still() and rig.stillness._known
    if switched_off:
        rig.stillness.configure(TrackKeys(still_s=0))
    else:
        rig.stillness.update(Frame(1, rig.now + 599, poster), ())
        assert rig.stillness._known
        rig.stillness.update(Frame(2, rig.now + 601, poster), ())
    assert not rig.stillness._known


def test_noise_does_not_last_and_breath_does() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 2 * BREATH, (480, 4)).astype(np.float32)
    assert lasting(list(noise)) < BREATH
    drift = np.linspace(0, 20 * BREATH, 480, dtype=np.float32)[:, None]
    assert lasting(list(noise + drift)) < BREATH
    for period_s in (1.1, 1.9, 4.0, 9.0):  # sampled four times a second
        breath = 2.5 * BREATH * np.sin(2 * math.pi * np.arange(480) / 4 / period_s)
        moved = noise.copy()
        moved[:, 1] += breath.astype(np.float32)
        assert lasting(list(moved)) > BREATH, period_s


@functools.cache
def own_detector() -> FaceDetector:
    return open_detector(Detect())


class Watched(Rig):
    """The same with the project's own detector."""

    def detect(self, luma: NDArray[np.uint8], /) -> tuple[Face, ...]:
        return own_detector().detect(luma)


ALL_CLIPS = [
    "sorry.mkv",
    "yes.mkv",
    "bird.mkv",
    "walk.mkv",
    "head-pose-face-detection-male.gif",
    "bottle-detection.mp4",
]


@pytest.mark.slow
@pytest.mark.parametrize("clip", ALL_CLIPS)
def test_nobody_in_the_clips_is_ever_a_picture(data: Path, clip: str) -> None:
    """There and back for half a minute, eight times slower than they were: all but still."""
    video = cv2.VideoCapture(str(data / "clips" / clip))
    frames = []
    while len(frames) < 60:
        ok, picture = video.read()
        if not ok:
            break
        frames.append(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32))
    scene = replayed(frames, video.get(cv2.CAP_PROP_FPS), slower=8)
    rig = Watched(scene, lambda _t: [], 25)
    assert not rig.ever_still()
    if clip != "bottle-detection.mp4":
        assert CAME in rig.said()
