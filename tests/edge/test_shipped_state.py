"""The shipped state model on a real face: the clip of the demo, mirrored, turned and covered."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.config import Detect
from edge.detect import open_detector
from edge.geometry import Box, Points
from edge.messages import FaceState
from edge.model.manifest import MODEL
from edge.state import StateModel
from tests.conftest import ROOT

Luma = NDArray[np.uint8]
FRAME = 56  # of the clip: she fills it
FOLDER = ROOT / "models" / "state"


@functools.cache
def model() -> StateModel:
    return StateModel(FOLDER)


@functools.cache
def picture() -> tuple[Luma, Box, Points]:
    """Return a frame with one face, its box and landmarks."""
    capture = cv2.VideoCapture(str(ROOT / "edge" / "demo" / "astronaut.mp4"))
    for _ in range(FRAME):
        ok, frame = capture.read()
        assert ok
    luma = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
    best = open_detector(Detect()).detect(luma)[0]
    assert best.landmarks is not None
    return luma, best.box, best.landmarks


def said(luma: Luma, box: Box, landmarks: Points | None = None) -> FaceState:
    return model().infer(*model().crop(luma, box, landmarks))


def test_a_smiling_woman_looks_about_ahead_with_open_eyes() -> None:
    luma, box, _ = picture()
    state = said(luma, box)
    assert state.yaw == pytest.approx(0, abs=30)
    assert state.pitch == pytest.approx(0, abs=25)
    assert (state.smile or 0) > 0.5
    eyes = state.eyes
    assert eyes is not None
    assert min(eyes.left or 0, eyes.right or 0) > 0.4


def test_her_mirror_image_turns_and_tilts_the_other_way() -> None:
    luma, box, _ = picture()
    mirror = np.ascontiguousarray(luma[:, ::-1])
    there = Box(luma.shape[1] - box.x - box.width, box.y, box.width, box.height)
    one, two = said(luma, box), said(mirror, there)
    assert two.yaw == pytest.approx(-(one.yaw or 0), abs=6)
    assert two.roll == pytest.approx(-(one.roll or 0), abs=5)
    assert two.pitch == pytest.approx(one.pitch, abs=6)


@pytest.mark.parametrize("degrees", [-30, 30])
def test_a_turned_picture_tilts_the_head(degrees: int) -> None:
    luma, box, points = picture()
    centre = box.centre
    matrix = cv2.getRotationMatrix2D(centre, -degrees, 1.0)  # OpenCV: counter-clockwise
    turned = cv2.warpAffine(luma, matrix, luma.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    there = [tuple(matrix @ [x, y, 1]) for x, y in points]
    landmarks: Points = tuple((float(x), float(y)) for x, y in there)
    before = said(luma, box, points)
    state = said(np.asarray(turned, np.uint8), box, landmarks)
    assert state.roll == pytest.approx((before.roll or 0) + degrees, abs=8)


def test_of_eyes_behind_dark_glasses_nothing_is_told() -> None:
    luma, box, points = picture()
    (rx, ry), (lx, ly) = points[:2]
    apart = float(np.hypot(lx - rx, ly - ry))
    covered = luma.copy()
    for x, y in points[:2]:
        axes = (round(0.42 * apart), round(0.3 * apart))
        cv2.ellipse(covered, (round(x), round(y)), axes, 0, 0, 360, 15, -1)
    cv2.line(covered, (round(rx), round(ry)), (round(lx), round(ly)), 15, 2)
    state = said(covered, box)
    assert state.eyes is not None
    assert (state.eyes.left, state.eyes.right) == (None, None)
    assert state.yaw is not None


def test_it_is_as_small_as_was_asked_for() -> None:
    assert (Path(FOLDER) / MODEL).stat().st_size <= 600_000
