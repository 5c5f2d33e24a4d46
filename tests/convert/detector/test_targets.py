"""Targets are what decoding turns back into the faces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convert.detector.network import STRIDES
from convert.detector.targets import BOTH, BOUNDS, EITHER, Maps, encode
from edge.detect.decode import Level, decode

H, W = 96, 128


def face(x: float, y: float, w: float, h: float) -> NDArray[np.float32]:
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return np.concatenate([[x, y, w, h], (points * (w, h) + (x, y)).reshape(10)]).astype(np.float32)


def answer(maps: dict[int, Maps]) -> list[Level]:
    """What a network would say that has learnt its targets by heart."""
    return [
        Level(
            stride,
            np.where(m.score[..., :1] > 0.999, 5.0, -5.0).astype(np.float32),
            m.box[..., :4],
            m.landmarks[..., :10],
        )
        for stride, m in maps.items()
    ]


@given(st.floats(8, 120), st.floats(8, 120), st.floats(0, W - 0.01), st.floats(0, H - 0.01))
def test_encoding_then_decoding_gives_the_face_back(
    w: float, h: float, cx: float, cy: float
) -> None:
    wanted = face(cx - w / 2, cy - h / 2, w, h)
    maps = encode(wanted[None], np.array([False]), H, W)
    scores, boxes, points = decode(answer(maps), threshold=0.5)
    assert len(scores) == 1
    np.testing.assert_allclose(boxes[0], wanted[:4], atol=0.02, rtol=1e-3)
    np.testing.assert_allclose(points[0].reshape(10), wanted[4:], atol=0.02, rtol=1e-3)


def test_every_face_weighs_the_same_on_each_level_that_answers_for_it() -> None:
    faces = np.stack([face(4, 4, 10, 12), face(50, 10, 50, 60), face(20, 4, 40, 30)])
    maps = encode(faces, np.zeros(3, bool), H, W)
    # Where it must answer, and where it may; on 32 the two share a cell.
    assert maps[8].box[..., 8].sum() == pytest.approx(3)
    assert maps[16].box[..., 8].sum() == pytest.approx(2)
    asked = {stride: (m.score[..., 0] == 1).sum() for stride, m in maps.items()}
    assert asked == {8: 2, 16: 2, 32: 0}  # where it must: the second is on both sides of a bound


@given(st.floats(8, 300))
def test_some_level_answers_for_every_size_and_none_is_blamed_near_its_range(size: float) -> None:
    one = face(160 - size / 2, 128 - size / 2, size, size)
    maps = encode(one[None], np.array([False]), 256, 320)
    asked = [s for s, m in maps.items() if m.score[..., 0].max() == 1]
    assert asked
    free = [s for s, m in maps.items() if m.score[..., 1].min() == 0]
    assert len(asked) + len(free) <= 3
    for k, bound in enumerate(BOUNDS):
        near = bound / BOTH * 1.01 < size < bound * BOTH * 0.99
        assert not near or {STRIDES[k], STRIDES[k + 1]} <= set(asked)
        somewhat = bound / EITHER * 1.01 < size < bound * EITHER * 0.99
        assert not somewhat or {STRIDES[k], STRIDES[k + 1]} <= set(asked) | set(free)


def test_an_ignored_face_is_neither_face_nor_background() -> None:
    maps = encode(face(40, 40, 24, 24)[None], np.array([True]), H, W)[8]
    assert maps.score[..., 0].max() == 0
    assert maps.score[6, 6, 1] == 0  # in it
    assert maps.score[0, 0, 1] == 1  # elsewhere
    assert maps.box[..., 8].sum() == 0


def test_a_face_before_an_ignored_one_is_still_asked_for() -> None:
    faces = np.stack([face(40, 40, 24, 24), face(30, 30, 60, 60)])
    maps = encode(faces, np.array([False, True]), H, W)[8]
    row, column = np.argwhere(maps.score[..., 0] == 1)[0]
    assert maps.score[row, column, 1] == 1


def test_landmarks_that_are_not_known_are_not_asked_for() -> None:
    unknown = face(40, 40, 24, 24)
    unknown[4:] = np.nan
    maps = encode(unknown[None], np.array([False]), H, W)[8]
    assert np.isfinite(maps.landmarks).all() and maps.landmarks[..., 20].sum() == 0
    assert maps.box[..., 8].sum() > 0


def test_a_face_whose_centre_is_outside_has_no_cell() -> None:
    maps = encode(face(-40, 10, 30, 30)[None], np.array([False]), H, W)
    assert all(m.score[..., 0].max() == 0 for m in maps.values())
