"""Drivers and passers-by by script, as openpilot tests its monitoring: every event, none else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edge.config_face import Attention, Drowsiness
from tests.edge.scripted import AHEAD, Do, Said, conditions, play

WITHIN_S = 0.3
# The rates that a camera and a budget leave; between two measurements nobody knows anything.
RATES = (5.0, 10.0, 15.0, 30.0)
NOISES = (0.0, 1.0)
SEEDS = 3

Expected = list[tuple[str, float]]  # what is said, and when that was so by the script

LEFT, RIGHT = {"yaw": -45.0}, {"yaw": 40.0}
SHUT = {"eyes": 0.05}
DOWN = {"pitch": -40.0, "eyes": 0.2}  # lids look shut from above
GLASSES = {"eyes": None}


def talking(seconds: float) -> list[Do]:
    syllable = [Do(0.12, mouth=0.45), Do(0.1, mouth=0.1)]
    return syllable * round(seconds / 0.22)


def blinking(seconds: float, every: float = 3.0, length: float = 0.15) -> list[Do]:
    return [Do(every - length), Do(length, **SHUT)] * round(seconds / every)


SCENARIOS: dict[str, tuple[list[Do], Expected]] = {
    "awake": ([Do(60.0)], []),
    "blinks": ([AHEAD, *blinking(60.0)], []),
    "a long blink": ([AHEAD, Do(0.25, **SHUT), AHEAD], []),
    "a microsleep": (
        [AHEAD, Do(1.5, **SHUT), AHEAD],
        [("eyes_closed microsleep", 5.5), ("eyes_closed_ended microsleep", 6.5)],
    ),
    "sleep": (
        [AHEAD, Do(5.0, **SHUT), AHEAD],
        [
            ("eyes_closed microsleep", 5.5),
            ("eyes_closed sleep", 8.0),
            ("eyes_closed_ended sleep", 10.0),
        ],
    ),
    "a yawn": ([AHEAD, Do(5.0, mouth=0.8), AHEAD], [("yawn", 7.0), ("yawn_ended", 10.0)]),
    "a yawn with eyes shut": (
        [AHEAD, Do(5.0, mouth=0.8, **SHUT), AHEAD],
        [("yawn", 7.0), ("yawn_ended", 10.0)],
    ),
    "a yawn of which a moment is not seen": (
        [AHEAD, Do(2.4, mouth=0.8), Do(0.6, mouth=None), Do(2.0, mouth=0.8), AHEAD],
        [("yawn", 7.0), ("yawn_ended", 10.0)],
    ),
    "talking": ([AHEAD, *talking(20.0), AHEAD], []),
    "an open mouth for a moment": ([AHEAD, Do(1.2, mouth=0.8), AHEAD], []),
    "a short look left": (
        [AHEAD, Do(2.5, **LEFT), AHEAD],
        [("attention_ended", 5.0), ("attention_began", 7.5)],
    ),
    "a long look left": (
        [AHEAD, Do(5.0, **LEFT), AHEAD],
        [
            ("attention_ended", 5.0),
            ("distracted long", 8.0),
            ("distracted_ended long", 10.0),
            ("attention_began", 10.0),
        ],
    ),
    "mirrors": (
        [AHEAD, *[Do(0.8, **RIGHT), Do(6.0), Do(0.8, **LEFT), Do(6.0)] * 3],
        [
            (what, 5.0 + 6.8 * n + dt)
            for n in range(6)
            for what, dt in (("attention_ended", 0.0), ("attention_began", 0.8))
        ],
    ),
    "glances at a phone": (
        [AHEAD, *[Do(2.4, **DOWN), Do(2.0)] * 5, AHEAD],
        [
            *[
                (what, 5.0 + 4.4 * n + dt)
                for n in range(4)
                for what, dt in (("attention_ended", 0.0), ("attention_began", 2.4))
            ],
            ("attention_ended", 22.6),
            ("distracted repeated", 23.0),
            ("distracted_ended repeated", 25.0),
            ("attention_began", 25.0),
        ],
    ),
    "glances at a phone, the last of which does not end": (
        [AHEAD, *[Do(2.4, **DOWN), Do(2.0)] * 4, Do(6.0, **DOWN), AHEAD],
        [
            *[
                (what, 5.0 + 4.4 * n + dt)
                for n in range(4)
                for what, dt in (("attention_ended", 0.0), ("attention_began", 2.4))
            ],
            ("attention_ended", 22.6),
            ("distracted repeated", 23.0),
            ("distracted long", 25.6),
            ("distracted_ended long", 28.6),
            ("attention_began", 28.6),
        ],
    ),
    "glances that do not add up within 30 s": (
        [AHEAD, *[Do(2.4, **DOWN), Do(7.6)] * 5],
        [
            (what, 5.0 + 10.0 * n + dt)
            for n in range(5)
            for what, dt in (("attention_ended", 0.0), ("attention_began", 2.4))
        ],
    ),
    "sunglasses": ([Do(90.0, **GLASSES)], []),
    "sunglasses, looking aside": (
        [Do(5.0, **GLASSES), Do(4.0, yaw=45.0, **GLASSES), Do(5.0, **GLASSES)],
        [
            ("attention_ended", 5.0),
            ("distracted long", 8.0),
            ("distracted_ended long", 9.0),
            ("attention_began", 9.0),
        ],
    ),
    "the head sinks": (
        [AHEAD, Do(6.0, **DOWN), AHEAD],
        [
            ("attention_ended", 5.0),
            ("distracted long", 8.0),
            ("distracted_ended long", 11.0),
            ("attention_began", 11.0),
        ],
    ),
    "the head is raised, lids are seen from below": (
        [AHEAD, Do(2.0, pitch=32.0, eyes=0.08), AHEAD],
        [("attention_ended", 5.0), ("attention_began", 7.0)],
    ),
    "dim: nothing can be told": ([Do(60.0, yaw=None, pitch=None, eyes=None, mouth=None)], []),
    "the pose is lost for a moment": (
        [AHEAD, Do(4.0, yaw=None, pitch=None), AHEAD],
        [],
    ),
    "the pose is lost for long": (
        [AHEAD, Do(15.0, yaw=None, pitch=None), AHEAD],
        [("attention_ended", 15.0), ("attention_began", 20.0)],
    ),
    "the eyes are lost while they are shut": (
        [AHEAD, Do(1.0, **SHUT), Do(10.0, eyes=None), AHEAD],
        [("eyes_closed microsleep", 5.5), ("eyes_closed_ended microsleep", 6.0)],
    ),
    "lids are lowered and seldom seen": (
        [AHEAD, *[Do(0.2, **SHUT), Do(1.3, eyes=None)] * 4, AHEAD],
        [],
    ),
    "a microsleep of which one measurement fails": (
        [AHEAD, Do(0.9, **SHUT), Do(0.05, eyes=None), Do(0.55, **SHUT), AHEAD],
        [("eyes_closed microsleep", 5.5), ("eyes_closed_ended microsleep", 6.5)],
    ),
    "eyes are not seen after each blink": (
        [AHEAD, *[Do(4.0), Do(0.2, **SHUT), Do(0.7, eyes=None)] * 12, AHEAD],
        [],
    ),
    "the face is lost": (
        [AHEAD, Do(1.5, **SHUT), Do(2.0, gone=True)],
        [
            ("eyes_closed microsleep", 5.5),
            ("attention_ended", 6.5),
            ("eyes_closed_ended microsleep", 6.5),
        ],
    ),
}


def check(said: Sequence[Said], expected: Expected, *, told_s: float = WITHIN_S) -> None:
    got = sorted((s.what, round(s.event.t, 2)) for s in said)
    want = sorted(expected)
    assert [w for w, _ in got] == [w for w, _ in want], f"said {got}, script {want}"
    for (what, t), (_, when) in zip(got, want, strict=True):
        assert t == pytest.approx(when, abs=WITHIN_S), (what, got)
    late = [(s.what, s.told - s.event.t) for s in said if s.told - s.event.t > told_s]
    assert not late


def play_and_check(name: str, noise: float, rate: float, seeds: int) -> None:
    script, expected = SCENARIOS[name]
    seen = any(do.yaw is not None for do in script)
    whole: Expected = [("attention_began", 0.0)] if seen else []
    if not any(do.gone for do in script) and seen:
        whole.append(("attention_ended", sum(do.seconds for do in script)))
    # Said so soon after it was so: the hold and two measurements; eyes not seen for a second.
    told_s = 1.2 if "eyes are lost" in name else max(WITHIN_S, 0.25 + 1.5 / rate)
    for seed in range(seeds):
        said = conditions(play(script, rate=rate, noise=noise, seed=seed, phase=seed / seeds))
        check(said, sorted(whole + expected), told_s=told_s)


@pytest.mark.parametrize("rate", [5.0, 15.0])
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_event_in_the_script_and_none_else(name: str, rate: float) -> None:
    play_and_check(name, 1.0, rate, 1)


@pytest.mark.slow
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("noise", NOISES)
def test_so_it_is_at_every_rate_with_noise_and_without(noise: float, rate: float) -> None:
    for name in SCENARIOS:
        play_and_check(name, noise, rate, SEEDS)


@pytest.mark.parametrize(("seconds", "alarm"), [(2.9, False), (3.1, True)])
@pytest.mark.parametrize("noise", NOISES)
def test_a_look_aside_of_less_than_three_seconds_is_none(
    seconds: float, noise: float, alarm: bool
) -> None:
    for seed in range(5):
        said = play([AHEAD, Do(seconds, **LEFT), AHEAD], rate=30.0, noise=noise, seed=seed)
        assert [s.what for s in said if "distracted" in s.what] == (
            ["distracted long", "distracted_ended long"] if alarm else []
        )


@pytest.mark.parametrize(("seconds", "alarm"), [(0.43, False), (0.57, True)])
def test_eyes_shut_for_half_a_second_are_a_microsleep(seconds: float, alarm: bool) -> None:
    for seed in range(5):
        said = play([AHEAD, Do(seconds, **SHUT), AHEAD], rate=30.0, noise=1.0, seed=seed)
        assert any("eyes_closed" in s.what for s in said) == alarm


def test_two_people_are_judged_apart() -> None:
    one = [AHEAD, Do(4.0, **LEFT), AHEAD]
    other = [Do(9.0), Do(1.0, **SHUT), Do(4.0)]
    said = conditions(play(one, other, noise=1.0), attention=False)
    assert [(s.event.estimate.track.id, s.what) for s in said] == [
        ("face0", "distracted long"),
        ("face0", "distracted_ended long"),
        ("face1", "eyes_closed microsleep"),
        ("face1", "eyes_closed_ended microsleep"),
    ]


def test_a_tired_minute_is_drowsy_and_a_wakeful_one_ends_it() -> None:
    nodding = blinking(60.0, every=4.0, length=0.9)  # 22 % of the time, each a microsleep
    said = conditions(play([Do(30.0), *nodding, Do(90.0)], rate=10.0, noise=1.0), attention=False)
    drowsy = [(s.what, s.event.t) for s in said if "drowsy" in s.what]
    assert [what for what, _ in drowsy] == ["drowsy", "drowsy_ended"]
    # The eighth of these closures brings the minute's sum to 7.2 s.
    assert drowsy[0][1] == pytest.approx(62.0, abs=4.1)
    assert 90 < drowsy[1][1] < 180


def test_slow_blinks_are_drowsy_though_the_eyes_are_open_most_of_the_time() -> None:
    said = play([Do(30.0), *blinking(60.0, every=5.0, length=0.47)], rate=30.0)
    assert "drowsy" in [s.what for s in said]
    assert not [s for s in said if "eyes_closed" in s.what]


def test_face_left_has_the_sums() -> None:
    script = [AHEAD, *blinking(30.0), Do(1.0), Do(4.0, mouth=0.8), Do(4.0, **LEFT), AHEAD]
    (left,) = [s.event for s in play(script, rate=30.0, noise=1.0) if s.what == "face_left"]
    sums = left.estimate.sums
    assert sums is not None
    assert (sums.blinks, sums.yawns) == (10, 1)
    assert sums.looked_s == pytest.approx(45.0, abs=0.5)


def test_narrow_eyes_are_not_closed_ones() -> None:
    narrow = Do(30.0, eyes=0.5)
    script = [narrow, Do(1.0, eyes=0.1), narrow]
    said = conditions(play(script, rate=15.0, noise=0.5), attention=False)
    assert [s.what for s in said] == ["eyes_closed microsleep", "eyes_closed_ended microsleep"]


@pytest.mark.parametrize(("yaw", "natural"), [(20.0, "track"), (25.0, "camera")])
def test_the_natural_pose_is_learned_where_the_camera_hangs_beside(
    yaw: float, natural: str
) -> None:
    settings = Attention(natural=natural), Drowsiness()  # type: ignore[arg-type]  # literals
    script = [Do(120.0, yaw=yaw), Do(10.0, yaw=yaw + 7), Do(10.0, yaw=yaw + 40)]
    said = play(script, rate=10.0, noise=1.0, settings=settings)
    ended = [s.event.t for s in said if s.what == "attention_ended" and s.event.t > 60]
    assert ended[0] == pytest.approx(130.0, abs=0.5)


def test_what_is_learned_is_bounded() -> None:
    settings = Attention(max_yaw_offset=5.0), Drowsiness()
    said = play([Do(300.0, yaw=22.0), Do(10.0, yaw=-19.0)], rate=5.0, settings=settings)
    assert "attention_ended" in [s.what for s in said if 299 < s.event.t < 305]
    wide = play([Do(300.0, yaw=22.0), Do(10.0, yaw=29.0)], rate=5.0, settings=settings)
    assert "attention_ended" in [s.what for s in wide if 299 < s.event.t < 305]


def test_two_visitors_share_the_camera_s_natural_pose() -> None:
    first = [Do(90.0, yaw=20.0), Do(5.0, gone=True)]
    second = [Do(95.0, gone=True), Do(10.0, yaw=30.0)]  # out of the cone, had nobody been before

    def looked(natural: str) -> bool:
        settings = Attention(natural=natural), Drowsiness()  # type: ignore[arg-type]  # literals
        said = play(first, second, rate=10.0, settings=settings)
        return any(s.what == "attention_began" and s.event.t > 94 for s in said)

    assert looked("camera")
    assert not looked("track")


def test_nothing_of_lids_is_said_unless_it_is_asked_for() -> None:
    script = [AHEAD, Do(4.0, **SHUT), Do(5.0, mouth=0.8), Do(5.0, **LEFT), AHEAD]
    said = conditions(play(script, settings=(Attention(), Drowsiness())), attention=False)
    assert said == []
