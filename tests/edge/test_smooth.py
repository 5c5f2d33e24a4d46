import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from edge.config_emotion import Smooth
from edge.geometry import Box
from edge.messages import Estimate, Reason, Scores, Track
from edge.smooth import TemporalSmoother, ema_step

LABELS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def track(name: str = "a") -> Track:
    return Track(name, Box(0, 0, 50, 60), 0.9, 0.0, 0.0, (320, 240))


def scores(emotion: str, share: float, name: str = "a") -> Scores:
    values = np.full(7, (1 - share) / 6, np.float32)
    values[LABELS.index(emotion)] = share
    return Scores(name, values)


Script = list[tuple[float, str, float]]  # (seconds, emotion, score), one after the other


def play(smoother: TemporalSmoother, script: Script, hz: float = 10) -> list[Estimate]:
    """Show the script; return an estimate a frame."""
    out, t = [], 0.0
    for seconds, emotion, share in script:
        for _ in range(round(seconds * hz)):
            out += smoother.update(t, [track()], [scores(emotion, share)])
            t += 1 / hz
    return out


def changes(estimates: list[Estimate]) -> list[str]:
    names = [e.emotion for e in estimates]
    return [n for i, n in enumerate(names) if i == 0 or n != names[i - 1]]


@pytest.mark.parametrize("method", ["mean", "ema", "mode"])
def test_a_face_that_changes_is_followed(method: str) -> None:
    estimates = play(
        TemporalSmoother(LABELS, Smooth(method=method)), [(4, "happy", 0.9), (4, "sad", 0.9)]
    )
    assert changes(estimates) == ["unknown", "happy", "sad"]


@pytest.mark.parametrize("method", ["mean", "ema", "mode"])
def test_labels_that_flicker_each_frame_do_not_make_the_emotion_flicker(method: str) -> None:
    script = [(0.1, e, 0.55) for _ in range(100) for e in ("neutral", "neutral", "sad")]
    estimates = play(TemporalSmoother(LABELS, Smooth(method=method)), script)
    assert changes(estimates) == ["unknown", "neutral"]


def test_a_short_blink_of_another_emotion_is_not_published() -> None:
    script = [(3.0, "neutral", 0.9), (0.3, "angry", 0.9), (3.0, "neutral", 0.9)]
    estimates = play(TemporalSmoother(LABELS, Smooth()), script)
    assert changes(estimates) == ["unknown", "neutral"]


def test_two_changes_are_at_least_the_hold_apart() -> None:
    script = [(0.5, e, 1.0) for _ in range(20) for e in ("happy", "angry")]
    estimates = play(TemporalSmoother(LABELS, Smooth(window_s=0.2, hold_s=2.0)), script, hz=20)
    times = [e.since for e in estimates if e.emotion != "unknown"]
    gaps = np.diff(sorted(set(times)))
    assert len(gaps) > 3
    assert gaps.min() >= 2.0


def test_an_emotion_begins_at_enter_and_stays_down_to_leave() -> None:
    config = Smooth(enter=0.6, leave=0.4, floor=0.0, window_s=0.5)
    estimates = play(
        TemporalSmoother(LABELS, config),
        [(2, "happy", 0.7), (2, "sad", 0.45), (2, "sad", 0.65)],
    )
    # At 0.45 sad is best but may not enter; happy (0.09) is below leave, so sad may stand in.
    assert changes(estimates) == ["unknown", "happy", "sad"]
    held = play(
        TemporalSmoother(LABELS, replace_config(config, leave=0.05)),
        [(2, "happy", 0.7), (2, "sad", 0.45)],
    )
    assert changes(held) == ["unknown", "happy"]


def replace_config(config: Smooth, **keys: float) -> Smooth:
    return msgspec.structs.replace(config, **keys)


def test_below_the_floor_the_answer_is_unknown_for_low_confidence() -> None:
    estimates = play(
        TemporalSmoother(LABELS, Smooth(floor=0.4)), [(2, "happy", 0.9), (4, "sad", 0.25)]
    )
    assert changes(estimates) == ["unknown", "happy", "unknown"]
    assert estimates[-1].reason is Reason.LOW_CONFIDENCE
    assert estimates[-1].confidence == pytest.approx(0.25, abs=0.01)


