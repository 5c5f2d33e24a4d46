"""The shipped detector in the real runtime, on a real picture of a face."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.classify import Model
from edge.config import Detect
from edge.detect import open_detector
from edge.detect.face import TfliteFaceDetector
from edge.errors import ConfigError
from edge.follow import similarity
from edge.geometry import Box, roll
from edge.model.manifest import MODEL, find_model
from tests.conftest import DEMO_CLIP, ROOT

Luma = NDArray[np.uint8]
TINY = ROOT / "tests" / "models" / "tiny-int8"  # a classifier


@pytest.fixture(scope="module")
def frame() -> Luma:
    capture = cv2.VideoCapture(str(DEMO_CLIP))
    for _ in range(100):  # the first frames are dim on purpose
        ok, picture = capture.read()
        assert ok
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def detector(**values: object) -> TfliteFaceDetector:
    found = open_detector(Detect(name="face", **values))  # type: ignore[arg-type]
    assert isinstance(found, TfliteFaceDetector)
    return found


def where(luma: Luma, **values: object) -> Box:
    faces = detector(**values).detect(luma)
    assert faces
    return faces[0].box  # the best


def test_one_face_with_its_landmarks_inside_and_in_order(frame: Luma) -> None:
    (face,) = detector().detect(frame)
    assert 0.7 <= face.score <= 1
    assert face.landmarks is not None and len(face.landmarks) == 5
    for x, y in face.landmarks:
        assert face.box.x < x < face.box.x + face.box.width
        assert face.box.y < y < face.box.y + face.box.height
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < left_eye[0] and right_mouth[0] < left_mouth[0]
    assert right_eye[1] < nose[1] < right_mouth[1]


def test_nothing_on_an_empty_wall() -> None:
    for value in (0, 128, 255):
        assert detector().detect(np.full((480, 640), value, np.uint8)) == ()


@pytest.mark.parametrize("width", [192, 240, 320, 400])
def test_at_any_width_the_best_face_is_the_same(frame: Luma, width: int) -> None:
    assert where(frame, width=width).iou(where(frame)) > 0.6


def test_a_mirrored_picture_has_a_mirrored_face(frame: Luma) -> None:
    box = where(frame)
    there = where(np.ascontiguousarray(frame[:, ::-1]))
    mirrored = Box(frame.shape[1] - there.x - there.width, there.y, there.width, there.height)
    assert mirrored.iou(box) > 0.7


@pytest.mark.parametrize("degrees", [-40, -30, -20, 20, 30, 40])
def test_a_tilted_head_is_found_and_stands_upright_in_its_crop(frame: Luma, degrees: int) -> None:
    (level,) = detector().detect(frame)
    rows, columns = frame.shape
    turn = cv2.getRotationMatrix2D(level.box.centre, -degrees, 1.0)
    tilted = np.asarray(cv2.warpAffine(frame, turn, (columns, rows)), np.uint8)
    face = detector().detect(tilted)[0]
    assert face.landmarks is not None and level.landmarks is not None
    seen = roll(face.landmarks, face.box) - roll(level.landmarks, level.box)
    # The landmarks take a tilt for a little less than it is: docs/detector.md.
    assert np.sign(seen) == np.sign(degrees) and 0.6 * abs(degrees) < abs(seen) < 50
    model = Model(find_model("emotion"))
    wanted = model.crop(frame, level.box)
    left = similarity(model.crop(tilted, face.box), wanted)
    upright = similarity(model.crop(tilted, face.box, face.landmarks), wanted)
    assert upright > left + 0.1


def test_frames_of_another_shape_work_in_turn(frame: Luma) -> None:
    d = detector()
    (before,) = d.detect(frame)
    wide = np.asarray(cv2.copyMakeBorder(frame, 0, 7, 90, 91, cv2.BORDER_REPLICATE), np.uint8)
    (moved,) = d.detect(wide)
    assert moved.box.moved(-90, 0).iou(before.box) > 0.6
    (after,) = d.detect(frame)
    assert after == before, "nothing is kept between frames"


@pytest.mark.parametrize("width", [0.5, 0.7, 0.9])
def test_a_face_that_fills_the_picture_is_one_face(frame: Luma, width: float) -> None:
    """Somebody leans in; no eye or mouth of theirs is a face of its own."""
    box = where(frame)
    scale = width * 640 / box.width
    (x, y) = box.centre
    zoom = np.array([[scale, 0, 320 - scale * x], [0, scale, 240 - scale * y]], np.float32)
    near = np.asarray(cv2.warpAffine(frame, zoom, (640, 480), flags=cv2.INTER_CUBIC), np.uint8)
    (face,) = detector().detect(near)
    assert face.box.width == pytest.approx(width * 640, rel=0.25)


def test_faces_smaller_than_asked_for_are_left_out(frame: Luma) -> None:
    fraction = where(frame).height / frame.shape[0]
    assert detector(min_face=fraction * 0.9).detect(frame)
    assert not detector(min_face=min(1.0, fraction * 1.1)).detect(frame)


def test_a_higher_threshold_never_finds_more(frame: Luma) -> None:
    counts = [len(detector(threshold=t).detect(frame)) for t in (0.05, 0.5, 0.7, 0.99)]
    assert counts == sorted(counts, reverse=True)


def test_a_classifier_is_refused() -> None:
    with pytest.raises(ConfigError, match="task is emotion; allowed here: face"):
        detector(model=str(TINY))


def copied(tmp_path: Path) -> tuple[Path, dict[str, object]]:
    folder = tmp_path / "other"
    shutil.copytree(find_model("face"), folder)
    manifest: dict[str, object] = json.loads((folder / "manifest.json").read_text())
    return folder, manifest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "anchors"),
        ("strides", [8, 0]),
        ("strides", [8, "sixteen"]),
        ("strides", []),
        ("strides", [8, 16]),
        ("multiple", 12),
    ],
)
def test_a_manifest_of_another_decoding_is_refused(tmp_path: Path, key: str, value: object) -> None:
    folder, manifest = copied(tmp_path)
    manifest["decode"] = {**manifest["decode"], key: value}  # type: ignore[dict-item]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r"manifest: decode|outputs"):
        detector(model=str(folder))


def test_a_model_with_other_outputs_is_refused(tmp_path: Path) -> None:
    folder, manifest = copied(tmp_path)
    shutil.copy(TINY / MODEL, folder / MODEL)
    manifest["sha256"] = json.loads((TINY / "manifest.json").read_text())["sha256"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r"other: .*allowed"):
        detector(model=str(folder))


def test_the_file_is_small() -> None:
    assert (find_model("face") / MODEL).stat().st_size <= 600_000


def test_standing_people_are_found_in_every_frame(data: Path) -> None:
    """Clips never trained on."""
    d = detector()
    for name in ("bird.mkv", "walk.mkv"):
        capture = cv2.VideoCapture(str(data / "clips" / name))
        seen = []
        while True:
            ok, picture = capture.read()
            if not ok:
                break
            grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
            seen.append(bool(d.detect(grey)))
        assert sum(seen) >= 0.98 * len(seen) > 0
