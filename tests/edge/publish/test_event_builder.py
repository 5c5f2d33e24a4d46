"""What stages say becomes what the contract promises."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import rfc3339
from edge.contract import Event, State, encode
from edge.geometry import Box
from edge.messages import EventType, Eyes, FaceState, PipelineEvent, Reason, Status
from edge.publish.event_builder import EventBuilder
from edge.publish.timesync import time_synced
from tests.edge.publish.rig import LABELS, WHO, change, estimate
from tests.fakes import FakeClock


def builder(clock: FakeClock, synced: bool = True, seed: int = 1) -> EventBuilder:
    return EventBuilder(WHO, clock, random.Random(seed), lambda: synced)


def test_an_event_keeps_to_the_contract() -> None:
    clock = FakeClock(now=1000.0, wall=1_700_000_000.0)
    event = builder(clock).event(change(999.0, "sad"))
    assert msgspec.json.decode(encode(event), type=Event) == event  # ranges are checked here
    assert event.source == "/emotion/kiosk"
    assert event.type == "emotion-edge.emotion_changed"
    assert event.subject == event.data.track == "a1"
    assert event.time == "2023-11-14T22:13:19.000Z"
    assert event.data.uptime_s == 999.0
    assert event.data.time_synced is True
    assert event.data.box == [0.25, 0.25, 0.1, 0.1]


def test_what_a_face_is_doing_is_in_the_event_and_in_the_state_and_null_where_nobody_asked() -> (
    None
):
    clock = FakeClock()
    doing = FaceState(yaw=-12.345, pitch=None, eyes=Eyes(left=0.12345), mouth=0.5, looking=True)
    known = replace(estimate("sad", t=990.0), state=doing)
    event = builder(clock).event(PipelineEvent(EventType.FACE_LEFT, 1000.0, known, None, 0))
    state = builder(clock).state(1000.0, [known], Status.RUNNING)
    wanted = {
        "yaw": -12.3,
        "pitch": None,
        "roll": None,
        "eyes": {"left": 0.12, "right": None},
        "mouth": 0.5,
        "smile": None,
        "looking": True,
    }
    assert msgspec.json.decode(encode(event))["data"]["state"] == wanted
    assert msgspec.json.decode(encode(state))["faces"][0]["state"] == wanted
    nobody_asked = builder(clock).event(change(1000.0))
    assert msgspec.json.decode(encode(nobody_asked))["data"]["state"] is None


def test_times_are_of_the_change_and_not_of_the_stamping() -> None:
    clock = FakeClock(now=1000.0, wall=1_700_000_000.0)
    began = replace(estimate("sad", t=990.0), reason=Reason.BLURRED)
    event = builder(clock).event(PipelineEvent(EventType.FACE_LEFT, 997.5, began, None, 0))
    assert event.time == "2023-11-14T22:13:17.500Z"
    assert event.data.started_at == "2023-11-14T22:13:10.000Z"
    assert event.data.reason == "blurred"


def test_a_set_clock_moves_times_and_leaves_uptime() -> None:
    clock = FakeClock(now=1000.0, wall=0.0)  # no real-time clock: booted in 1970
    s = builder(clock)
    before = s.event(change(1000.0))
    clock.jump_wall(1_700_000_000.0)
    after = s.event(change(1000.0))
    assert before.time.startswith("1970-01-01")
    assert after.time.startswith("2023-11-14")
    assert before.data.uptime_s == after.data.uptime_s


def test_time_synced_is_asked_again_after_a_while() -> None:
    clock, asked = FakeClock(), []
    s = EventBuilder(WHO, clock, random.Random(1), lambda: bool(asked.append(1) or len(asked) > 1))
    assert s.event(change(clock.now())).data.time_synced is False
    assert s.event(change(clock.now())).data.time_synced is False
    clock.advance(10.0)
    assert s.event(change(clock.now())).data.time_synced is True
    assert len(asked) == 2


def test_this_machine_says_whether_its_clock_is_right() -> None:
    assert time_synced() in (True, False)  # whatever it says, asking works


def test_ids_differ_and_a_seed_repeats_them() -> None:
    clock = FakeClock()
    first, again = builder(clock), builder(clock)
    ids = [first.event(change(1.0)).id for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert ids == [again.event(change(1.0)).id for _ in range(1000)]


@given(st.lists(st.floats(1e-6, 1), min_size=7, max_size=7))
def test_rounded_scores_still_add_up_to_one(weights: list[float]) -> None:
    scores = {k: w / sum(weights) for k, w in zip(LABELS, weights, strict=True)}
    event = builder(FakeClock()).event(
        replace(change(1.0), estimate=replace(estimate(), scores=scores))
    )
    assert sum(event.data.scores.values()) == pytest.approx(1, abs=1e-3)
    assert all(round(v, 4) == v for v in event.data.scores.values())


@given(*[st.floats(-2000, 2000) for _ in range(2)], *[st.floats(1, 3000) for _ in range(2)])
def test_a_box_off_the_picture_is_cut_to_it(x: float, y: float, w: float, h: float) -> None:
    track = replace(estimate().track, box=Box(x, y, w, h))
    event = builder(FakeClock()).event(
        replace(change(1.0), estimate=replace(estimate(), track=track))
    )
    assert len(msgspec.json.decode(encode(event), type=Event).data.box) == 4
    assert all(0 <= v <= 1 for v in event.data.box)


@pytest.mark.parametrize(
    ("status", "emotion", "reason"),
    [
        ("running", "none", "no_face"),
        ("paused", "none", "paused"),
        ("camera_lost", "none", "camera_lost"),
        ("stopped", "none", None),
    ],
)
def test_state_without_faces_says_why(status: str, emotion: str, reason: str | None) -> None:
    clock = FakeClock()
    state = builder(clock).state(clock.now(), (), status)
    assert (state.status, state.emotion, state.reason, state.faces) == (status, emotion, reason, [])
    assert msgspec.json.decode(encode(state), type=State) == state


def test_state_speaks_for_the_largest_face_and_lists_all() -> None:
    clock = FakeClock(now=1000.0)
    faces = (estimate("sad", track="big", t=998.0), estimate("happy", track="small", t=999.5))
    state = builder(clock).state(1000.0, faces, "running")
    assert state.emotion == "sad"
    assert [(f.track, f.emotion, f.since_s) for f in state.faces] == [
        ("big", "sad", 2.0),
        ("small", "happy", 0.5),
    ]


def test_a_picture_is_beside_the_faces_not_among_them() -> None:
    clock = FakeClock(now=1000.0)
    poster, person = estimate("unknown", track="poster"), estimate("happy", track="person")
    poster = replace(poster, track=replace(poster.track, still=True), reason=Reason.PICTURE)
    both = builder(clock).state(1000.0, (poster, person), "running")
    assert (both.emotion, both.reason) == ("happy", None)
    assert [(f.track, f.still) for f in both.faces] == [("person", False)]
    assert [(f.track, f.still, f.reason) for f in both.still] == [("poster", True, "picture")]
    alone = builder(clock).state(1000.0, (poster,), "running")
    assert (alone.emotion, alone.reason, alone.faces) == ("none", "no_face", [])


def test_milliseconds_and_utc_whatever_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert rfc3339(1_711_846_799.9996) == "2024-03-31T00:59:59.999Z"  # Europe's switch to DST