def test_a_reason_without_scores_makes_it_unknown_once_the_window_is_empty() -> None:
    s = TemporalSmoother(LABELS, Smooth(window_s=1.0))
    play(s, [(2, "happy", 0.9)])
    dark = Scores("a", None, Reason.LOW_LIGHT)
    (still,) = s.update(2.5, [track()], [dark])
    assert (still.emotion, still.reason) == ("happy", None)
    (gone,) = s.update(3.2, [track()], [dark])
    assert (gone.emotion, gone.reason, gone.scores) == ("unknown", Reason.LOW_LIGHT, {})


def test_windows_are_seconds_whatever_the_frame_rate() -> None:
    script = [(3, "happy", 0.9), (2, "sad", 0.9)]
    at = {
        hz: next(e.since for e in play(TemporalSmoother(LABELS, Smooth()), script, hz=hz)[-1:])
        for hz in (5, 10, 30)
    }
    assert all(t == pytest.approx(at[10], abs=0.21) for t in at.values())


def test_two_people_never_share_a_window() -> None:
    s = TemporalSmoother(LABELS, Smooth())
    for i in range(30):
        estimates = s.update(
            i / 10,
            [track("a"), track("b")],
            [scores("happy", 0.9, "a"), scores("sad", 0.9, "b")],
        )
    assert [(e.track.id, e.emotion) for e in estimates] == [("a", "happy"), ("b", "sad")]
    assert estimates[0].scores["happy"] == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize("method", ["mean", "ema", "mode"])
def test_after_a_hole_longer_than_the_window_it_begins_anew(method: str) -> None:
    s = TemporalSmoother(LABELS, Smooth(method=method, window_s=1.5))
    before = play(s, [(3, "happy", 0.9)])[-1]
    assert (before.emotion, before.window_s) == ("happy", 1.5)
    (back,) = s.update(5.0, [track()], [scores("sad", 0.9)])
    assert back.window_s == 0.0, "one sample is no second and a half"
    assert back.emotion == "happy", "one sample does not turn it over"
    (settling,) = s.update(5.3, [track()], [scores("sad", 0.9)])
    assert (settling.emotion, settling.window_s) == ("happy", pytest.approx(0.3))
    (settled,) = s.update(5.5, [track()], [scores("sad", 0.9)])
    assert settled.emotion == "sad"


@pytest.mark.parametrize("method", ["mean", "ema", "mode"])
def test_an_emotion_is_told_of_samples_that_come_less_often_than_the_window_is_long(
    method: str,
) -> None:
    estimates = play(TemporalSmoother(LABELS, Smooth(method=method)), [(4, "happy", 0.95)], hz=0.5)
    assert [e.emotion for e in estimates] == ["unknown", "happy"]


@pytest.mark.parametrize("method", ["mean", "ema", "mode"])
def test_a_face_that_changes_is_followed_where_samples_become_rare(method: str) -> None:
    s = TemporalSmoother(LABELS, Smooth(method=method, window_s=0.8))
    play(s, [(3, "happy", 0.95)])
    seen = [s.update(3.0 + n, [track()], [scores("sad", 0.95)])[0] for n in range(6)]
    assert [e.emotion for e in seen[:3]] == ["happy", "happy", "sad"]
    assert changes(seen) == ["happy", "sad"]
    assert (seen[-1].confidence, seen[-1].window_s) == (pytest.approx(0.95, abs=0.06), 0.8)


def test_a_long_hole_after_a_face_s_first_sample_is_one() -> None:
    s = TemporalSmoother(LABELS, Smooth())
    s.update(0.0, [track()], [scores("sad", 0.9)])
    seen = [s.update(t, [track()], [scores("happy", 0.9)])[0] for t in (9.0, 18.0, 27.0)]
    assert [e.emotion for e in seen] == ["unknown", "happy", "happy"]
    assert seen[0].window_s == 0.0


def test_a_long_hole_between_rare_samples_is_one() -> None:
    s = TemporalSmoother(LABELS, Smooth())
    for t in (0.0, 2.0, 4.0):
        s.update(t, [track()], [scores("sad", 0.9)])
    (after,) = s.update(64.0, [track()], [scores("happy", 0.9)])
    assert after.window_s == 0.0
    (far,) = s.update(124.0, [track()], [scores("happy", 0.9)])
    assert far.emotion == "happy"


