"""What `benchmarks.state` composes and counts; slow: one sequence through the whole daemon."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reaction.morph import SIDE, Portrait
from benchmarks.state.__main__ import table, unclear
from benchmarks.state.chart import Lane, Span, draw
from benchmarks.state.judged import Daemon, Said, Sample, about, faults
from benchmarks.state.kept import Kept, judged_anew, load, save
from benchmarks.state.pictures import spans
from benchmarks.state.sequences import LIDS, ahead, times, turned
from benchmarks.state.shots import Shot, normal, trained_on, with_eyes_of
from benchmarks.state.yawns import others, right
from edge.messages import UNKNOWN

PAIR = ("Pete_Sampras_0002.jpg", "Pete_Sampras_0009.jpg")  # awake; lids down by the teacher
DATA = Path(os.environ.get("EMOTION_EDGE_DATA", ""))
SCRIPT = LIDS["eyes shut for 1.5 s"]


def test_a_script_says_when_eyes_are_shut_and_what_is_to_be_said() -> None:
    closed, expected = SCRIPT()
    assert closed == [(5.0, 6.5)]
    assert expected == (
        ("eyes_closed microsleep", 5.5),
        ("eyes_closed_ended microsleep", 6.5),
    )
    keys = times(closed, 0.12, 9.5)
    assert [which for _, which in keys] == [0, 0, 1, 1, 0, 0]
    assert [t for t, _ in keys] == sorted(t for t, _ in keys)
    with pytest.raises(ValueError, match=r"0\.12 s and more"):
        times([(1.0, 1.1)], 0.12, 2.0)


def test_what_is_missing_late_or_too_much_is_a_fault() -> None:
    expected = (("yawn", 7.0), ("yawn_ended", 10.0))
    right = [Said("yawn", 7.1, 7.1), Said("yawn_ended", 9.9, 10.2), Said("face_left", 11.0, 11.0)]
    assert faults(about(right), expected) == []
    assert faults(about(right[:1]), expected) == ["no yawn_ended"]
    assert faults(about([*right, Said("drowsy", 8.0, 8.0)]), expected) == ["unasked drowsy"]
    early = [Said("yawn", 6.5, 6.5), right[1]]
    assert faults(early, expected) == ["yawn -0.50 s off"]
    late = [Said("yawn", 7.0, 7.6), right[1]]
    assert faults(late, expected) == ["yawn told 0.60 s late"]


def test_heads_that_turn_are_awake_before_and_after() -> None:
    portrait = Portrait(np.zeros((SIDE, SIDE), np.uint8), np.zeros((68, 2), np.float32), 60.0)
    shot = Shot(portrait, "", "", "", False, (5.0, 0.0, 0.0), (0.1, 0.2), 0.1)
    assert ahead(shot) and not turned(shot)
    aside = replace(shot, pose=(40.0, 0.0, 0.0))
    assert turned(aside) and not ahead(aside)
    for asleep in ({"blink": (0.1, 0.6)}, {"jaw": 0.4}, {"pose": (5.0, -20.0, 0.0)}):
        assert not ahead(replace(shot, **asleep))


def test_what_is_no_two_shut_eyes_is_counted_apart() -> None:
    name = sorted(unclear())[0].split(" | ")
    said = [
        Said("eyes_closed microsleep", 5.5, 5.5),
        Said("eyes_closed_ended microsleep", 6.5, 6.5),
    ]
    expected = SCRIPT()[1]
    kept = [
        Kept(other, name[0], "eyes shut for 1.5 s", 1, expected, [], said if right else [])
        for other, right in ((name[1], False), ("a.jpg, b.jpg", True), ("c.jpg, d.jpg", False))
    ]
    (row,), wrong = table(kept, lambda k: k.said)
    assert (row["right"], row["of"], row["clear"]) == (1, 3, "1 of 2")
    assert len(wrong) == 2


def test_only_the_eyes_are_taken_from_another_face() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(50, 110, (68, 2)).astype(np.float32)
    points[36:42] = rng.uniform((62, 67), (68, 73), (6, 2))
    points[42:48] = rng.uniform((92, 67), (98, 73), (6, 2))
    grey = np.full((SIDE, SIDE), 128, np.uint8)
    chequered = (np.indices((SIDE, SIDE)).sum(0) // 2 % 2 * 200).astype(np.uint8)
    made = with_eyes_of(Portrait(grey, points, 60.0), Portrait(chequered, points, 60.0)).picture
    changed = np.abs(made.astype(int) - grey) > 20
    y, x = np.nonzero(changed)
    assert changed[66:75, 60:70].mean() > 0.5
    assert x.min() > 50 and x.max() < 110 and y.min() > 58 and y.max() < 82


def test_a_face_of_any_size_comes_into_the_middle() -> None:
    points = np.array([[200, 100], [330, 100], [265, 230]], np.float32)
    portrait = normal(np.zeros((400, 500), np.uint8), points)
    low, high = portrait.points.min(0), portrait.points.max(0)
    assert portrait.picture.shape == (SIDE, SIDE)
    assert high[0] - low[0] == pytest.approx(65, abs=0.1)
    assert (low + high) / 2 == pytest.approx((SIDE / 2, SIDE / 2), abs=0.1)


def test_films_that_were_trained_on_are_told_from_others() -> None:
    assert trained_on("yawn", "Yawning_mp4-3_jpg")
    assert not trained_on("yawn", "yt-M3QYDtSbhrA-0017_jpg")


def test_what_was_kept_is_judged_by_the_rules_of_today(tmp_path: Path) -> None:
    samples = [
        Sample(n / 20, (0.0, 0.0) if 100 <= n < 130 else (0.9, 0.9), 0.0, 0.0, 0.0)
        for n in range(190)
    ]
    said = [Said("distracted long", 1.0, 1.0), Said("drowsy", 2.0, 2.0)]
    kept = Kept("a", "s", "eyes shut for 1.5 s", 1, SCRIPT()[1], samples, said)
    save(tmp_path / "kept.json", [kept])
    (read,) = load(tmp_path / "kept.json")
    # What no rule of lids says is as it was; the rest is said anew.
    assert faults(about(judged_anew(read)), read.expected) == ["unasked distracted long"]


def test_the_chart_shows_what_lasted_from_when_to_when() -> None:
    said = [
        Said("attention_began", 0.5, 0.5),
        Said("eyes_closed microsleep", 2.5, 2.5),
        Said("eyes_closed sleep", 5.0, 5.0),
        Said("eyes_closed_ended sleep", 6.0, 6.0),
    ]
    found = spans(said, 10.0)
    assert Span("eyes_closed microsleep", 2.5, 5.0) in found
    assert Span("eyes_closed sleep", 5.0, 6.0) in found
    assert Span("attention", 0.5, 10.0) in found
    lane = Lane("eyes", [(0.0, 0.9), (0.1, None), (0.2, 0.8), (0.3, 0.7)], 0, 1, [0.4])
    svg = draw("a < b", [lane], found, 10.0)
    assert "<title>a &lt; b</title>" in svg
    assert svg.count("<path d=") == 3 + 1 + 2  # the grid, the level, a curve in two parts


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / "state").is_dir(), reason="EMOTION_EDGE_DATA names no folder with state/"
)
def test_shut_eyes_of_a_real_face_are_told_in_time_and_nothing_else() -> None:
    from benchmarks.reaction.faces import rooms
    from benchmarks.state.judged import film
    from benchmarks.state.sequences import LIDS_S, of_pair
    from benchmarks.state.shots import lfw

    shots = {s.name: s for s in lfw(DATA, PAIR)}
    awake, shut = (shots[name] for name in PAIR)
    room = rooms(DATA)[0]
    scripts = {"eyes shut for 1.5 s": SCRIPT}
    for sequence in of_pair(awake, shut, shut.portrait, "LFW", scripts, LIDS_S):
        daemon = Daemon(film(sequence, room), "driver")
        daemon.run()
        assert faults(about(daemon.said), sequence.expected) == [], sequence.does


def test_what_changes_while_a_mouth_is_open_counts_but_unknown_does_not() -> None:
    calm = [None, UNKNOWN, "neutral", "neutral"]
    assert others([*calm, "neutral", "angry", "angry", UNKNOWN, "sad", "neutral"], 4) == (2, 3)
    assert others([*calm, UNKNOWN, None, "neutral"], 4) == (0, 0)
    assert others([None, UNKNOWN, "angry"], 2) == (1, 1)  # nothing was shown before
    assert right(["neutral", "happy", "happy", "sad"], 1, 4, "happy")
    assert not right(["neutral", "happy"], 2, 2, "happy")
