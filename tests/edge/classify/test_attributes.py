"""Further classifiers a face."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.classify import Model, TrackClassifier
from edge.config_emotion import Classify
from edge.messages import Eyes, FaceState, Reason
from tests.edge.classify.rig import (
    EVERYTHING,
    MASKED_STATE,
    MODELS,
    classifier,
    grey_frame,
    limits,
    spoilt,
    track,
    with_mouth,
)


def test_attributes_are_asked_at_their_own_rate() -> None:
    c = classifier(attributes=[("light", Model(MODELS / "tiny-float"), 1.0)])
    answers = []
    for i in range(8):
        (scored,) = c.classify(
            grey_frame(i / 10, 128 if i < 5 else 240), [track("a", 20, seen=i / 10)]
        )
        answers.append(scored.attributes)
    first = answers[0]["light"]
    assert max(first, key=first.__getitem__) == "grey"
    assert sum(first.values()) == pytest.approx(1)
    assert answers[1:] == [{}] * 7  # asked at 0 s; the next time would be at 1 s


def with_attribute(config: Classify = EVERYTHING, **more: Any) -> TrackClassifier:
    return classifier(config, attributes=[("light", Model(MODELS / "tiny-float"), 1.0)], **more)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (MASKED_STATE, Reason.COVERED),
        (FaceState(mouth=0.8, eyes=Eyes(0.1, None)), Reason.YAWNING),
    ],
)
def test_attributes_are_asked_of_a_face_whose_mouth_says_no_emotion(
    state: FaceState, reason: Reason
) -> None:
    c = with_attribute()
    for t, asked in ((0.0, True), (0.5, False), (1.0, True)):
        (scored,) = c.classify(grey_frame(t), [replace(track("a", 20, seen=t), state=state)])
        assert (scored.probabilities, scored.reason) == (None, reason)
        assert bool(scored.attributes) == asked


def test_attributes_alone_are_asked_of_who_may_be_yawning() -> None:
    c = with_attribute(yawn_mouth=0.4)
    for t, asked in ((0.0, True), (0.5, False), (1.0, True)):
        scored = c.classify(grey_frame(t), [with_mouth(t, 0.9)])
        assert [(s.probabilities, s.reason) for s in scored] == [(None, None)] * asked
        assert all("light" in s.attributes for s in scored)


def test_an_attribute_that_sees_less_of_a_face_than_there_is_in_the_frame_has_no_answer(
    tmp_path: Path,
) -> None:
    inner = json.loads((MODELS / "tiny-int8" / "manifest.json").read_text())["input"]
    narrow = Model(spoilt(tmp_path, input=inner | {"margin": -0.4}))
    c = classifier(attributes=[("narrow", narrow, 2.0), ("light", Model(MODELS / "tiny-float"), 2)])
    (half,) = c.classify(grey_frame(0.0), [track("a", -25)])  # 15 of its 40 columns are there
    assert half.reason is None
    assert list(half.attributes) == ["light"]
    (whole,) = c.classify(grey_frame(1.0), [track("a", 20, seen=1.0)])
    assert list(whole.attributes) == ["narrow", "light"]


@pytest.mark.parametrize(
    ("config", "state", "reason"),
    [
        (limits(60, 0, 0), MASKED_STATE, Reason.TOO_SMALL),
        (limits(8, 0, 250), MASKED_STATE, Reason.COVERED),
        (limits(8, 200, 0), MASKED_STATE, Reason.COVERED),
        (EVERYTHING, FaceState(yaw=60.0), Reason.TURNED_AWAY),
    ],
)
def test_attributes_are_not_asked_of_a_face_that_cannot_be_judged(
    config: Classify, state: FaceState, reason: Reason
) -> None:
    c = with_attribute(config)
    (scored,) = c.classify(grey_frame(0.0), [replace(track("a", 20), state=state)])
    assert (scored.reason, scored.attributes) == (reason, {})
    wide = msgspec.structs.replace(state, mouth=0.9)
    c.configure(config, 0.4)
    assert c.classify(grey_frame(1.0), [replace(track("a", 20, seen=1.0), state=wide)]) == ()