def test_one_rare_sample_does_not_turn_it_over() -> None:
    s = TemporalSmoother(LABELS, Smooth(window_s=0.8))
    script = [(3.0, "happy", 0.9), (1.0, "sad", 0.9), (3.0, "happy", 0.9)]
    assert changes(play(s, script, hz=1)) == ["unknown", "happy"]


def test_rare_samples_between_which_it_was_refused_begin_anew() -> None:
    s = TemporalSmoother(LABELS, Smooth(window_s=1.0))
    s.update(0.0, [track()], [scores("happy", 0.9)])
    s.update(0.5, [track()], [Scores("a", None, Reason.BLURRED)])
    (back,) = s.update(1.2, [track()], [scores("sad", 0.9)])
    assert (back.emotion, back.window_s) == ("unknown", 0.0)


def test_a_face_that_is_not_scored_is_told_with_its_reason() -> None:
    s = TemporalSmoother(LABELS, Smooth())
    (unscored,) = s.update(0.0, [track()], [Scores("a", None, Reason.NOT_SCORED)])
    assert (unscored.emotion, unscored.reason) == ("unknown", Reason.NOT_SCORED)


def test_unknown_is_never_without_a_reason_for_long() -> None:
    s = TemporalSmoother(LABELS, Smooth())
    (settling,) = s.update(0.0, [track("a")], [])
    assert settling.reason is None
    (waiting,) = s.update(1.0, [track("a")], [])
    assert (waiting.emotion, waiting.reason) == ("unknown", Reason.NOT_SCORED)
    s.update(2.0, [track("b")], [scores("sad", 0.9, "b")])
    (once,) = s.update(3.0, [track("b")], [])
    assert (once.emotion, once.reason) == ("unknown", Reason.LOW_CONFIDENCE)
    (later,) = s.update(3.1, [track("b")], [scores("sad", 0.9, "b")])
    assert (later.emotion, later.reason) == ("sad", None)


def test_a_face_that_was_not_scored_this_time_keeps_its_estimate() -> None:
    s = TemporalSmoother(LABELS, Smooth())
    before = play(s, [(2, "happy", 0.9)])[-1]
    (after,) = s.update(2.1, [track()], [])
    assert after.emotion == "happy"
    assert after.scores == before.scores


def test_scores_add_up_to_one_and_intensity_is_what_is_not_neutral() -> None:
    (estimate,) = play(TemporalSmoother(LABELS, Smooth()), [(2, "neutral", 0.7)])[-1:]
    assert sum(estimate.scores.values()) == pytest.approx(1, abs=1e-5)
    assert estimate.intensity == pytest.approx(0.3, abs=1e-5)


def test_a_model_without_neutral_has_the_best_score_as_intensity() -> None:
    s = TemporalSmoother(["calm", "cross"], Smooth())
    for i in range(10):
        (estimate,) = s.update(i / 10, [track()], [Scores("a", np.array([0.2, 0.8], np.float32))])
    assert estimate.intensity == pytest.approx(0.8, abs=1e-5)


def test_a_track_that_left_is_forgotten() -> None:
    s = TemporalSmoother(LABELS, Smooth())
    play(s, [(2, "happy", 0.9)])
    s.update(2.1, [], [])
    (estimate,) = s.update(2.2, [track()], [scores("sad", 0.9)])
    assert estimate.emotion == "unknown"


def test_ema_step_after_one_time_constant_is_63_percent_of_the_way() -> None:
    zero, one = np.zeros(7, np.float32), np.ones(7, np.float32)
    assert ema_step(zero, one, dt_s=1, tau_s=1) == pytest.approx(1 - np.exp(-1), abs=1e-6)
    assert ema_step(zero, one, dt_s=0, tau_s=1) == pytest.approx(0)
    with pytest.raises(ValueError, match="dt_s=-1"):
        ema_step(zero, one, dt_s=-1, tau_s=1)
    with pytest.raises(ValueError, match=r"\(6,\)"):
        ema_step(zero, one[:6], dt_s=1, tau_s=1)


