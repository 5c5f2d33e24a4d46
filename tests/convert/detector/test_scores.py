from __future__ import annotations

import numpy as np
import pytest

from convert.detector.scores import (
    Found,
    Truth,
    average_precision,
    evaluate,
    froc,
    match,
    overlap,
    turn,
)


def truth(*boxes: tuple[float, ...], ignored: tuple[int, ...] = ()) -> Truth:
    faces = np.zeros((len(boxes), 14), np.float32)
    for k, box in enumerate(boxes):
        faces[k, :4] = box
        faces[k, 4:] = (0, 0, 1, 0, 0, 0, 0, 0, 0, 0)
    mask = np.zeros(len(boxes), bool)
    mask[list(ignored)] = True
    return Truth(faces, mask)


def found(*rows: tuple[float, ...]) -> Found:
    a = np.array(rows, np.float32).reshape(-1, 5)
    return Found(a[:, 1:], a[:, 0], None)


def test_overlap_by_hand() -> None:
    got = overlap(np.array([0, 0, 4, 4.0]), np.array([[2, 0, 4, 4], [9, 9, 1, 1.0]]))
    assert got.tolist() == pytest.approx([8 / 24, 0])


def test_one_face_found_twice_is_right_once() -> None:
    of_face, kind = match(truth((0, 0, 10, 10)), found((0.9, 0, 0, 10, 10), (0.8, 1, 0, 10, 10)))
    assert of_face.tolist() == [0] and kind.tolist() == [1, 0]


def test_an_ignored_face_counts_neither_way() -> None:
    of_face, kind = match(truth((0, 0, 10, 10), ignored=(0,)), found((0.9, 0, 0, 10, 10)))
    assert of_face.tolist() == [-1] and kind.tolist() == [-1]


def test_no_faces_make_every_box_false() -> None:
    _, kind = match(truth(), found((0.9, 0, 0, 10, 10)))
    assert kind.tolist() == [0]


def test_average_precision_by_hand() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    right = np.array([True, False, True, False])
    # Recall 1/3 at precision 1, 2/3 at 2/3; the third face is never found.
    assert average_precision(scores, right, 3) == pytest.approx(1 / 3 + 2 / 9)
    assert average_precision(scores[:0], right[:0], 3) == 0
    assert average_precision(scores, np.ones(4, bool), 4) == pytest.approx(1)


def test_turn_is_the_tilt_of_the_eyes() -> None:
    face = np.zeros(14, np.float32)
    face[4:8] = (0, 0, 10, 10)
    assert turn(face) == pytest.approx(45)
    face[4:8] = (10, 0, 0, 0)
    assert turn(face) == pytest.approx(0)


def test_the_threshold_decides_recall_but_not_average_precision() -> None:
    truths = [truth((0, 0, 20, 20)), truth()]
    founds = [found((0.6, 0, 0, 20, 20)), found((0.3, 5, 5, 9, 9))]
    low, high = evaluate(truths, founds, 0.2), evaluate(truths, founds, 0.7)
    assert low["average_precision"] == high["average_precision"] == pytest.approx(1)
    assert low["recall"] == 1 and low["false_a_picture"] == 0.5
    assert high["recall"] == 0 and high["false_a_picture"] == 0
    sizes = low["recall_by_size"]
    assert isinstance(sizes, list)
    assert [b["recall"] for b in sizes if b["faces"]] == [1]
    assert sum(b["faces"] for b in sizes) == 1


def test_a_shift_of_the_landmarks_is_told_in_eye_distances() -> None:
    marked = truth((0, 0, 40, 50))
    marked.faces[0, 4:] = (10, 20, 30, 20, 20, 30, 12, 40, 28, 40)
    landmarks = marked.faces[:, 4:14].reshape(1, 5, 2) + np.array([2, -1], np.float32)
    one = found((0.9, 0, 0, 40, 50))
    shift = evaluate([marked], [Found(one.boxes, one.scores, landmarks)], 0.5)["landmark_shift"]
    assert shift == pytest.approx([0.1, -0.05])
    assert evaluate([marked], [one], 0.5)["landmark_shift"] is None
    marked.faces[0, 4:] = np.nan
    unknown = evaluate([marked], [Found(one.boxes, one.scores, landmarks)], 0.5)
    assert unknown["landmark_shift"] is None


def test_a_free_response_curve_by_hand() -> None:
    truths = [truth((0, 0, 20, 20)), truth((0, 0, 20, 20), (50, 50, 20, 20), ignored=(1,))]
    founds = [found((0.9, 0, 0, 20, 20)), found((0.5, 0, 0, 20, 20), (0.8, 50, 50, 20, 20))]
    curve = froc(truths, founds, [found((0.7, 1, 1, 9, 9)), found()])
    assert curve.recall_at(0) == 0.5  # above 0.7 only the first face
    assert curve.recall_at(0.5) == 1
    assert curve.false_a_picture.max() == 0.5
    assert (np.diff(curve.recall) >= 0).all() and (np.diff(curve.false_a_picture) >= 0).all()
