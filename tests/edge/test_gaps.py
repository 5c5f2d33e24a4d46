"""What is said of eyes and mouths that are not seen for a while: nothing that nobody saw."""

from __future__ import annotations

import pytest

from tests.edge.scripted import AHEAD, Do, conditions, play

SHUT = {"eyes": 0.05}
UNSEEN = {"eyes": None}


@pytest.mark.parametrize("rate", [5.0, 10.0, 20.0, 30.0])
@pytest.mark.parametrize(
    "script",
    [
        [Do(0.1, **SHUT), Do(0.5, **UNSEEN), Do(0.1, **SHUT)],
        [Do(0.1, **SHUT), Do(0.8, **UNSEEN)] * 40,
        [Do(0.2, **SHUT), Do(0.8, **UNSEEN)] * 20,
        [Do(0.2, **SHUT), Do(1.5, stalled=True), Do(0.2, **SHUT)],
        [Do(0.2, **SHUT), Do(2.5, stalled=True), Do(0.2, **SHUT)],
        [Do(0.1, **SHUT), Do(0.8, stalled=True)] * 4,
    ],
)
def test_of_a_gap_nobody_says_that_the_eyes_were_shut_in_it(script: list[Do], rate: float) -> None:
    said = conditions(play([AHEAD, *script, AHEAD], rate=rate), attention=False)
    assert [s.what for s in said] == []


@pytest.mark.parametrize("rate", [4.0, 5.0, 10.0, 20.0])
def test_a_measurement_that_fails_now_and_then_hides_no_sleep(rate: float) -> None:
    one = 0.9 / rate
    sleeping = [Do(1.0 - one, **SHUT), Do(one, **UNSEEN)] * 5
    said = conditions(play([AHEAD, *sleeping, AHEAD], rate=rate), attention=False)
    assert [(s.what, s.event.t) for s in said] == [
        ("eyes_closed microsleep", pytest.approx(5.5, abs=0.4)),
        ("eyes_closed sleep", pytest.approx(8.0, abs=0.4)),
        ("eyes_closed_ended sleep", pytest.approx(10.0, abs=0.4)),
    ]


def test_what_was_seen_on_both_sides_of_a_gap_adds_up_to_a_microsleep() -> None:
    script = [AHEAD, Do(0.35, **SHUT), Do(0.6, **UNSEEN), Do(0.35, **SHUT), AHEAD]
    said = conditions(play(script, rate=20.0), attention=False)
    assert [s.what for s in said] == ["eyes_closed microsleep", "eyes_closed_ended microsleep"]
    assert said[0].event.t == pytest.approx(6.15, abs=0.1)


def test_a_sleep_after_glimpses_is_told_as_soon_and_gaps_are_not_in_its_length() -> None:
    glimpses = [Do(0.1, **SHUT), Do(0.8, **UNSEEN)] * 10  # from 5.0 to 14.0 s
    asleep = [Do(2.0, **SHUT), Do(0.5, **UNSEEN), Do(2.0, **SHUT)]
    said = conditions(play([AHEAD, *glimpses, *asleep, AHEAD], rate=20.0), attention=False)
    assert [(s.what, s.event.t) for s in said] == [
        ("eyes_closed microsleep", pytest.approx(14.5, abs=0.2)),
        ("eyes_closed sleep", pytest.approx(17.5, abs=0.2)),
        ("eyes_closed_ended sleep", pytest.approx(18.5, abs=0.2)),
    ]
    assert said[-1].event.seconds == pytest.approx(4.0, abs=0.3)


@pytest.mark.parametrize("after", [AHEAD, Do(5.0, gone=True)])
def test_gaps_are_in_no_length_however_it_ends(after: Do) -> None:
    shut = [Do(1.0, **SHUT), Do(0.9, **UNSEEN)] * 2 + [Do(1.0, **SHUT)]
    said = conditions(play([AHEAD, *shut, after], rate=20.0), attention=False)
    assert said[-1].what.startswith("eyes_closed_ended")
    assert said[-1].event.seconds == pytest.approx(3.0, abs=0.25)


def test_a_sleep_is_told_as_no_shorter_than_one_has_to_be() -> None:
    begins = [Do(0.45, **SHUT), Do(0.75, **UNSEEN), *[Do(0.2, **SHUT), Do(0.3, **UNSEEN)] * 7]
    said = conditions(play([AHEAD, *begins, Do(2.3, **SHUT), AHEAD], rate=30.0), attention=False)
    (sleep,) = [s for s in said if s.what == "eyes_closed sleep"]
    assert sleep.event.seconds is not None and sleep.event.seconds >= 3.0
    assert said[-1].event.seconds >= sleep.event.seconds


def test_a_pause_of_the_camera_neither_ends_nor_lessens_what_is_on() -> None:
    script = [AHEAD, Do(4.0, **SHUT), Do(1.5, stalled=True), Do(1.0, **SHUT), AHEAD]
    said = conditions(play(script, rate=20.0), attention=False)
    assert [s.what for s in said] == [
        "eyes_closed microsleep",
        "eyes_closed sleep",
        "eyes_closed_ended sleep",
    ]


def test_gaps_are_no_perclos() -> None:
    winking = [Do(1.0), Do(0.1, **SHUT), Do(0.8, **UNSEEN), Do(0.1, **SHUT)] * 30
    said = play([AHEAD, *winking, AHEAD], rate=20.0)
    assert [s.what for s in conditions(said, attention=False)] == []
    (left,) = [s.event for s in said if s.what == "face_left"]
    assert left.estimate.sums is not None
    assert left.estimate.sums.perclos == pytest.approx(0.08, abs=0.02)


def test_two_glimpses_of_an_open_mouth_are_no_yawn() -> None:
    script = [AHEAD, Do(0.1, mouth=1.0), Do(2.2, stalled=True), Do(0.1, mouth=1.0), AHEAD]
    assert conditions(play(script, rate=20.0), attention=False) == []