def test_attributes_stay_with_their_face() -> None:
    s = TemporalSmoother(LABELS, Smooth())
    given = replace(scores("happy", 0.9), attributes={"glasses": {"no": 0.25, "yes": 0.75}})
    s.update(0, [track()], [given])
    (estimate,) = s.update(0.1, [track()], [scores("happy", 0.9)])
    said = estimate.attributes["glasses"]
    assert (said.label, said.confidence, said.scores) == ("yes", 0.75, {"no": 0.25, "yes": 0.75})


@pytest.mark.parametrize("reason", [Reason.COVERED, Reason.YAWNING, None])
def test_attributes_are_told_of_a_face_that_is_not_scored(reason: Reason | None) -> None:
    s = TemporalSmoother(LABELS, Smooth())
    given = Scores("a", None, reason, {"mask": {"mask": 0.75, "no_mask": 0.25}})
    (estimate,) = s.update(0.0, [track()], [given])
    assert (estimate.emotion, estimate.reason) == ("unknown", reason)
    assert estimate.attributes["mask"].label == "mask"


def test_attributes_alone_change_nothing_of_the_emotion() -> None:
    s = TemporalSmoother(LABELS, Smooth(window_s=1.0))
    play(s, [(2, "happy", 0.9)])
    (estimate,) = s.update(9.0, [track()], [Scores("a", None, None, {"mask": {"mask": 1.0}})])
    assert (estimate.emotion, estimate.reason) == ("happy", None)
    assert estimate.attributes["mask"].label == "mask"


def test_what_becomes_a_picture_loses_its_emotion_at_once_and_begins_anew_when_it_moves() -> None:
    smoother = TemporalSmoother(["happy", "sad"], Smooth())
    happy = np.array([0.9, 0.1], np.float32)
    for t in (0.0, 0.3, 0.6):
        (estimate,) = smoother.update(t, [track()], [Scores("a", happy)])
    assert estimate.emotion == "happy"
    (estimate,) = smoother.update(0.9, [replace(track(), still=True)], [])
    assert (estimate.emotion, estimate.reason, estimate.scores) == ("unknown", "picture", {})
    assert estimate.since == 0.9
    (estimate,) = smoother.update(1.2, [track()], [Scores("a", happy)])
    assert (estimate.emotion, estimate.reason) == ("unknown", None), "it settles first"


def announced_after(share: float, *, hz: float = 10, **config: float) -> float:
    """Seconds from a change of the face to that of the estimate."""
    s = TemporalSmoother(LABELS, Smooth(**config))
    play(s, [(4, "neutral", 0.9)], hz=hz)
    for n in range(round(10 * hz)):
        (e,) = s.update(4 + n / hz, [track()], [scores("happy", share)])
        if e.emotion == "happy":
            return (n + 1) / hz
    return math.inf


def test_it_hurries_when_the_evidence_is_strong_and_waits_when_it_is_weak() -> None:
    assert announced_after(0.95) == pytest.approx(0.4, abs=0.01)
    assert announced_after(0.95, react_s=0.8) == pytest.approx(0.8, abs=0.11)
    assert announced_after(0.52) > 0.6
    assert announced_after(0.95, react_s=0) > 0.7  # the window alone


@pytest.mark.parametrize("hz", [4, 10, 30])
def test_it_hurries_alike_at_every_rate(hz: float) -> None:
    assert announced_after(0.95, hz=hz) == pytest.approx(0.4, abs=1 / hz + 0.01)


def test_scores_of_a_face_that_changed_are_of_what_it_shows_now() -> None:
    s = TemporalSmoother(LABELS, Smooth())
    play(s, [(4, "neutral", 0.9)])
    for n in range(5):
        (e,) = s.update(4 + n / 10, [track()], [scores("happy", 0.95)])
    assert (e.emotion, e.scores["happy"]) == ("happy", pytest.approx(0.95, abs=1e-4))
    assert e.window_s == pytest.approx(0.4)


def test_a_gap_in_time_is_no_evidence() -> None:
    s = TemporalSmoother(LABELS, Smooth(window_s=10))
    play(s, [(4, "neutral", 0.9)])
    (e,) = s.update(9.0, [track()], [scores("happy", 0.99)])
    assert e.emotion == "neutral"
