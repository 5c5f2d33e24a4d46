"""The second look: its arithmetic, and the shipped network on a real face and on none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config import Detect
from edge.crop import square
from edge.detect import open_detector
from edge.detect.refine import MOST, REACH, Refiner, logit, placed, sigmoid
from edge.errors import ConfigError
from edge.geometry import Box
from edge.messages import Face
from edge.model.manifest import MODEL, find_model
from tests.conftest import DEMO_CLIP, ROOT

TINY = ROOT / "tests" / "models" / "tiny-int8"  # a classifier


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    capture = cv2.VideoCapture(str(DEMO_CLIP))
    for _ in range(100):  # the first frames are dim on purpose
        ok, picture = capture.read()
        assert ok
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(find_model("refine"))


def test_box_and_landmarks_lie_where_the_network_says_in_the_crop() -> None:
    crop = square(Box(100, 50, 40, 60), 0.25)
    assert crop == (75, 35, 90)
    said = np.array([0.0, 0.4, np.log(0.5) / REACH, np.log(0.25) / REACH], np.float32)
    points = np.zeros(10, np.float32)
    points[:2] = (-1, 2)
    box, landmarks = placed(crop, said, points)
    assert box.centre == pytest.approx((120, 80 + 9), abs=1e-3)
    assert (box.width, box.height) == pytest.approx((45, 22.5), rel=1e-4)
    assert landmarks[0] == pytest.approx((120 - 22.5, 80 + 45))
    assert landmarks[1] == pytest.approx((120, 80))


def test_nonsense_stays_finite() -> None:
    box, _ = placed((0, 0, 48), np.full(4, 1e9, np.float32), np.zeros(10, np.float32))
    assert np.isfinite([box.width, box.height]).all()
    assert sigmoid(1e9) == pytest.approx(1) and sigmoid(-1e9) == pytest.approx(0)
    assert sigmoid(logit(0.3)) == pytest.approx(0.3) and logit(0) < logit(1) < 20


def test_a_shifted_box_comes_back_to_the_face(frame: np.ndarray, refiner: Refiner) -> None:
    (face,) = open_detector(Detect()).detect(frame)
    for dx, dy, times in ((0.1, 0, 1), (0, -0.1, 1), (-0.08, 0.08, 1.1), (0, 0, 0.9)):
        b = face.box
        off = Box(
            b.x + dx * b.width - (times - 1) * b.width / 2,
            b.y + dy * b.height - (times - 1) * b.height / 2,
            b.width * times,
            b.height * times,
        )
        (near,) = refiner.look(frame, [Face(off, face.score)])
        assert near.box.iou(b) > off.iou(b) and near.box.iou(b) > 0.8
        assert near.landmarks is not None and face.landmarks is not None
        gap = np.linalg.norm(np.array(near.landmarks) - np.array(face.landmarks), axis=1)
        assert gap.max() < 0.12 * b.width


def test_a_patch_of_wall_is_believed_less_and_the_order_follows(
    frame: np.ndarray, refiner: Refiner
) -> None:
    (face,) = open_detector(Detect()).detect(frame)
    scene = frame.copy()
    scene[:120, :120] = np.random.default_rng(1).integers(90, 110, (120, 120))
    wall = Face(Box(20, 20, 60, 60), 0.8)
    near = refiner.look(scene, [wall, Face(face.box, 0.75)])
    assert [f.score for f in near] == sorted((f.score for f in near), reverse=True)
    assert near[0].box.iou(face.box) > 0.8, "the face is first now"
    assert near[1].score < 0.5


def test_beyond_so_many_the_faces_stay_as_they_were(frame: np.ndarray, refiner: Refiner) -> None:
    faces = [Face(Box(10 * k, 10, 40, 40), 0.9 - 0.01 * k) for k in range(MOST + 3)]
    near = refiner.look(frame, faces)
    assert len(near) == len(faces) and all(f in near for f in faces[MOST:])


def test_a_box_outside_the_frame_is_left_alone(frame: np.ndarray, refiner: Refiner) -> None:
    away = Face(Box(-500, -500, 40, 40), 0.9)
    assert refiner.look(frame, [away]) == [away]


def test_none_is_asked_for(frame: np.ndarray) -> None:
    (plain,) = open_detector(Detect(refine="")).detect(frame)
    (near,) = open_detector(Detect()).detect(frame)
    assert plain != near and near.box.iou(plain.box) > 0.6


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"task": "state"}, "task is state; allowed here: refine|outputs"),
        ({"decode": {"kind": "cells"}}, "manifest: decode"),
        ({"decode": {"kind": "other", "score": [1, 1, 0], "from_score": 0.1}}, "kind 'look'"),
        ({"decode": {"kind": "look", "score": [1, 1], "from_score": 0.1}}, "manifest: decode"),
        ({"decode": {"kind": "look", "score": [1, 1, 0], "from_score": 0}}, "from_score above 0"),
    ],
)
def test_a_manifest_of_something_else_is_refused(
    tmp_path: Path, values: dict[str, object], message: str
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(find_model("refine"), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **values}))
    with pytest.raises(ConfigError, match=message):
        open_detector(Detect(refine=str(folder)))


def test_a_model_with_other_outputs_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(find_model("refine"), folder)
    shutil.copy(TINY / MODEL, folder / MODEL)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"] = json.loads((TINY / "manifest.json").read_text())["sha256"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match="outputs of last dimension"):
        Refiner(folder)


def test_both_files_together_are_small() -> None:
    files = [find_model(name) / MODEL for name in ("face", "refine")]
    assert sum(f.stat().st_size for f in files) <= 600_000
