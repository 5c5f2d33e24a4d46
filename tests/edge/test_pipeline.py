"""Settings that change while it runs: all of a new configuration that can, or nothing."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge.build import build, load_emotion
from edge.config import Config
from edge.config_emotion import Classify
from edge.config_rules import broken
from edge.configfile import load
from edge.contract import Health
from edge.errors import ConfigError
from edge.geometry import Box
from edge.messages import CameraLost, Estimate, Frame, PipelineEvent, Scores, Track
from edge.pipeline import LIVE, RESTART, Pipeline, check_labels, differences, with_live_keys
from edge.stages import CameraStats, Control, OutboxStats
from tests.conftest import ROOT
from tests.fakes import FakeClock

TINY = ROOT / "tests" / "models" / "tiny-int8"


class NoCamera:
    def frames(self) -> Iterator[Frame | CameraLost]:
        return iter(())

    def stats(self) -> CameraStats:
        return CameraStats()

    def close(self) -> None: ...


class Listener:
    def __init__(self) -> None:
        self.config: Config | None = None

    def configure(self, config: Config, /) -> None:
        self.config = config

    def publish(self, event: PipelineEvent, /) -> None: ...

    def state(self, t: float, estimates: Sequence[Estimate], status: str, /) -> None: ...

    def health(self, health: Health, /) -> None: ...

    def stats(self) -> OutboxStats:
        return OutboxStats()

    def close(self, timeout_s: float, /) -> None: ...


def configured(*sets: str) -> Config:
    return load(None, {}, [f"classify.model={TINY}", "detect.name=haar", *sets])


def built(*sets: str) -> Pipeline:
    listener = Listener()
    return build(
        configured(*sets),
        FakeClock(),
        Control(),
        random.Random(1),
        boot_id="test",
        camera=NoCamera(),
        publisher=lambda _identity: listener,
    )


@pytest.fixture
def pipeline() -> Pipeline:
    return built()


def other(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return [*value, "x"] if isinstance(value, list) else f"{value}x"


KEYS = [
    (section, key)
    for section in Config.__struct_fields__
    if section not in ("attribute", "profile")
    for key in getattr(Config(), section).__struct_fields__
]


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_each_key_is_live_or_named_as_waiting_for_a_restart(section: str, key: str) -> None:
    old = Config()
    changed = msgspec.structs.replace(
        getattr(old, section), **{key: other(getattr(getattr(old, section), key))}
    )
    new = msgspec.structs.replace(old, **{section: changed})
    now = with_live_keys(old, new)
    live = section in LIVE and key not in RESTART.get(section, ())
    assert differences(old, now) == ([f"{section}.{key}"] if live else [])
    assert differences(now, new) == ([] if live else [f"{section}.{key}"])


def test_what_the_sections_promise() -> None:
    assert {"smooth", "classify", "detect", "track", "alert", "output"} <= set(LIVE)


def test_an_alert_on_a_label_that_the_model_lacks_is_refused_and_nothing_changes(
    pipeline: Pipeline,
) -> None:
    before = pipeline.config
    new = configured("alert.enabled=true", "alert.emotions=['typo']", "track.confirm=1")
    with pytest.raises(ConfigError, match=r"alert\.emotions: got typo; allowed: dark, grey"):
        pipeline.configure(new)
    assert pipeline.config is before


def test_alerts_that_come_and_go_are_live(pipeline: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[[alert]]\nname = "a"\nemotions = ["dark"]\n'
                    '[[alert]]\nname = "b"\nemotions = ["bright"]\n')  # fmt: skip
    before = pipeline.config
    two = msgspec.structs.replace(before, alert=load(file).alert)
    assert pipeline.configure(two).live == ("alert",)
    assert [a.name for a in pipeline.config.alerts()] == ["a", "b"]
    wrong = file.read_text().replace("bright", "typo")
    file.write_text(wrong)
    with pytest.raises(ConfigError, match=r"alert\[1\]\.emotions: got typo; allowed: dark"):
        pipeline.configure(msgspec.structs.replace(before, alert=load(file).alert))
    assert pipeline.configure(before).live == ("alert",)


def test_it_says_what_is_live_and_what_takes_a_restart(pipeline: Pipeline) -> None:
    new = configured("detect.rate=3", "mqtt.port=1884", "detect.min_face=0.5", "camera.fps=5")
    result = pipeline.configure(new)
    assert set(result.live) == {"detect.rate", "detect.min_face"}
    assert set(result.restart) == {"mqtt.port", "camera.fps"}
    again = pipeline.configure(new)
    assert (again.live, set(again.restart)) == ((), {"mqtt.port", "camera.fps"})
    assert pipeline.publisher.config.detect.rate == 3  # type: ignore[attr-defined]
    assert pipeline.publisher.config.mqtt.port == 1883  # type: ignore[attr-defined]


def test_an_audience_waits_for_the_state_that_it_is_counted_by(pipeline: Pipeline) -> None:
    result = pipeline.configure(configured("profile=kiosk", "audience.look_s=3"))
    assert {"state.enabled", "audience.enabled"} <= set(result.restart)
    assert "audience.look_s" in result.live
    assert not pipeline.config.audience.enabled
    assert broken(pipeline.config) == []
    now = with_live_keys(configured("state.enabled=true"), configured("profile=kiosk"))
    assert now.audience.enabled, "where there is one, it begins at once"


def test_the_detector_takes_another_smallest_face_and_the_model_in_use_stays(
    pipeline: Pipeline, portrait: np.ndarray[Any, Any]
) -> None:
    assert len(pipeline.detector.detect(portrait)) == 1
    pipeline.configure(configured("detect.min_face=0.95", "detect.name=yunet"))
    assert pipeline.detector.detect(portrait) == ()
    assert pipeline.config.detect.name == "haar"


@pytest.fixture
def portrait() -> np.ndarray[Any, Any]:
    import cv2

    from edge.commands.demo import CLIP

    video = cv2.VideoCapture(str(CLIP))
    video.set(cv2.CAP_PROP_POS_FRAMES, 60)
    _, picture = video.read()
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


def test_faces_in_view_stay_in_view(pipeline: Pipeline, portrait: np.ndarray[Any, Any]) -> None:
    def seen(t: float) -> set[str]:
        frame = Frame(round(10 * t), t, portrait)
        faces = pipeline.detector.detect(portrait)
        return {k.id for k in pipeline.tracker.update(frame, faces)}

    for n in range(4):
        before = seen(n / 10)
    assert before
    pipeline.configure(configured("track.confirm=10", "track.lost_s=1", "smooth.method=ema"))
    assert seen(0.5) == before


def test_a_state_that_only_serves_to_know_who_can_be_scored_is_told_to_nobody(
    portrait: np.ndarray[Any, Any],
) -> None:
    def shown(*sets: str) -> Estimate:
        config = load(None, {}, [f"classify.model={TINY}", *sets])
        p = build(
            config, FakeClock(), Control(), random.Random(1),
            boot_id="test", camera=NoCamera(), publisher=lambda _identity: Listener(),
        )  # fmt: skip
        assert (p.judges != ()) is config.state.enabled
        for n in range(10):
            frame = Frame(n, n / 10, portrait)
            tracks = p.tracker.update(frame, p.detector.detect(portrait))
            if p.state is not None:
                tracks = p.state.update(frame, tracks)
            estimates = p.smoother.update(n / 10, tracks, ())
        return estimates[0]

    served = shown()
    assert served.track.state is not None and served.track.state.pitch is not None
    assert served.state is None
    told = shown("state.enabled=true")
    assert told.state == told.track.state is not None
    assert shown("classify.check_rate=0").track.state is None


def test_as_many_faces_are_asked_as_are_scored_after_a_reload_too(pipeline: Pipeline) -> None:
    asked: list[tuple[float, int, int]] = []

    class State:
        def configure(self, of: Any, /) -> None:
            asked.append((of.rate, of.max_faces, of.min_face_px))

        def update(self, _frame: Frame, tracks: Any, /) -> Any:
            return tracks

    pipeline.state = State()
    pipeline.configure(configured("classify.max_faces=7", "state.min_face_px=40"))
    assert asked == [(4.0, 7, 40)]


def test_the_documents_say_what_a_reload_takes() -> None:
    text = " ".join(Path(ROOT / "docs" / "operate.md").read_text().split())
    for section in LIVE:
        assert f"`[{section}]`" in text
    for section, keys in RESTART.items():
        for key in keys:
            assert f"`{section}.{key}`" in text


def test_a_prior_that_the_model_cannot_have_is_refused_and_nothing_changes(
    pipeline: Pipeline,
) -> None:
    before = pipeline.config
    # This model does not tell what it was trained under: scores cannot be weighed anew.
    with pytest.raises(ConfigError, match=r"classify\.prior: got shares; allowed: raters or equal"):
        pipeline.configure(configured("classify.prior={dark=0.5, grey=0.25, bright=0.25}"))
    assert pipeline.config is before


@pytest.mark.parametrize("told", [True, False])
def test_a_rest_that_was_learned_under_another_prior_is_forgotten(
    told: bool, tmp_path: Path
) -> None:
    labels = {"sad": 0.2, "neutral": 0.6, "happy": 0.2}
    folder = tmp_path / "model"
    shutil.copytree(TINY, folder)
    manifest = json.loads((folder / "manifest.json").read_text()) | {"labels": list(labels)}
    (folder / "manifest.json").write_text(
        json.dumps(manifest | ({"prior": labels} if told else {}))
    )
    pipeline = built(f"classify.model={folder}")
    track = Track("a", Box(0, 0, 50, 60), 0.9, 0.0, 0.0, (320, 240))
    shown = Scores("a", np.array([0.55, 0.4, 0.05], np.float32))

    def weakened(t: float) -> set[str]:
        (scores,) = pipeline.baseline.update(t, [track], [shown])
        return set(scores.baseline)

    assert [weakened(2.0 * n) for n in range(100)][-1] == {"sad"}
    pipeline.configure(configured(f"classify.model={folder}", "smooth.floor=0.2"))
    assert weakened(200.0) == {"sad"}
    pipeline.configure(configured(f"classify.model={folder}", "classify.prior=raters"))
    # Of a model that does not tell its own prior, scores are what they were under any.
    assert weakened(202.0) == (set() if told else {"sad"})


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"dark": 0.5, "grey": 0.5}, "without bright"),
        ({"dark": 0.5, "grey": 0.4, "bright": 0.05, "pale": 0.05}, "with pale"),
        ({"dark": 0.5, "grey": 0.5, "bright": 0.5}, "together 1"),
    ],
)
def test_shares_that_do_not_fit_the_labels_are_refused(
    shares: dict[str, float], words: str
) -> None:
    trained = {"dark": 0.7, "grey": 0.2, "bright": 0.1}
    config = Config(classify=Classify(prior=shares))
    with pytest.raises(ConfigError, match=rf"classify\.prior: .*{words}"):
        check_labels(config, list(trained), trained)
    check_labels(Config(classify=Classify(prior=trained)), list(trained), trained)


def test_a_model_without_a_prior_is_named_once_and_used_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    load_emotion(configured())
    assert "does not say how frequent emotions were" in caplog.text
    caplog.clear()
    load_emotion(configured("classify.prior=raters"))
    assert not caplog.text
