"""Targets are what decoding turns back into the faces."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convert.detector.network import STRIDE
from convert.detector.targets import encode
from edge.detect.decode import decode

H, W = 96, 128


def face(x: float, y: float, w: float, h: float) -> NDArray[np.float32]:
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return np.concatenate([[x, y, w, h], (points * (w, h) + (x, y)).reshape(10)]).astype(np.float32)


@given(st.floats(8, 100), st.floats(8, 100), st.floats(0, W - 0.01), st.floats(0, H - 0.01))
def test_encoding_then_decoding_gives_the_face_back(
    w: float, h: float, cx: float, cy: float
) -> None:
    wanted = face(cx - w / 2, cy - h / 2, w, h)
    maps = encode(wanted[None], np.array([False]), H, W)
    logits = np.where(maps.score[..., :1] > 0.999, 5.0, -5.0).astype(np.float32)
    scores, boxes, points = decode(
        logits, maps.box[..., :4], maps.landmarks[..., :10], stride=STRIDE, threshold=0.5
    )
    assert len(scores) == 1
    np.testing.assert_allclose(boxes[0], wanted[:4], atol=0.02, rtol=1e-3)
    np.testing.assert_allclose(points[0].reshape(10), wanted[4:], atol=0.02, rtol=1e-3)


def test_every_face_weighs_the_same_however_large() -> None:
    faces = np.stack([face(4, 4, 10, 12), face(50, 10, 60, 80)])
    maps = encode(faces, np.array([False, False]), H, W)
    assert np.isclose(maps.box[..., 4].sum(), 2)
    assert (maps.box[..., 4] > 0).sum() > 2  # the large one at several cells


def test_an_ignored_face_is_neither_face_nor_background() -> None:
    maps = encode(face(40, 40, 24, 24)[None], np.array([True]), H, W)
    assert maps.score[..., 0].max() == 0
    assert maps.score[6, 6, 1] == 0  # in it
    assert maps.score[0, 0, 1] == 1  # elsewhere
    assert maps.box[..., 4].sum() == 0


def test_a_face_before_an_ignored_one_is_still_asked_for() -> None:
    faces = np.stack([face(40, 40, 24, 24), face(30, 30, 60, 60)])
    maps = encode(faces, np.array([False, True]), H, W)
    row, column = np.argwhere(maps.score[..., 0] == 1)[0]
    assert maps.score[row, column, 1] == 1


def test_landmarks_that_are_not_known_are_not_asked_for() -> None:
    unknown = face(40, 40, 24, 24)
    unknown[4:] = np.nan
    maps = encode(unknown[None], np.array([False]), H, W)
    assert np.isfinite(maps.landmarks).all() and maps.landmarks[..., 10].sum() == 0
    assert maps.box[..., 4].sum() > 0


def test_a_face_whose_centre_is_outside_has_no_cell() -> None:
    maps = encode(face(-40, 10, 30, 30)[None], np.array([False]), H, W)
    assert maps.score[..., 0].max() == 0
