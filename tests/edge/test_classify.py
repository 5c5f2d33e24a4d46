import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.classify import Model, TrackClassifier
from edge.config_emotion import Classify
from edge.errors import ConfigError
from edge.geometry import Box, Points
from edge.messages import Eyes, FaceState, Frame, Reason, Track
from edge.model.tflite import dequantise

MODELS = Path(__file__).resolve().parent.parent / "models"
TINY = ["tiny-float", "tiny-int8", "tiny-rgb"]
EVERYTHING = Classify(min_face_px=8, min_sharpness=0.0, min_brightness=0.0, max_faces=2)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize(("luma", "label"), [(10, "dark"), (127, "grey"), (245, "bright")])
def test_a_model_is_fed_as_its_manifest_says(name: str, luma: int, label: str) -> None:
    model = Model(MODELS / name)
    scores = model.infer(np.full((16, 16), luma, np.uint8))
    assert model.labels[int(scores.argmax())] == label
    assert scores.dtype == np.float32
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_int8_and_float_say_the_same() -> None:
    exact, quantised = Model(MODELS / "tiny-float"), Model(MODELS / "tiny-int8")
    for luma in range(0, 256, 15):
        face = np.full((16, 16), luma, np.uint8)
        assert np.abs(exact.infer(face) - quantised.infer(face)).max() < 0.05


def test_dequantising_needs_no_model() -> None:
    values = np.array([-128, 0, 127], np.int8)
    assert dequantise(values, 1 / 256, -128).tolist() == pytest.approx([0, 0.5, 255 / 256])


def eyes(degrees: float) -> Points:
    a = math.radians(degrees)
    return (150, 100), (150 + 30 * math.cos(a), 100 + 30 * math.sin(a))


def test_only_heads_tilted_by_ten_degrees_and_more_are_turned() -> None:
    model, box = Model(MODELS / "tiny-int8"), Box(100, 60, 80, 96)
    noise = np.random.default_rng(3).integers(0, 255, (240, 320), np.uint8)
    plain = model.crop(noise, box)
    for degrees in (0, 9, -9.9, 75):
        np.testing.assert_array_equal(model.crop(noise, box, eyes(degrees)), plain)
    for degrees in (10.1, -30):
        assert (model.crop(noise, box, eyes(degrees)) != plain).any()


def spoilt(tmp_path: Path, **manifest: object) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(MODELS / "tiny-int8", folder)
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | manifest))
    return folder


def test_a_truncated_model_is_named_with_both_checksums(tmp_path: Path) -> None:
    folder = spoilt(tmp_path)
    whole = (folder / "model.tflite").read_bytes()
    (folder / "model.tflite").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match=r"model\.tflite: sha256 is [0-9a-f]{64}, the manifest"):
        Model(folder)


def test_a_truncated_model_with_a_matching_checksum_is_refused_by_the_runtime(
    tmp_path: Path,
) -> None:
    import hashlib

    folder = spoilt(tmp_path)
    half = (folder / "model.tflite").read_bytes()[:200]
    (folder / "model.tflite").write_bytes(half)
    folder = folder.rename(tmp_path / "half")
    text = json.loads((folder / "manifest.json").read_text())
    text["sha256"] = hashlib.sha256(half).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(ConfigError, match=r"half/model\.tflite: .* cannot run it"):
        Model(folder)


def test_a_wrong_label_count_is_refused(tmp_path: Path) -> None:
    folder = spoilt(tmp_path, labels=["a", "b"])
    with pytest.raises(ConfigError, match=r"output is \[\(1, 3\)\], the manifest has 2 labels"):
        Model(folder)


def test_another_input_size_than_the_manifest_says_is_refused(tmp_path: Path) -> None:
    spec = {"width": 48, "height": 48, "mean": 127.5, "scale": 1 / 127.5}
    with pytest.raises(ConfigError, match=r"input is \(1, 16, 16, 1\), the manifest says"):
        Model(spoilt(tmp_path, input=spec))


def test_a_detector_is_not_a_classifier(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="task is face"):
        Model(spoilt(tmp_path, task="face"))


def track(name: str, x: float, width: float = 40, seen: float = 0.0) -> Track:
    return Track(name, Box(x, 20, width, width), 0.9, 0.0, seen, (320, 240))


def grey_frame(t: float, luma: int = 128) -> Frame:
    rng = np.random.default_rng(5)
    noise = rng.integers(-20, 20, (240, 320))
    return Frame(round(t * 30), t, np.clip(luma + noise, 0, 255).astype(np.uint8))


def classifier(config: Classify = EVERYTHING, **more: Any) -> TrackClassifier:
    return TrackClassifier(Model(MODELS / "tiny-int8"), config, **more)


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


AWAKE = Eyes(0.9, 0.9)


def with_mouth(t: float, opening: float | None) -> Track:
    return replace(track("a", 20, seen=t), state=FaceState(mouth=opening, eyes=AWAKE))


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


AHEAD_STATE = FaceState(yaw=2.0, pitch=1.0, roll=0.0, mouth=0.1)
MASKED_STATE = FaceState(yaw=2.0, pitch=1.0, roll=0.0, mouth=None)


def reasons(c: TrackClassifier, states: Sequence[FaceState | None], dt: float) -> list[Any]:
    out = []
    for n, state in enumerate(states):
        t = n * dt
        (scored,) = c.classify(grey_frame(t), [replace(track("a", 20, seen=t), state=state)])
        out.append(scored.reason)
    return out


def test_behind_a_mask_a_face_is_covered_until_the_mouth_is_seen_for_a_while() -> None:
    states = [AHEAD_STATE, MASKED_STATE, AHEAD_STATE, MASKED_STATE, *[AHEAD_STATE] * 5]
    hidden = [None, *[Reason.COVERED] * 5, None, None, None]
    assert reasons(classifier(), states, 0.25) == hidden


def test_a_head_whose_pose_is_not_told_says_nothing_new_of_its_mouth() -> None:
    nothing = FaceState()
    assert reasons(classifier(), [nothing, None], 0.25) == [None, None]
    states = [MASKED_STATE, nothing, nothing, nothing, AHEAD_STATE]
    assert reasons(classifier(), states, 0.25) == [Reason.COVERED] * 5


def test_a_masked_face_is_scored_where_that_is_wanted() -> None:
    everybody = msgspec.structs.replace(EVERYTHING, score_covered=True)
    assert reasons(classifier(everybody), [MASKED_STATE] * 3, 0.25) == [None] * 3


def limits(size: int, sharpness: float, brightness: float) -> Classify:
    return Classify(min_face_px=size, min_sharpness=sharpness, min_brightness=brightness)


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
