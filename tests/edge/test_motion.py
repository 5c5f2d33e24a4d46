"""The motion gate: on made-up pictures, and on real clips against a run without it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.config import Motion
from edge.image import thumbnail
from edge.messages import Frame
from edge.motion import AWAKE_S, MotionGate
from tests.conftest import DEMO_CLIP

RNG = np.random.default_rng(7)
ROOM = np.clip(RNG.normal(110, 40, (480, 640)), 0, 255).astype(np.uint8)

# The room through a sensor with a noise of 6 levels: a webcam by lamplight.
NOISY = [np.clip(ROOM + RNG.normal(0, 6, ROOM.shape), 0, 255).astype(np.uint8) for _ in range(6)]


def noisy() -> NDArray[np.uint8]:
    return NOISY[RNG.integers(len(NOISY))].copy()


class Gate:
    """Feeds 30 frames a second."""

    def __init__(self, lost_s: float = 2.0, *, lids: bool = False, **keys: Any) -> None:
        self.gate = MotionGate(Motion(**keys), lost_s, lids=lids)
        self.n = 0

    def see(self, luma: NDArray[np.uint8], faces: int = 0) -> bool:
        self.n += 1
        return self.gate.should_process(Frame(self.n, self.n / 30, luma), faces)

    def still(self, seconds: float, faces: int = 0) -> int:
        """Return how many frames of a still, noisy room are looked at."""
        return sum(self.see(noisy(), faces) for _ in range(round(seconds * 30)))


def test_an_empty_still_room_is_looked_at_once_a_second() -> None:
    gate = Gate()
    assert gate.still(AWAKE_S) == 30
    assert gate.still(10) <= 11


def test_a_still_face_is_looked_at_twice_a_second_and_before_it_would_be_lost() -> None:
    gate = Gate()
    gate.still(AWAKE_S + 0.1, faces=1)
    assert 18 <= gate.still(10, faces=1) <= 20
    hasty = Gate(lost_s=0.4)
    hasty.still(AWAKE_S + 0.1, faces=1)
    assert 42 <= hasty.still(10, faces=1) <= 51  # whole frames


def test_of_a_still_face_whose_lids_are_watched_no_gap_is_left() -> None:
    gate = Gate(lids=True)
    gate.still(AWAKE_S + 0.1, faces=1)
    assert 42 <= gate.still(10, faces=1) <= 50  # whole frames
    assert gate.still(10) <= 10  # nobody is there


def test_what_moves_wakes_at_once_and_for_a_while() -> None:
    gate = Gate()
    gate.still(5)
    stirred = noisy()
    stirred[200:224, 300:320] //= 2  # a hand far away
    assert gate.see(stirred)
    assert gate.still(AWAKE_S - 0.1) == 27


def test_a_slow_change_adds_up() -> None:
    gate = Gate()
    gate.still(AWAKE_S + 0.5)
    looks = 0
    for k in range(150):  # a lamp brought up by 60 levels in five seconds
        looks += gate.see(np.clip(ROOM + np.float32(0.4 * k), 0, 255).astype(np.uint8))
    assert looks > 75  # more often than not


def test_it_can_be_switched_off() -> None:
    assert Gate(gate=False).still(3) == 90


def test_after_a_reset_the_next_frame_is_looked_at() -> None:
    gate = Gate()
    gate.still(5)
    gate.gate.reset()
    assert gate.see(noisy())


def test_a_turned_picture_is_looked_at() -> None:
    gate = Gate()
    gate.still(5)
    assert gate.see(np.ascontiguousarray(np.rot90(ROOM)))


@pytest.mark.parametrize("size", [(480, 640), (1080, 1920), (100, 16), (16, 4096), (1, 200)])
def test_a_thumbnail_of_any_size_is_small(size: tuple[int, int]) -> None:
    small = thumbnail(np.full(size, 77, np.uint8))
    assert small.shape[1] < 160
    assert int(small.min()) == int(small.max()) == 77


def found(clip: Path, *sets: str) -> list[list[dict[str, Any]]]:
    """Return the faces of each frame of a replay, in a process of its own as operators run it."""
    options = [x for s in sets for x in ("--set", s)]
    out = subprocess.run(
        [sys.executable, "-m", "edge", "replay", str(clip), "--frames", *options],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return [json.loads(line)["faces"] for line in io.StringIO(out.stdout)]


@pytest.mark.slow
@pytest.mark.parametrize("clip", ["sorry.mkv", "yes.mkv", "bird.mkv", "walk.mkv"])
def test_in_real_clips_the_gate_loses_no_face(data: Path, clip: str) -> None:
    yunet = data / "detectors" / "face_detection_yunet_2026may.onnx"
    sets = ("detect.name=yunet", f"detect.model={yunet}")
    gated = found(data / "clips" / clip, *sets)
    all_of_it = found(data / "clips" / clip, *sets, "motion.gate=false")
    assert any(gated)
    assert [[f["track"] for f in faces] for faces in gated] == [
        [f["track"] for f in faces] for faces in all_of_it
    ]


def test_a_person_who_stands_still_keeps_the_track_and_is_still_scored(tmp_path: Path) -> None:
    """A portrait that does not move for six seconds, in the demo's own picture."""
    video = cv2.VideoCapture(str(DEMO_CLIP))
    for _ in range(60):
        ok, picture = video.read()
        assert ok
    video.release()
    for k in range(60):
        cv2.imwrite(str(tmp_path / f"{k:03}.png"), picture)
    frames = found(tmp_path, "camera.fps=10")
    tracks = [{f["track"] for f in faces} for faces in frames]
    assert all(len(t) == 1 for t in tracks[5:])
    assert len(set().union(*tracks)) == 1
    scores = [faces[0]["scores"] for faces in frames[5:]]
    assert all(sum(s.values()) == pytest.approx(1, abs=0.01) for s in scores[5:])
