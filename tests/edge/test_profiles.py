"""Profiles: one word for a configuration, and locks that nothing opens."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import pytest

from edge import profiles
from edge.build import build
from edge.camera import open_camera
from edge.cli import main
from edge.configfile import load
from edge.errors import ConfigError
from edge.messages import Estimate, PipelineEvent, Status
from edge.stages import Control
from tests.conftest import DEMO_CLIP
from tests.fakes import FakeClock

LOCKED = [s for s in profiles.PROFILES["driver"].settings if s.locked]


def written(path: Path, text: str) -> Path:
    file = path / "config.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_a_profile_sets_what_it_says(name: str, tmp_path: Path) -> None:
    config = load(written(tmp_path, f'profile = "{name}"\n'))
    plain = msgspec.to_builtins(config)
    assert config.profile == name
    for setting in profiles.PROFILES[name].settings:
        section, _, key = setting.key.partition(".")
        assert (plain[section][key] if key else plain[section]) == setting.value


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_every_key_of_a_profile_exists_and_is_not_the_default(name: str) -> None:
    defaults = msgspec.to_builtins(load(None))
    for setting in profiles.PROFILES[name].settings:
        section, _, key = setting.key.partition(".")
        assert section in defaults
        if not setting.locked:
            assert defaults[section][key] != setting.value, setting.key


def test_explicit_keys_win(tmp_path: Path) -> None:
    file = written(tmp_path, 'profile = "car"\n[state]\nrate = 5.0\n')
    assert load(file).state.rate == 5.0
    assert load(file, {"EMOTION_EDGE_STATE_RATE": "7"}).state.rate == 7.0
    assert load(file, sets=["state.rate=8"]).state.rate == 8.0
    assert load(file).drowsiness.enabled


def test_a_profile_by_environment_and_by_set() -> None:
    assert load(None, {"EMOTION_EDGE_PROFILE": "kiosk"}).audience.enabled
    assert load(None, sets=["profile=car"]).drowsiness.enabled


@pytest.mark.parametrize("text", ['profile = "bus"', "profile = 1", "[profile]\na = 1"])
def test_another_word_is_refused_with_what_is_allowed(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"profile: got .*; allowed: kiosk, car, driver"):
        load(written(tmp_path, text + "\n"))


OPENERS = {
    "classify.enabled": ("[classify]\nenabled = true\n", "classify.enabled=true"),
    "alert.enabled": ("[alert]\nenabled = true\n", "alert.enabled=true"),
    "attribute": ('[[attribute]]\nname = "mood"\nmodel = "emotion"\n', None),
}


@pytest.mark.parametrize("key", [s.key for s in LOCKED])
def test_nothing_opens_a_lock_of_driver(key: str, tmp_path: Path) -> None:
    text, item = OPENERS[key]
    with pytest.raises(ConfigError, match=rf"{key}: got .*driver"):
        load(written(tmp_path, f'profile = "driver"\n{text}'))
    if item is None:
        return
    driver = written(tmp_path, 'profile = "driver"\n')
    with pytest.raises(ConfigError, match=f"{key}: got True; allowed: false, which profile driver"):
        load(driver, sets=[item])
    variable = "EMOTION_EDGE_" + key.upper().replace(".", "_")
    with pytest.raises(ConfigError, match="allowed: false, which profile driver"):
        load(driver, {variable: "true"})


def test_several_alerts_open_no_lock_either(tmp_path: Path) -> None:
    file = written(tmp_path, 'profile = "driver"\n[[alert]]\nname = "sad"\n')
    with pytest.raises(ConfigError, match=r"alert\.enabled: got True; allowed: false"):
        load(file)


@pytest.mark.parametrize("given", ["car", "kiosk"])
def test_a_locked_service_takes_no_other_profile(given: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"profile: got '{given}'; allowed: driver"):
        load(written(tmp_path, f'profile = "{given}"\n'), lock="driver")
    with pytest.raises(ConfigError, match="allowed: driver"):
        load(None, sets=[f"profile={given}"], lock="driver")
    with pytest.raises(ConfigError, match=r"classify\.enabled"):
        load(None, sets=["classify.enabled=true"], lock="driver")
    assert load(None, lock="driver").profile == "driver"


def test_a_lock_that_is_no_profile_is_refused() -> None:
    with pytest.raises(ConfigError, match="got 'bus'; allowed: kiosk, car, driver"):
        load(None, lock="bus")


def test_a_build_may_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "locked-profile"
    lock.write_text("driver\n")
    monkeypatch.setattr(profiles, "BUILD_LOCK", lock)
    assert load(None).profile == "driver"
    with pytest.raises(ConfigError, match="allowed: driver, to which this is locked"):
        load(None, sets=["profile=kiosk"])


class Kept:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[PipelineEvent] = []

    def configure(self, _config: object, /) -> None: ...

    def publish(self, event: PipelineEvent, /) -> None:
        self.events.append(event)

    def state(self, _t: float, _estimates: tuple[Estimate, ...], _s: Status, /) -> None: ...


def test_driver_loads_no_emotion_model_and_a_reload_brings_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        pytest.fail("an emotion model is loaded")

    monkeypatch.setattr("edge.build.load_emotion", refused)
    config = load(None, sets=["state.enabled=false"], lock="driver")
    clock = FakeClock()
    kept = Kept()
    p = build(
        config,
        clock,
        Control(),
        random.Random(0),
        boot_id="b",
        camera=open_camera(
            msgspec.structs.replace(config.camera, source=str(DEMO_CLIP)), clock, random.Random(0)
        ),
        publisher=lambda _identity: kept,  # type: ignore[arg-type,return-value]  # as far as used
    )
    assert p.labels == []
    result = p.configure(load(None, sets=["state.enabled=false"]))
    assert "classify.enabled" in result.restart
    assert not p.config.classify.enabled
    assert p.config.profile == "driver"


def test_driver_tells_of_faces_and_of_no_emotion(capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["--set", "profile=driver", "--set", "state.enabled=false"]
    assert main(["replay", str(DEMO_CLIP), *sets]) == 0
    events = [json.loads(line)["data"] for line in capsys.readouterr().out.splitlines()]
    assert "face_appeared" in [e["event_type"] for e in events]
    assert "emotion_changed" not in [e["event_type"] for e in events]
    for e in events:
        assert (e["emotion"], e["reason"]) == ("unknown", "emotion_off")
        assert (e["scores"], e["confidence"], e["model"]) == ({}, 0.0, "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "classify.enabled=true"], "classify.enabled: got True; allowed: false"),
        (["--set", "profile=car"], "profile: got 'car'; allowed: driver"),
    ],
)
def test_a_locked_daemon_does_not_start_with_emotions(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--lock-profile", "driver", *words]) == 78
    assert says in capsys.readouterr().err


def test_check_tells_what_a_profile_sets_and_why() -> None:
    from edge.commands.check import _profile

    said = _profile(load(None, sets=["profile=driver", "state.rate=5"]))
    assert said.startswith("driver: ")
    assert "state.rate = 5.0 (the profile's is 20.0)" in said
    assert "classify.enabled = false, locked: " in said
