import msgspec
import numpy as np
import pytest

from edge.config_emotion import Alert
from edge.events import EventRules
from edge.geometry import Box
from edge.messages import Estimate, EventType, PipelineEvent, Reason, Track

QUIET = Alert()
ALERT = Alert(enabled=True, level=0.5, after_s=10, clear_s=2, moderate=0.65, more=0.8)


def estimate(
    emotion: str, t: float = 0.0, name: str = "a", reason: Reason | None = None, **shares: float
) -> Estimate:
    scores = {"neutral": 1 - sum(shares.values()), **shares}
    track = Track(name, Box(10, 10, 50, 60), 0.9, 0.0, t, (320, 240))
    return Estimate(track, emotion, scores.get(emotion, 0.0), scores, 0.0, t, reason, 1.0)


def kinds(changes: tuple[PipelineEvent, ...]) -> list[str]:
    return [c.kind.value for c in changes]


def test_a_face_appears_changes_and_leaves() -> None:
    rules = EventRules([QUIET])
    (came,) = rules.update(0.0, [estimate("happy")])
    assert (came.kind, came.previous, came.faces) == (EventType.FACE_APPEARED, None, 1)
    assert rules.update(0.1, [estimate("happy")]) == ()
    (changed,) = rules.update(0.2, [estimate("sad", 0.2)])
    assert (changed.kind, changed.previous, changed.estimate.emotion) == (
        EventType.EMOTION_CHANGED,
        "happy",
        "sad",
    )
    (left,) = rules.update(5.0, [])
    assert (left.kind, left.previous, left.faces) == (EventType.FACE_LEFT, "sad", 0)
    assert left.duration_s == 0.2, "in view until it was last seen, not until that was noticed"


def test_a_face_is_announced_with_its_emotion_rather_than_before() -> None:
    rules = EventRules([QUIET])
    assert rules.update(0.0, [estimate("unknown")]) == ()
    assert rules.announced([estimate("unknown")]) == ()
    (came,) = rules.update(0.4, [estimate("happy")])
    assert came.estimate.emotion == "happy"
    assert len(rules.announced([estimate("happy")])) == 1


def test_a_face_that_cannot_be_judged_is_announced_at_once_with_the_reason() -> None:
    (came,) = EventRules([QUIET]).update(0.0, [estimate("unknown", reason=Reason.TOO_SMALL)])
    assert came.estimate.reason is Reason.TOO_SMALL


def test_who_was_never_announced_does_not_leave() -> None:
    rules = EventRules([QUIET])
    rules.update(0.0, [estimate("unknown")])
    assert rules.update(0.5, []) == ()


def test_two_people_come_and_go_independently() -> None:
    rules = EventRules([QUIET])
    rules.update(0.0, [estimate("happy", name="a")])
    came = rules.update(1.0, [estimate("happy", name="a"), estimate("sad", name="b")])
    assert [(c.estimate.track.id, c.faces) for c in came] == [("b", 2)]
    left = rules.update(2.0, [estimate("sad", name="b")])
    assert [(c.kind.value, c.estimate.track.id, c.faces) for c in left] == [("face_left", "a", 1)]


def test_a_lost_camera_lets_everybody_leave_with_that_reason() -> None:
    rules = EventRules([QUIET])
    rules.update(0.0, [estimate("happy", name="a"), estimate("sad", name="b")])
    left = rules.lose_sight(3.0, Reason.CAMERA_LOST)
    assert kinds(left) == ["face_left", "face_left"]
    assert {c.reason for c in left} == {Reason.CAMERA_LOST}
    assert rules.lose_sight(4.0, Reason.CAMERA_LOST) == ()


def hold(rules: EventRules, begin: float, end: float, **shares: float) -> list[PipelineEvent]:
    out: list[PipelineEvent] = []
    for t in np.arange(begin, end, 0.1):
        out += rules.update(float(t), [estimate("neutral", float(t), **shares)])
    return [c for c in out if c.kind.value.startswith("alert")]


@pytest.mark.parametrize(("share", "grade"), [(0.55, "less"), (0.7, "moderate"), (0.85, "more")])
def test_a_held_sum_of_emotions_raises_an_alert_with_a_grade(share: float, grade: str) -> None:
    rules = EventRules([ALERT])
    (began,) = hold(rules, 0, 15, sad=share / 2, angry=share / 2)
    assert (began.kind, began.grade) == (EventType.ALERT_BEGAN, grade)
    assert began.t == pytest.approx(10, abs=0.11)


@pytest.mark.parametrize("before", [0.0, 0.4])
@pytest.mark.parametrize("hz", [2.0, 10.0])
def test_the_grade_is_of_the_time_above_the_level_only(before: float, hz: float) -> None:
    rules = EventRules([msgspec.structs.replace(ALERT, after_s=1.0)])
    times = np.arange(0, 4, 1 / hz)
    events = [
        e
        for t in times
        for e in rules.update(float(t), [estimate("neutral", sad=before if t < 2 else 0.6)])
    ]
    (began,) = [e for e in events if e.kind is EventType.ALERT_BEGAN]
    assert began.grade == "less"


