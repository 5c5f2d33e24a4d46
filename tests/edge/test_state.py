"""What a face is doing: the model's row read, faces that cannot be judged, pose smoothed."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.build import state_stage
from edge.config_face import State
from edge.configfile import load
from edge.errors import ConfigError
from edge.geometry import Box, Points
from edge.image import resize
from edge.messages import FaceState, Frame, Track
from edge.model.manifest import StateOutput, load_manifest
from edge.rates import RateScale
from edge.state import NOTHING, OneEuro, StateModel, TrackStateEstimator, decode
from tests.conftest import ROOT

MODELS = ROOT / "tests" / "models"
TINY = MODELS / "tiny-state"
OUTPUTS = load_manifest(TINY).outputs
SURE, UNSURE = -4.0, 1.0  # logarithms of a deviation, beside every limit of the tiny model


def test_values_are_scaled_and_told_only_where_the_deviation_is_small_enough() -> None:
    row = np.array([0.5, -0.5, 0.1, 1.0, 0.0, 0.25, 0.75] + [SURE] * 6 + [UNSURE], np.float32)
    assert decode(row, OUTPUTS) == pytest.approx(
        {
            "yaw": 45,
            "pitch": -45,
            "roll": 4.5,
            "eye_left": 1,
            "eye_right": 0,
            "mouth": 0.25,
            "smile": None,
        }
    )


def test_the_limit_is_in_the_unit_of_the_value() -> None:
    yaw = StateOutput(name="yaw", unit="deg", scale=90.0, known_below=9.0)
    at = math.log(9.0 / 90.0)
    assert decode(np.array([0.1, at - 1e-3]), [yaw]) == pytest.approx({"yaw": 9.0})
    assert decode(np.array([0.1, at + 1e-3]), [yaw]) == {"yaw": None}


@pytest.mark.parametrize("log_sd", [math.nan, math.inf, 1e9])
def test_nonsense_is_not_told(log_sd: float) -> None:
    row = np.array([0.5] * 7 + [log_sd] * 7)
    assert set(decode(row, OUTPUTS).values()) == {None}
    assert set(decode(np.array([math.nan] * 7 + [SURE] * 7), OUTPUTS).values()) == {None}


def test_a_share_stays_one() -> None:
    row = np.array([3.0, 0, 0, 1.3, -0.2, 0, 0] + [SURE] * 7)
    found = decode(row, OUTPUTS)
    assert (found["eye_left"], found["eye_right"], found["yaw"]) == (1.0, 0.0, 180.0)


SIDE = 80
BOX = Box(100, 60, SIDE, SIDE)


def frame(
    t: float, *, left: int = 200, right: int = 200, upper: int | None = None, seq: int = 0
) -> Frame:
    """Paint a face for the tiny model: halves of their own luma; see tests/models/make.py."""
    luma = np.full((240, 320), 90, np.uint8)
    face = luma[60 : 60 + SIDE, 100 : 100 + SIDE]
    face[:, : SIDE // 2] = left
    face[:, SIDE // 2 :] = right
    if upper is not None:
        face[: SIDE // 2] = upper
    return Frame(seq, t, luma)


def track(name: str = "a", seen: float = 0.0, box: Box = BOX, **more: Any) -> Track:
    return Track(name, box, 0.9, 0.0, seen, (320, 240), **more)


def estimator(scale: RateScale | None = None, **keys: Any) -> TrackStateEstimator:
    return TrackStateEstimator(StateModel(TINY), State(enabled=True, **keys), scale)


def state_of(found: Track) -> FaceState:
    assert found.state is not None
    return found.state


def test_a_face_has_its_pose_and_the_persons_own_left_eye() -> None:
    (turned,) = estimator().update(frame(0.0, left=150, right=250), [track()])
    state = state_of(turned)
    assert state.yaw == pytest.approx(90 * 50 / 127.5, abs=1.5)  # to the picture's right: positive
    assert state.pitch == pytest.approx(0, abs=1.5)
    assert state.eyes.left is not None
    assert state.eyes.right is not None
    assert state.eyes.left > state.eyes.right + 0.3  # painted bright, at the picture's right
    assert (state.looking, turned.state_t) == (None, 0.0)
    (raised,) = estimator().update(frame(0.0, upper=255), [track()])
    assert (state_of(raised).pitch or 0) > 5


def test_a_head_that_was_turned_upright_to_be_judged_keeps_its_roll() -> None:
    eyes: Points = ((120, 80), (160, 100), (140, 110), (125, 125), (145, 130))  # 26.6 degrees
    (found,) = estimator().update(frame(0.0), [track(landmarks=eyes)])
    assert state_of(found).roll == pytest.approx(26.57, abs=0.1)


def test_a_crop_that_was_turned_is_said_as_the_picture_was() -> None:
    model = StateModel(TINY)
    spec = model.manifest.input
    luma = frame(0.0, left=150, right=250).luma[60 : 60 + SIDE, 100 : 100 + SIDE]
    crop = resize(np.ascontiguousarray(luma), spec.width, spec.height)
    upright, turned = model.infer(crop), model.infer(crop, turned=90.0)
    assert abs(upright.yaw or 0) > 5
    # A quarter turn clockwise: what looked to the right edge looks down.
    assert turned.pitch == pytest.approx(-(upright.yaw or 0), abs=1e-3)


@pytest.mark.parametrize(
    ("why", "found"),
    [
        ("too small", lambda: estimator(min_face_px=81).update(frame(0.0), [track()])),
        ("too dark", lambda: estimator(min_brightness=210).update(frame(0.0), [track()])),
        ("unsure", lambda: estimator().update(frame(0.0, left=20, right=20), [track()])),
        ("not seen for long", lambda: estimator().update(frame(1.0), [track(seen=0.3)])),
        (
            "out of the frame",
            lambda: estimator().update(frame(0.0), [track(box=Box(400, 0, 90, 90))]),
        ),
        ("a picture", lambda: estimator().update(frame(0.0), [track(still=True)])),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_of_a_face_that_cannot_be_judged_nothing_is_told(
    why: str, found: Callable[[], tuple[Track, ...]]
) -> None:
    assert [state_of(k) for k in found()] == [NOTHING], why


def test_what_was_known_does_not_outlast_the_sight_of_the_face() -> None:
    stage = estimator()
    (seen,) = stage.update(frame(0.0), [track()])
    assert state_of(seen).yaw is not None
    (gone,) = stage.update(frame(1.0), [track(seen=0.0)])
    assert (gone.state, gone.state_t) == (NOTHING, 1.0)


def test_what_is_where_a_face_was_is_not_judged() -> None:
    stage = estimator()
    (seen,) = stage.update(frame(0.0), [track()])
    (gone,) = stage.update(frame(0.2, left=20), [track(gone=True)])
    assert (gone.state, gone.state_t) == (seen.state, 0.0)  # as it was, and from when


def test_at_most_so_many_faces_are_judged_pictures_not_counted() -> None:
    found = estimator(max_faces=1).update(
        frame(0.0), [track("poster", still=True), track("big"), track("small")]
    )
    assert [k.id for k in found] == ["poster", "big", "small"]
    assert [state_of(k).yaw is not None for k in found] == [False, True, False]


def measured(stage: TrackStateEstimator, times: list[float]) -> int:
    return sum(stage.update(frame(t), [track(seen=t)])[0].state_t == t for t in times)


def test_each_face_is_judged_at_the_rate_and_says_when() -> None:
    times = [i / 60 for i in range(120)]
    stage = estimator()
    assert measured(stage, times) == 30  # 15 a second for 2 s
    stage.configure(State(enabled=True, rate=30.0))
    assert measured(stage, [2 + t for t in times]) in (60, 61)


def test_a_small_budget_leaves_enough_to_see_eyes_that_stay_shut() -> None:
    assert measured(estimator(RateScale(0.05)), [i / 30 for i in range(60)]) == 10  # 5 a second


def test_where_no_eyes_are_watched_a_small_budget_leaves_as_little_as_of_scores() -> None:
    model, small = StateModel(TINY), RateScale(0.05)
    config = load(None, {}, ["classify.check_rate=4"])
    watched = load(None, {}, ["state.enabled=true"])
    times = [i / 30 for i in range(60)]
    counts = []
    for c in (config, watched):
        stage = state_stage(model, c, small)
        assert isinstance(stage, TrackStateEstimator)
        counts.append(measured(stage, times))
    assert counts == [2, 10]


def blinking(stage: TrackStateEstimator, closed: range) -> list[float | None]:
    """Openness of an eye over a second at 30 frames/s, shut in the frames `closed`."""
    out = []
    for n in range(30):
        upper = 128 if n in closed else 250
        (k,) = stage.update(frame(n / 30, upper=upper, left=255, right=255), [track(seen=n / 30)])
        out.append(state_of(k).eyes.left)
    return out


def test_a_blink_of_a_tenth_of_a_second_is_seen_whole() -> None:
    seen = blinking(estimator(rate=30.0), range(12, 15))
    assert [n for n, v in enumerate(seen) if v is not None and v < 0.6] == [12, 13, 14]
    at_15 = blinking(estimator(), range(12, 15))
    assert any(v is not None and v < 0.6 for v in at_15)


def test_a_head_at_rest_does_not_tremble_and_a_turning_one_is_followed() -> None:
    rng = np.random.default_rng(1)
    rest, turning = OneEuro(), OneEuro()
    noise = rng.normal(0, 2.0, 60)
    steady = [rest.update(i / 15, float(v), 0.25) for i, v in enumerate(noise)]
    assert np.std([v for v in steady[15:] if v is not None]) < 0.6 * np.std(noise[15:])
    path = [min(60 * i / 15, 45.0) for i in range(30)]  # degrees: 60 a second, then it stops
    lag = [p - (turning.update(i / 15, p, 0.25) or 0) for i, p in enumerate(path)]
    assert max(lag) < 8
    assert abs(lag[-1]) < 0.5


def test_the_filter_forgets_what_it_no_longer_knows() -> None:
    pose = OneEuro()
    pose.update(0.0, 40.0, 1.0)
    assert pose.update(0.1, None, 1.0) is None
    assert pose.update(0.2, -10.0, 1.0) == -10.0


def spoilt(folder: Path, **changes: Any) -> Path:
    """Copy the tiny model with other words in its manifest."""
    copy = folder / "spoilt"
    shutil.copytree(TINY, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    return copy


ONE = {"name": "yaw", "unit": "deg", "scale": 90.0, "known_below": 5.0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outputs": []}, r"outputs: got none; allowed: each once"),
        ({"outputs": [ONE, ONE]}, r"outputs: got yaw, yaw; allowed: each once"),
        ({"outputs": [ONE]}, r"output is \[\(1, 14\)\], the manifest has 1 outputs; allowed"),
        ({"outputs": [{**ONE, "name": "ear"}]}, r"manifest\.json: Invalid enum value 'ear'"),
        ({"task": "attribute", "labels": ["a", "b"]}, r"task is attribute; allowed here: state"),
    ],
)
def test_a_folder_that_is_no_state_model_is_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        StateModel(spoilt(tmp_path, **changes))


OFF = """
import random, sys
from edge.build import build
from edge.configfile import load
from edge.stages import Control
from edge.tools.replay import ReplayClock

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
config = load(None, {}, sys.argv[1:])
class Nobody:
    def stats(self): ...
pipeline = build(config, ReplayClock(), Control(), random.Random(0), boot_id="b",
                 camera=Nobody(), publisher=lambda identity: identity)
who = pipeline.publisher
print("edge.state" in sys.modules, any("tiny-state" in p for p in opened),
      who.state_model.name if who.state_model else None)
"""


@pytest.mark.parametrize(
    ("sets", "loaded", "told"),
    [
        (["state.enabled=false", "classify.check_rate=0"], False, "None"),
        (["state.enabled=false"], True, "None"),
        (["state.enabled=true"], True, "tiny-state"),
    ],
)
def test_where_nobody_wants_it_nothing_of_it_is_read_or_loaded(
    sets: list[str], loaded: bool, told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFF, *sets, f"state.model={TINY}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(loaded), str(loaded), told]


def test_it_is_off_by_default() -> None:
    assert not load(None, {}, []).state.enabled
