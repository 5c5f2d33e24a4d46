"""Values, poses and their mirror images, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from convert.state.outputs import EYE_LEFT, EYE_RIGHT, NAMES, mirrored, openness, targets
from convert.state.teacher import angles, rotation_of
from edge.geometry import turned_pose


def test_an_eye_is_open_to_shut_between_its_two_blinks() -> None:
    told = openness(np.array([0.0, 0.1, 0.375, 0.65, 0.9]))
    np.testing.assert_allclose(told, [1, 1, 0.5, 0, 0], atol=1e-6)


def test_targets_name_the_persons_own_sides() -> None:
    names = ["eyeBlinkRight", "eyeBlinkLeft", "jawOpen", "mouthSmileLeft", "mouthSmileRight"]
    row = targets(np.array([[10.0, -5, 3]]), np.array([[0.7, 0.0, 0.4, 0.2, 0.6]]), names)[0]
    told = dict(zip(NAMES, row.tolist(), strict=True))
    wanted = {
        "yaw": 10, "pitch": -5, "roll": 3, "eye_left": 1, "eye_right": 0, "mouth": 0.4, "smile": 0.4
    }  # fmt: skip
    assert told == pytest.approx(wanted)


def test_a_mirror_image_turns_the_other_way_and_swaps_the_eyes() -> None:
    values = np.array([10, 5, 3, 0.2, 0.9, 0.4, 0.5], np.float32)
    np.testing.assert_allclose(mirrored(values), [-10, 5, -3, 0.9, 0.2, 0.4, 0.5], rtol=1e-6)
    assert (EYE_LEFT, EYE_RIGHT) == (3, 4)


@pytest.mark.parametrize("pose", [(0, 0, 0), (40, -20, 15), (-60, 30, -45)])
def test_angles_are_those_of_their_rotation(pose: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(angles(rotation_of(np.array(pose, float))), pose, atol=1e-9)


def test_the_signs_are_those_of_the_docs() -> None:
    nose = np.array([0.0, 0, 1])  # towards the camera; x to the picture's right, y up
    assert (rotation_of(np.array([30.0, 0, 0])) @ nose)[0] > 0  # yaw: to the right edge
    assert (rotation_of(np.array([0.0, 20, 0])) @ nose)[1] > 0  # pitch: up
    top = np.array([0.0, 1, 0])
    assert (rotation_of(np.array([0.0, 0, 25])) @ top)[0] > 0  # roll: top to the right edge


@pytest.mark.parametrize("degrees", [-50, 0, 20, 90])
def test_a_turned_picture_is_a_rotation_before_all_others(degrees: float) -> None:
    pose = (30.0, -12.0, 17.0)
    a = np.radians(degrees)
    clockwise = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    want = angles(clockwise @ rotation_of(np.array(pose)))
    np.testing.assert_allclose(turned_pose(*pose, degrees), want, atol=1e-9)


def test_turning_the_picture_turns_where_the_face_looks() -> None:
    np.testing.assert_allclose(turned_pose(0.0, 0, 5, 20), [0, 0, 25], atol=1e-9)
    yaw, pitch, _ = turned_pose(30.0, 0, 0, 90)  # a clockwise quarter: right becomes down
    assert yaw == pytest.approx(0, abs=1e-9)
    assert pitch == pytest.approx(-30)
