"""The settings of the preview page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from edge.config import Config
from edge.configfile import load
from edge.errors import ConfigError
from edge.web.tuning import KNOBS, Tuning, value_of


def tuning() -> Tuning:
    def configured(last: Sequence[str]) -> Config:
        return load(None, {}, ["detect.rate=7", *last])

    return Tuning(configured)


def test_every_slider_stays_within_what_is_allowed_and_reaches_the_default() -> None:
    t = tuning()
    on = msgspec.structs.replace(t.config.state, enabled=True)
    t.keep(msgspec.structs.replace(t.config, state=on), {})
    described: list[Any] = t.describe()
    for knob, d in zip(KNOBS, described, strict=True):
        assert d["meaning"]
        if "choices" in d:
            assert d["default"] in d["choices"]
            continue
        assert knob.low <= d["default"] <= knob.high
        for end in (knob.low, knob.high):
            if end or not d["allowed"].startswith("more than 0"):
                # leave may not be above enter, so that one is moved out of the way
                aside = {"smooth.enter": 1} if knob.key == "smooth.leave" else {"smooth.leave": 0}
                tuning().tried({**aside, knob.key: end})


def test_what_is_off_has_no_sliders() -> None:
    keys = {d["key"] for d in tuning().describe()}
    assert not [k for k in keys if k.startswith("state.")]
    assert "smooth.window_s" in keys


def test_a_change_is_kept_only_when_it_is_said_so() -> None:
    t = tuning()
    config, changes = t.tried({"detect.rate": 5})
    assert config.detect.rate == 5.0
    assert t.config.detect.rate == 7.0
    t.keep(config, changes)
    assert t.changes == {"detect.rate": 5.0}
    assert isinstance(t.changes["detect.rate"], float)  # so it is written as the type says


def test_changes_add_up_and_can_be_taken_back() -> None:
    t = tuning()
    t.keep(*t.tried({"smooth.method": "mode"}))
    t.keep(*t.tried({"camera.rotate": 90}))
    assert t.changes == {"smooth.method": "mode", "camera.rotate": 90}
    t.keep(*t.tried({}, afresh=True))
    assert t.changes == {}
    assert value_of(t.config, "detect.rate") == 7.0


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("detect.rate", 500, r"detect\.rate: got 500; allowed: more than 0, up to 120"),
        ("detect.rate", "fast", r"detect\.rate: got 'fast'; allowed: more than 0"),
        ("detect.rate", float("nan"), r"detect\.rate: got nan; allowed"),
        ("detect.rate", [1], r"detect\.rate: got \[1\]; allowed"),
        ("camera.rotate", 45, r"camera\.rotate: got 45; allowed: 0, 90, 180, 270"),
        ("smooth.leave", 0.9, r"smooth\.leave: got 0\.9; allowed: 0 to smooth\.enter"),
        ("smooth.method", "x\ny = 1", r"smooth\.method: got .*; allowed: mean, ema, mode"),
        ("mqtt.host", "evil.example", r"mqtt\.host: not a setting of this page"),
        ("camera.source", "/etc/passwd", r"camera\.source: not a setting of this page"),
    ],
)
def test_what_is_not_allowed_is_refused_with_the_reason(key: str, value: object, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        tuning().tried({key: value})


def test_the_prior_is_a_choice_and_shares_by_emotion_are_left_to_the_file() -> None:
    (prior,) = (d for d in tuning().describe() if d["key"] == "classify.prior")
    assert prior["choices"] == ["raters", "equal"]
    own = Tuning(lambda _last: load(None, {}, ["classify.prior={happy=0.5, neutral=0.5}"]))
    assert "classify.prior" not in {d["key"] for d in own.describe()}
