"""What is measured on held-out photographs, with detectors whose answers are written down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from convert.detector.photographs import (
    FRAME,
    close_faces,
    evaluate_close,
    evaluate_photographs,
    in_the_dark,
    sideways,
    truth_of,
)
from convert.detector.photos import Photo
from convert.detector.rooms import evaluate_rooms, view
from convert.detector.under_test import DetectorUnderTest
from edge.config import TrackKeys
from edge.geometry import Box
from edge.messages import Face
from tests.convert.detector.pictures import peopled, portrait, scene


class Answering:
    """Finds what a function of the picture says."""

    def __init__(self, answer: Callable[[np.ndarray], list[Face]]) -> None:
        self._answer = answer

    def detect(self, luma: np.ndarray, /) -> tuple[Face, ...]:
        return tuple(self._answer(luma))


def under_test(answer: Callable[[np.ndarray], list[Face]]) -> DetectorUnderTest:
    return DetectorUnderTest("answering", 0.7, Answering(answer))


FACE = Box(40, 30, 32, 42)  # of every `peopled` photograph


def test_a_detector_that_knows_them_all_is_perfect_and_one_that_sees_ghosts_is_told() -> None:
    photos = [peopled(k) for k in range(3)] + [scene(k) for k in range(4)]

    def everywhere(luma: np.ndarray) -> list[Face]:
        return [Face(FACE, 0.9)]

    def nowhere(luma: np.ndarray) -> list[Face]:
        return []

    got = evaluate_photographs(under_test(everywhere), photos, 1)
    assert got["faces"]["recall"] == 1 and got["faces"]["average_precision"] == 1
    assert got["empty"]["false"] == 4 and got["empty"]["a_thousand"] == 1000
    assert got["froc"]["recall_at"]["0.1"] == 0, "no threshold has the faces without the ghosts"
    assert got["by_kind"]["in the dark"]["recall"] == 1
    none = evaluate_photographs(under_test(nowhere), photos, 1)
    assert none["faces"]["recall"] == 0 and none["empty"]["false"] == 0


def test_faces_the_teacher_is_unsure_of_and_tiny_ones_may_be_found_or_not() -> None:
    one = peopled(1)
    faces = np.concatenate([one.faces, one.faces, one.faces])
    faces[1, 14], faces[2, 2:4] = 0.3, 5
    assert truth_of(Photo("p", one.luma, faces)).ignored.tolist() == [False, True, True]


def test_a_nose_off_the_middle_of_the_eyes_is_a_face_turned_to_the_side() -> None:
    face = portrait().faces[0, :14].copy()
    assert not sideways(face)
    face[8] += 10  # eyes 28 pixels apart
    assert sideways(face)


def test_the_dark_is_dark() -> None:
    photo = portrait()
    night = in_the_dark(photo, np.random.default_rng(1))
    assert night.luma.mean() < 0.2 * photo.luma.mean()


def test_close_faces_are_as_wide_as_they_say_and_cut_where_they_say() -> None:
    photos = [scene(1)]
    large = portrait()
    zoomed = np.asarray(np.kron(large.luma, np.ones((2, 2))), np.uint8)
    faces = large.faces.copy()
    faces[:, :14] *= 2
    photos.append(Photo("large", zoomed, faces))
    assert not any("mask" in name for name in close_faces(photos, 2, 1))
    photos.append(Photo("masked", zoomed, faces, kind="mask"))
    frames = close_faces(photos, 2, 1)
    assert {"50%, 0% outside", "50%, 0% outside, behind a mask"} < set(frames)
    for name, part in frames.items():
        for luma, face in part:
            assert luma.shape == FRAME[::-1]
            assert face[2] == pytest.approx(float(name.split("%")[0]) / 100 * FRAME[0], rel=1e-3)
    (_, cut), *_ = frames["50%, 25% outside"]
    outside = max(-cut[0], cut[0] + cut[2] - FRAME[0]) / cut[2]
    assert outside == pytest.approx(0.25, abs=0.01)
    right = {id(luma): face for part in frames.values() for luma, face in part}
    knowing = under_test(lambda luma: [Face(Box(*map(float, right[id(luma)][:4])), 0.9)])
    for own in evaluate_close(knowing, frames).values():
        assert own["found"] == 1 and own["false_a_picture"] == 0


def test_a_ghost_that_stays_is_believed_and_one_that_flickers_is_not() -> None:
    photos = [scene(k) for k in range(2)]
    seen = iter(range(10_000))

    def rooms(answer: Callable[[np.ndarray], list[Face]]) -> int:
        got = evaluate_rooms(
            under_test(answer), photos, minutes=0.66, rate=5, tracking=TrackKeys(), seed=1
        )
        assert got["views"] == 2 and got["frames"] == 200
        return int(got["believed"])

    assert rooms(lambda _: [Face(FACE, 0.9)]) == 2
    assert rooms(lambda _: [Face(FACE, 0.9)] if next(seen) % 7 == 0 else []) == 0


def test_a_view_has_its_time_and_size_and_changes_by_noise() -> None:
    frames = list(view(scene(3), 5, np.random.default_rng(2)))
    assert [t for t, _ in frames] == pytest.approx([n / 5 for n in range(100)])
    assert all(luma.shape == (240, 320) and luma.dtype == np.uint8 for _, luma in frames)
    assert not np.array_equal(frames[0][1], frames[1][1])
