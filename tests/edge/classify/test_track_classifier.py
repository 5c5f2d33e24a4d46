"""Whose turn it is to be scored, and under which prior."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.classify import Model, TrackClassifier
from edge.config_emotion import Classify
from edge.messages import Frame, Reason
from tests.edge.classify.rig import EVERYTHING, MODELS, classifier, grey_frame, spoilt, track


def test_each_track_is_scored_at_the_rate_however_fast_frames_come() -> None:
    c = classifier()
    count = sum(
        len(c.classify(grey_frame(i / 60), [track("a", 20, seen=i / 60)])) for i in range(120)
    )
    assert count == 20  # 2 s at 10 a second, of 60 frames a second


def test_another_rate_acts_on_the_faces_in_view() -> None:
    c = classifier()
    times = [i / 60 for i in range(120)]
    for t in times[:60]:
        c.classify(grey_frame(t), [track("a", 20, seen=t)])
    c.configure(Classify(rate=2.0, min_sharpness=0.0))
    count = sum(len(c.classify(grey_frame(t), [track("a", 20, seen=t)])) for t in times[60:])
    assert count in (2, 3)


def test_at_most_so_many_faces_are_scored_largest_first() -> None:
    tracks = [track("big", 20, 80), track("mid", 120, 60), track("small", 200, 40)]
    scored = classifier().classify(grey_frame(0), tracks)
    assert {s.track: s.reason for s in scored} == {
        "big": None,
        "mid": None,
        "small": Reason.NOT_SCORED,
    }
    assert [s.track for s in scored if s.probabilities is not None] == ["big", "mid"]


def test_a_box_carried_on_for_long_is_not_scored() -> None:
    assert classifier().classify(grey_frame(5.0), [track("a", 20, seen=4.0)]) == ()


def test_what_is_where_a_face_was_is_not_scored() -> None:
    c = classifier()
    gone = replace(track("a", 20, seen=5.0), gone=True)
    assert c.classify(grey_frame(5.1), [gone]) == ()
    assert len(c.classify(grey_frame(5.1), [track("a", 20, seen=5.0)])) == 1  # its turn is kept


TRAINED = {"dark": 0.7, "grey": 0.2, "bright": 0.1}


def scored(c: TrackClassifier, t: float) -> NDArray[np.float32]:
    (scores,) = c.classify(grey_frame(t), [track("a", 20, seen=t)])
    assert scores.probabilities is not None
    return scores.probabilities


def test_scores_hold_under_the_prior_that_is_configured_and_another_acts_at_once(
    tmp_path: Path,
) -> None:
    model = Model(spoilt(tmp_path, prior=TRAINED))
    r = msgspec.structs.replace
    c = TrackClassifier(model, r(EVERYTHING, prior="raters"))
    raw = scored(c, 0.0)
    weights = {"equal": np.full(3, 1 / 3), "own": np.array([0.1, 0.1, 0.8])}
    own = {"dark": 0.1, "grey": 0.1, "bright": 0.8}
    for n, (name, prior) in enumerate((("equal", "equal"), ("own", own)), 1):
        c.configure(r(EVERYTHING, prior=prior))
        weighed = raw * weights[name] / np.array([TRAINED[label] for label in model.labels])
        assert scored(c, float(n)) == pytest.approx(weighed / weighed.sum(), abs=1e-4)
        assert not np.allclose(scored(c, n + 0.5), raw, atol=1e-3)


def test_a_model_that_does_not_tell_its_prior_is_left_as_it_is() -> None:
    raw = scored(classifier(msgspec.structs.replace(EVERYTHING, prior="raters")), 0.0)
    assert scored(classifier(msgspec.structs.replace(EVERYTHING, prior="equal")), 0.0) == (
        pytest.approx(raw)
    )


def test_a_picture_is_not_scored_and_takes_nobody_s_turn() -> None:
    classifier = TrackClassifier(Model(MODELS / "tiny-int8"), EVERYTHING)
    poster, *people = track("poster", 0, 90), track("anna", 100), track("ben", 200)
    tracks = [replace(poster, still=True), *people]
    scores = classifier.classify(Frame(0, 0.0, np.full((240, 320), 127, np.uint8)), tracks)
    assert [s.track for s in scores if s.probabilities is not None] == ["anna", "ben"]
    assert "poster" not in {s.track for s in scores}
