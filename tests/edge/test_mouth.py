"""Mouths that are hidden, or open as wide as in a yawn."""

from __future__ import annotations

import msgspec
import pytest

from edge.config import Config
from edge.configfile import load
from edge.messages import Eyes, FaceState
from edge.mouth import (
    HIDDEN_S,
    REVEALED_S,
    UNTOLD_S,
    YAWN_GAP_S,
    YAWN_MOST_S,
    CoveredMouth,
    WideMouth,
    seems_to_yawn,
    yawn_mouth,
)

LEVEL = 0.4


def test_it_is_wide_from_the_level_on_and_until_it_has_been_shut_for_a_moment() -> None:
    mouth = WideMouth()
    assert not mouth.update(0.0, 0.39, LEVEL)
    assert mouth.update(0.1, 0.4, LEVEL)
    assert mouth.update(0.1 + 0.9 * YAWN_GAP_S, 0.1, LEVEL)
    assert not mouth.update(0.1 + 1.1 * YAWN_GAP_S, 0.1, LEVEL)


def test_a_hand_before_it_does_not_shut_it_at_once() -> None:
    mouth = WideMouth()
    assert mouth.update(0.0, 0.8, LEVEL)
    assert mouth.update(0.9 * HIDDEN_S, None, LEVEL)
    assert not mouth.update(1.1 * HIDDEN_S, None, LEVEL)


def test_one_that_was_never_seen_is_not_wide() -> None:
    mouth = WideMouth()
    assert not mouth.update(0.0, None, LEVEL)
    assert not mouth.update(0.1, None, LEVEL)


def test_it_excuses_nothing_for_ever_and_begins_anew_once_it_was_shut() -> None:
    mouth = WideMouth()
    assert mouth.update(0.0, 0.9, LEVEL)
    assert mouth.update(YAWN_MOST_S - 0.1, 0.9, LEVEL)
    assert not mouth.update(YAWN_MOST_S, 0.9, LEVEL)
    assert not mouth.update(YAWN_MOST_S + 1.0, 0.1, LEVEL)
    assert mouth.update(YAWN_MOST_S + 2.0, 0.9, LEVEL)


@pytest.mark.parametrize(
    ("profile", "level"), [("car", 0.4), ("kiosk", None), ("driver", 0.4), (None, None)]
)
def test_it_matters_where_somebody_asks_for_yawns(profile: str | None, level: float | None) -> None:
    config = load(None, {}, () if profile is None else (f"profile={profile}",))
    assert yawn_mouth(config) == level


def test_nobody_asks_without_a_state() -> None:
    config = Config()
    asked = msgspec.structs.replace(config.drowsiness, enabled=True)
    assert yawn_mouth(msgspec.structs.replace(config, drowsiness=asked)) is None


SEEN, MASKED, NOTHING = FaceState(yaw=0.0, mouth=0.1), FaceState(yaw=0.0), FaceState()


def test_a_mouth_that_cannot_be_told_is_covered_until_it_is_seen_for_a_while() -> None:
    mouth = CoveredMouth()
    assert not mouth.update(0.0, SEEN)
    assert mouth.update(1.0, MASKED)
    assert mouth.update(2.0, SEEN)
    assert mouth.update(2.0 + 0.9 * REVEALED_S, SEEN)
    assert mouth.update(3.0, MASKED)  # a fold of the cloth looked like one
    assert mouth.update(4.0, SEEN)
    assert not mouth.update(4.0 + REVEALED_S, SEEN)


@pytest.mark.parametrize("state", [None, NOTHING])
def test_of_a_face_that_cannot_be_judged_the_last_word_stands(state: FaceState | None) -> None:
    mouth = CoveredMouth()
    assert not mouth.update(0.0, state)
    assert mouth.update(1.0, MASKED)
    assert mouth.update(2.0, state)
    assert mouth.update(1.9 + UNTOLD_S, state)


@pytest.mark.parametrize("state", [None, NOTHING])
def test_a_mouth_of_which_nothing_is_known_any_more_is_not_covered_for_ever(
    state: FaceState | None,
) -> None:
    mouth = CoveredMouth()
    assert mouth.update(0.0, MASKED)
    assert mouth.update(1.0, state)
    assert not mouth.update(1.0 + UNTOLD_S, state)
    assert not mouth.update(2.0 + UNTOLD_S, state)
    assert mouth.update(3.0 + UNTOLD_S, MASKED)
    assert mouth.update(4.0 + UNTOLD_S, state), "it counts from the last pose"


@pytest.mark.parametrize(
    ("mouth", "left", "right", "yawns"),
    [
        (0.6, 0.1, 0.2, True),
        (0.6, None, 0.2, True),
        (0.6, None, None, True),  # behind glasses
        (0.6, 0.9, 0.9, False),  # surprised
        (0.6, 0.9, 0.1, False),  # winks
        (0.6, None, 0.9, False),
        (0.4, 0.1, 0.1, False),  # speaks, or laughs
        (None, 0.1, 0.1, False),
    ],
)
def test_who_yawns_has_a_wide_mouth_and_no_open_eye(
    mouth: float | None, left: float | None, right: float | None, yawns: bool
) -> None:
    assert seems_to_yawn(FaceState(mouth=mouth, eyes=Eyes(left, right))) is yawns
    assert not seems_to_yawn(None)
