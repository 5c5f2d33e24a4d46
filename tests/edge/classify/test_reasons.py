"""Which faces are not scored, and what is said instead."""

from dataclasses import replace

import msgspec
import pytest

from edge.config_emotion import Classify
from edge.geometry import Points
from edge.messages import Eyes, FaceState, Frame, Reason
from tests.edge.classify.rig import (
    AHEAD_STATE,
    EVERYTHING,
    MASKED_STATE,
    classifier,
    grey_frame,
    limits,
    reasons,
    track,
    with_mouth,
)


def test_who_may_be_yawning_is_not_scored_and_keeps_the_turn() -> None:
    c = classifier(yawn_mouth=0.4)
    openings = [0.1, 0.5, 0.9, None, 0.5, 0.1, 0.1, 0.1, 0.1]
    times = [0.12 * n for n in range(len(openings))]
    counts = [
        len(c.classify(grey_frame(t), [with_mouth(t, opening)]))
        for t, opening in zip(times, openings, strict=True)
    ]
    assert counts == [1, 0, 0, 0, 0, 0, 1, 1, 1]  # and 0.2 s after it


def test_however_wide_a_mouth_is_it_is_scored_where_nobody_asks_for_yawns() -> None:
    c = classifier()
    assert reasons(c, [with_mouth(0.0, 1.0).state], 1.0) == [None]
    c.configure(EVERYTHING, 0.4)
    assert c.classify(grey_frame(1.0), [with_mouth(1.0, 1.0)]) == ()
    c.configure(EVERYTHING, None)
    assert [s.reason for s in c.classify(grey_frame(2.0), [with_mouth(2.0, 1.0)])] == [None]


def test_but_not_if_the_eyes_are_shut_too() -> None:
    yawn = FaceState(mouth=0.8, eyes=Eyes(0.1, None))
    assert reasons(classifier(), [yawn, AHEAD_STATE], 0.25) == [Reason.YAWNING, None]
    everybody = msgspec.structs.replace(EVERYTHING, score_yawns=True)
    assert reasons(classifier(everybody), [yawn], 0.25) == [None]


def test_behind_a_mask_a_face_is_covered_until_the_mouth_is_seen_for_a_while() -> None:
    states = [AHEAD_STATE, MASKED_STATE, AHEAD_STATE, MASKED_STATE, *[AHEAD_STATE] * 5]
    hidden = [None, *[Reason.COVERED] * 5, None, None, None]
    assert reasons(classifier(), states, 0.25) == hidden


def test_a_head_whose_pose_is_not_told_says_nothing_new_of_its_mouth() -> None:
    nothing = FaceState()
    assert reasons(classifier(), [nothing, None], 0.25) == [None, None]
    states = [MASKED_STATE, nothing, nothing, nothing, AHEAD_STATE]
    assert reasons(classifier(), states, 0.25) == [Reason.COVERED] * 5


def test_who_turns_away_with_a_mask_has_it_still_on_looking_back() -> None:
    away = FaceState(yaw=70.0)
    states = [MASKED_STATE, FaceState(), *[away] * 5, FaceState(), AHEAD_STATE]
    told = [*[Reason.COVERED] * 2, *[Reason.TURNED_AWAY] * 5, *[Reason.COVERED] * 2]
    assert reasons(classifier(), states, 1.2) == told


def test_a_masked_face_is_scored_where_that_is_wanted() -> None:
    everybody = msgspec.structs.replace(EVERYTHING, score_covered=True)
    assert reasons(classifier(everybody), [MASKED_STATE] * 3, 0.25) == [None] * 3


@pytest.mark.parametrize(
    ("config", "frame", "reason"),
    [
        (limits(60, 0, 0), grey_frame(0), Reason.TOO_SMALL),
        (limits(8, 0, 40), grey_frame(0, 20), Reason.LOW_LIGHT),
        (limits(8, 50, 0), grey_frame(0), Reason.BLURRED),
    ],
)
def test_a_face_that_cannot_be_judged_has_a_reason_instead_of_scores(
    config: Classify, frame: Frame, reason: Reason
) -> None:
    (scored,) = classifier(config).classify(frame, [track("a", 20)])
    assert (scored.probabilities, scored.reason) == (None, reason)


ASIDE: Points = ((110, 60), (118, 60), (124, 68), (112, 80), (117, 80))  # nose far off its line


AHEAD: Points = ((105, 60), (125, 60), (115, 70), (107, 80), (123, 80))


@pytest.mark.parametrize(
    ("landmarks", "state", "away"),
    [
        (AHEAD, None, False),
        (ASIDE, None, True),
        (None, None, False),  # nobody knows
        (ASIDE, FaceState(yaw=5.0, pitch=0.0, mouth=0.0), False),  # the state is the better judge
        (ASIDE, FaceState(), True),  # but it does not know
        (AHEAD, FaceState(yaw=-30.5), True),
        (AHEAD, FaceState(yaw=29.5, pitch=-24.5, mouth=0.0), False),
        (AHEAD, FaceState(yaw=0.0, pitch=29.5, mouth=0.0), False),
        (AHEAD, FaceState(yaw=0.0, pitch=30.5), True),
        (AHEAD, FaceState(yaw=0.0, pitch=-25.5), True),
    ],
)
def test_a_head_turned_away_is_not_scored(
    landmarks: Points | None, state: FaceState | None, away: bool
) -> None:
    face = replace(track("a", 100), landmarks=landmarks, state=state)
    (scored,) = classifier(msgspec.structs.replace(EVERYTHING, upright=False)).classify(
        grey_frame(0), [face]
    )
    assert scored.reason == (Reason.TURNED_AWAY if away else None)
    assert (scored.probabilities is None) == away


def test_every_head_is_scored_where_that_is_wanted() -> None:
    face = replace(track("a", 100), state=FaceState(yaw=89.0, pitch=-89.0, mouth=0.0))
    everybody = msgspec.structs.replace(EVERYTHING, max_yaw=90.0, max_pitch=90.0, max_bowed=90.0)
    (scored,) = classifier(everybody).classify(grey_frame(0), [face])
    assert scored.reason is None
