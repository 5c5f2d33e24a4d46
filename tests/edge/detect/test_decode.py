"""The network's maps become faces; no model needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.detect.decode import (
    MAX_FACES,
    Level,
    decode,
    overlaps,
    parts,
    peaks,
    suppress,
)

Floats = NDArray[np.float32]
STRIDE = 8


def nothing(rows: int = 6, columns: int = 8) -> tuple[Floats, Floats, Floats]:
    """Maps of no face; where a score is raised, one of 32 pixels on the middle of its cell."""
    return (
        np.full((rows, columns, 1), -9, np.float32),
        np.full((rows, columns, 4), [0.5, 0.5, np.log(4), np.log(4)], np.float32),
        np.full((rows, columns, 10), 0.5, np.float32),
    )


def test_no_cell_above_the_threshold_is_no_face() -> None:
    scores, boxes, points = decode([Level(STRIDE, *nothing())], threshold=0.5)
    assert scores.shape == (0,) and boxes.shape == (0, 4) and points.shape == (0, 5, 2)


def test_a_face_in_the_middle_of_its_cell() -> None:
    score, box, landmarks = nothing()
    score[2, 3] = 2.0
    box[2, 3, 2:] = np.log([16 / 8, 24 / 8])
    landmarks[2, 3, :2] = (0.0, -1.0)
    scores, boxes, points = decode([Level(STRIDE, score, box, landmarks)], threshold=0.5)
    assert scores == pytest.approx([1 / (1 + np.exp(-2))])
    np.testing.assert_allclose(boxes, [[28 - 8, 20 - 12, 16, 24]], rtol=1e-5)
    np.testing.assert_allclose(points[0, 0], [28 - 4, 20 - 12], rtol=1e-5)
    np.testing.assert_allclose(points[0, 1], [28, 20], rtol=1e-5)


def test_offsets_are_in_cells_from_the_upper_left_corner() -> None:
    score, box, landmarks = nothing()
    score[1, 2] = 2.0
    box[1, 2, :2] = (0.25, -0.5)
    _, boxes, _ = decode([Level(STRIDE, score, box, landmarks)], threshold=0.5)
    np.testing.assert_allclose(boxes[0], [16 + 2 - 16, 8 - 4 - 16, 32, 32], atol=1e-4)


def test_neighbouring_cells_are_one_face_and_far_ones_two() -> None:
    score, box, landmarks = nothing(6, 20)
    score[2, 2], score[2, 3], score[2, 15] = 1.0, 2.0, 3.0
    scores, boxes, _ = decode([Level(STRIDE, score, box, landmarks)], threshold=0.5)
    assert len(scores) == 2
    assert boxes[0, 0] > boxes[1, 0]  # best first
    assert scores[0] > scores[1]


def test_cells_around_the_peak_have_their_say_as_far_as_they_are_sure() -> None:
    score, box, landmarks = nothing()
    score[2, 3], score[2, 4], score[3, 3] = 2.0, 1.0, -4.0
    box[3, 3] = (9, 9, 2, 2)  # too unsure to count
    landmarks[2, 4, 0] = 2.5
    scores, boxes, points = decode([Level(STRIDE, score, box, landmarks)], threshold=0.5)
    sure, less = (1 / (1 + np.exp(-x)) for x in (2.0, 1.0))
    weight = less / (sure + less)
    assert scores == pytest.approx([sure])
    np.testing.assert_allclose(boxes[0], [28 + 8 * weight - 16, 20 - 16, 32, 32], rtol=1e-5)
    np.testing.assert_allclose(points[0, 0], [28 + (8 + 16) * weight, 20], rtol=1e-5)


def test_of_a_small_face_only_the_peak_is_asked() -> None:
    score, box, landmarks = nothing()
    score[2, 3], score[2, 4] = 2.0, 1.9
    box[2, 3, 2:] = box[2, 4, 2:] = np.log([20 / 8, 26 / 8])
    _, boxes, _ = decode([Level(STRIDE, score, box, landmarks)], threshold=0.5)
    np.testing.assert_allclose(boxes, [[28 - 10, 20 - 13, 20, 26]], rtol=1e-5)


@pytest.mark.parametrize("cell", [(0, 0), (5, 7), (0, 7)])
def test_a_cell_in_the_corner_has_no_neighbours_on_the_other_side(cell: tuple[int, int]) -> None:
    score, box, landmarks = nothing()
    score[cell] = 2.0
    score[5 - cell[0], :] = score[:, 7 - cell[1]] = 1.0  # what a wrapped index would hit
    box[5 - cell[0], :, :2] = box[:, 7 - cell[1], :2] = 9
    _, boxes, _ = decode([Level(STRIDE, score, box, landmarks)], threshold=0.5)
    x, y = cell[1] * 8 + 4, cell[0] * 8 + 4
    np.testing.assert_allclose(boxes[0], [x - 16, y - 16, 32, 32], atol=1e-4)


def test_two_peaks_on_one_face_leave_the_better() -> None:
    score, box, landmarks = nothing()
    score[2, 2], score[2, 4] = 1.0, 2.0
    box[2, 2, 2:] = box[2, 4, 2:] = np.log(8)  # 64 pixels, 16 apart
    scores, _, _ = decode([Level(STRIDE, score, box, landmarks)], threshold=0.5)
    assert len(scores) == 1 and scores[0] == pytest.approx(1 / (1 + np.exp(-2)))


def test_absurd_sizes_stay_finite() -> None:
    score, box, landmarks = nothing()
    score[2, 2] = 5.0
    box[2, 2] = (9, 9, 500, -500)
    _, boxes, points = decode([Level(STRIDE, score, box, landmarks)], threshold=0.5)
    assert np.isfinite(boxes).all() and np.isfinite(points).all()


def test_a_flat_map_yields_a_bounded_number() -> None:
    score, box, landmarks = nothing(60, 80)
    score[:] = 3.0
    box[..., 2:] = -3
    scores, _, _ = decode([Level(STRIDE, score, box, landmarks)], threshold=0.5)
    assert 0 < len(scores) <= MAX_FACES


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # busy machines
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_peaks_are_the_cells_that_no_neighbour_beats(rows: int, columns: int, seed: int) -> None:
    score = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    got = peaks(score)
    for r in range(rows):
        for c in range(columns):
            around = score[max(0, r - 1) : r + 2, max(0, c - 1) : c + 2]
            assert got[r, c] == (score[r, c] >= around.max())


def test_overlaps_of_known_boxes() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 0, 2, 2], [5, 5, 1, 1], [0, 0, 0, 0]], np.float32)
    got = overlaps(boxes)
    assert got[0, 0] == pytest.approx(1)
    assert got[0, 1] == pytest.approx(2 / 6)
    assert got[0, 2] == 0 and got[3, 3] == 0


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # busy machines
@given(st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_what_is_kept_overlaps_little_and_what_goes_overlaps_something_kept(
    n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    boxes = np.concatenate([rng.uniform(0, 20, (n, 2)), rng.uniform(1, 15, (n, 2))], axis=1)
    boxes = boxes.astype(np.float32)
    kept = suppress(boxes, 0.4)
    overlap = overlaps(boxes)
    for i in range(n):
        better = [k for k in kept if k < i]
        if i in kept:
            assert all(overlap[i, k] <= 0.4 for k in better)
        else:
            assert any(overlap[i, k] > 0.4 for k in better)


def large(size: float, logit: float) -> Level:
    """A coarse level with one face in its only full cell."""
    score, box, landmarks = nothing(2, 2)
    score[0, 0] = logit
    box[0, 0, 2:] = np.log(size / 32)
    return Level(32, score, box, landmarks)


def small(size: float, logit: float) -> Level:
    score, box, landmarks = nothing(8, 8)
    score[1, 2] = logit  # around (20, 12)
    box[1, 2, 2:] = np.log(size / 8)
    return Level(8, score, box, landmarks)


def test_one_face_seen_on_two_levels_is_one() -> None:
    scores, boxes, _ = decode([small(30, 1.0), large(34, 2.0)], threshold=0.5)
    assert len(scores) == 1 and boxes[0, 2] == pytest.approx(34)


def test_an_eye_inside_a_face_goes_even_when_it_is_surer() -> None:
    scores, boxes, _ = decode([small(10, 3.0), large(40, 2.0)], threshold=0.5)
    assert boxes[:, 2].tolist() == pytest.approx([40])
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_a_doubtful_large_box_takes_no_sure_face_away() -> None:
    _, boxes, _ = decode([small(10, 3.0), large(40, -2.0)], threshold=0.05)
    assert sorted(boxes[:, 2].tolist()) == pytest.approx([10, 40])


def test_two_faces_side_by_side_are_no_parts_of_each_other() -> None:
    boxes = np.array([[0, 0, 40, 40], [35, 0, 12, 12], [50, 0, 40, 40]], np.float32)
    assert not parts(boxes, np.array([0.9, 0.9, 0.9], np.float32)).any()
