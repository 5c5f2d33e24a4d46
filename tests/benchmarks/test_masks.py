"""What `benchmarks.masks` shows and counts."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.masks import (
    SECONDS,
    SETTLED_S,
    Portrait,
    Told,
    swaying,
    told,
    with_mouth_behind,
)
from benchmarks.state.judged import FPS
from edge.messages import UNKNOWN, Reason
from tests.edge.tools.analyze.rig import face

FACE = (92, 33, 119, 138)  # of the demo clip's frame: x, y, width, height, as detected
EARLY, LATE = int(SETTLED_S * FPS), int((SECONDS - SETTLED_S) * FPS)


def test_the_face_is_in_the_middle_and_sways() -> None:
    luma = np.full((100, 80), 100, np.uint8)
    luma[30:70, 20:50] = 200  # the face
    frames = swaying(Portrait(luma, (20.0, 30.0, 30.0, 40.0)), 1)
    assert len(frames) == SECONDS * FPS
    assert {f.shape for f in frames} == {(480, 640)}
    lefts = [int(np.flatnonzero(f[240] > 150)[0]) for f in frames]
    assert abs(np.mean(lefts) - (320 - 55)) < 4
    assert 2 < max(lefts) - min(lefts) < 20


def test_what_is_said_most_of_the_time_once_settled_counts() -> None:
    def told(early: Reason | None, late: Reason | None) -> Told:
        return Told([UNKNOWN] * (EARLY + LATE), [early] * EARLY + [late] * LATE)

    assert told(None, Reason.COVERED).covered()
    assert not told(Reason.COVERED, None).covered()
    assert not told(Reason.COVERED, Reason.NO_FACE).covered()


def test_an_emotion_but_neutral_counts_however_short() -> None:
    assert not Told([UNKNOWN, "neutral", UNKNOWN], [None] * 3).other()
    assert Told(["neutral", "sad", "neutral"], [None] * 3).other()


def test_by_the_defaults_a_woman_smiles_until_she_wears_a_mask() -> None:
    x, y, width, height = FACE
    bare = Portrait(face(), (float(x), float(y), float(width), float(height)))
    masked = face().copy()
    masked[y + round(0.6 * height) : y + round(0.95 * height), x : x + width] = 190
    seen = told(bare, 1, "", ())
    assert seen.emotions[-1] == "happy" and not seen.covered()
    hidden = told(Portrait(cv2.GaussianBlur(masked, (5, 5), 0), bare.face), 1, "", ())
    assert hidden.covered() and not hidden.other()


def test_a_photograph_is_before_the_mouth_and_nothing_else() -> None:
    before = Portrait(np.full((100, 80), 100, np.uint8), (20.0, 30.0, 30.0, 50.0))
    after = with_mouth_behind(before, np.full((9, 9), 250, np.uint8))
    rows, columns = np.nonzero(after.luma == 250)
    assert (rows.min(), rows.max()) == (58, 79)  # from 0.58 of its height, cut to a pixel
    assert (columns.min(), columns.max()) == (20, 49)
    assert (before.luma == 100).all()