def test_an_alert_ends_once_it_was_low_long_enough() -> None:
    rules = EventRules([ALERT])
    hold(rules, 0, 15, sad=0.9)
    assert hold(rules, 15, 16.5, sad=0.1) == []  # too short
    assert hold(rules, 16.5, 18, sad=0.9) == []  # and back: the same alert
    (ended,) = hold(rules, 18, 25, sad=0.1)
    assert ended.kind is EventType.ALERT_ENDED
    assert ended.duration_s == pytest.approx(10, abs=0.3)


def test_a_sum_that_is_interrupted_begins_anew() -> None:
    rules = EventRules([ALERT])
    assert hold(rules, 0, 9, sad=0.9) == []
    assert hold(rules, 9, 9.2, sad=0.1) == []
    assert hold(rules, 9.2, 18, sad=0.9) == []
    assert len(hold(rules, 18, 20, sad=0.9)) == 1


def test_an_alert_ends_when_its_face_leaves() -> None:
    rules = EventRules([ALERT])
    hold(rules, 0, 15, sad=0.9)
    assert kinds(rules.update(15, [])) == ["alert_ended", "face_left"]


def test_an_alert_that_is_switched_off_ends_and_one_that_is_switched_on_begins() -> None:
    rules = EventRules([ALERT])
    hold(rules, 0, 15, sad=0.9)
    rules.configure([QUIET])
    (ended,) = hold(rules, 15, 20, sad=0.9)
    assert ended.kind is EventType.ALERT_ENDED
    rules.configure([ALERT])
    (began,) = hold(rules, 20, 35, sad=0.9)
    assert began.kind is EventType.ALERT_BEGAN


SAD = msgspec.structs.replace(ALERT, name="sad", emotions=["sad"])
ANGRY = msgspec.structs.replace(ALERT, name="angry", emotions=["angry"], level=0.3, after_s=3)


def test_several_alerts_begin_and_end_each_by_its_own_rule_and_say_which() -> None:
    rules = EventRules([SAD, ANGRY])
    began = hold(rules, 0, 15, sad=0.6, angry=0.4)
    assert [(e.alert, round(e.t)) for e in began] == [("angry", 3), ("sad", 10)]
    (ended,) = hold(rules, 15, 20, sad=0.6, angry=0.1)
    assert (ended.kind, ended.alert) == (EventType.ALERT_ENDED, "angry")
    ended, left = rules.update(20, [])
    assert (ended.kind, ended.alert, left.kind) == (
        EventType.ALERT_ENDED, "sad", EventType.FACE_LEFT,
    )  # fmt: skip


def test_an_alert_that_is_taken_out_ends_and_the_others_go_on() -> None:
    rules = EventRules([SAD, ANGRY])
    assert len(hold(rules, 0, 15, sad=0.6, angry=0.4)) == 2
    rules.configure([SAD])
    (ended,) = hold(rules, 15, 20, sad=0.6, angry=0.4)
    assert (ended.kind, ended.alert) == (EventType.ALERT_ENDED, "angry")
    rules.configure([msgspec.structs.replace(ANGRY, after_s=1), SAD])
    (began,) = hold(rules, 20, 25, sad=0.6, angry=0.4)
    assert (began.kind, began.alert) == (EventType.ALERT_BEGAN, "angry")
    assert began.t == pytest.approx(21, abs=0.11)


def test_an_alert_taken_out_ends_with_a_face_that_leaves_just_then() -> None:
    rules = EventRules([ANGRY])
    hold(rules, 0, 15, angry=0.4)
    rules.configure([])
    assert kinds(rules.update(15, [])) == ["alert_ended", "face_left"]


def test_there_is_no_alert_unless_it_is_enabled() -> None:
    assert hold(EventRules([QUIET]), 0, 60, sad=0.9) == []


def test_a_picture_that_moves_again_appears_again_and_its_time_counts_from_then() -> None:
    def seen(t: float, *, still: bool) -> Estimate:
        track = Track("a", Box(10, 10, 50, 60), 0.9, 0.0, t, (320, 240), still=still)
        reason = Reason.PICTURE if still else None
        emotion = "unknown" if still else "happy"
        return Estimate(track, emotion, 0.9, {"happy": 0.9, "sad": 0.1}, 0.0, t, reason, 1.0)

    rules = EventRules([QUIET])
    assert kinds(rules.update(0.0, [seen(0.0, still=False)])) == ["face_appeared"]
    (left,) = rules.update(9.0, [seen(9.0, still=True)])
    assert (left.kind, left.reason, left.faces) == (EventType.FACE_LEFT, Reason.PICTURE, 0)
    assert left.estimate.emotion == "happy"  # what it last was
    assert rules.update(50.0, [seen(50.0, still=True)]) == ()
    assert len(rules.announced([seen(50.0, still=True)])) == 1  # for the state
    assert kinds(rules.update(60.0, [seen(60.0, still=False)])) == ["face_appeared"]
    rules.update(61.0, [seen(61.0, still=False)])
    (gone,) = rules.update(64.0, [])
    assert gone.duration_s == pytest.approx(1.0)
