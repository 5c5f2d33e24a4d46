"""The settings that the preview page offers: what they allow, and a trial before they act."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from edge.config import Config
from edge.configfile import allowed
from edge.errors import ConfigError
from edge.web.savefile import Setting


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting; `low` to `high` in `step`s is what its slider offers, not what is allowed."""

    key: str
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01


KNOBS = (
    Knob("camera.rotate"),
    Knob("detect.rate", 1, 30, 1),
    Knob("detect.width", 80, 960, 20),
    Knob("detect.min_face", 0.02, 0.6, 0.01),
    Knob("detect.threshold", 0.1, 0.95, 0.05),
    Knob("classify.rate", 1, 30, 1),
    Knob("classify.prior"),
    Knob("classify.min_face_px", 8, 160, 1),
    Knob("classify.max_yaw", 0, 90, 1),
    Knob("classify.max_pitch", 0, 90, 1),
    Knob("classify.max_bowed", 0, 90, 1),
    Knob("classify.min_sharpness", 0, 0.5, 0.005),
    Knob("classify.min_brightness", 0, 128, 1),
    Knob("state.rate", 1, 60, 1),
    Knob("state.min_face_px", 8, 160, 1),
    Knob("state.min_brightness", 0, 128, 1),
    Knob("state.smooth_s", 0, 1, 0.05),
    Knob("smooth.method"),
    Knob("smooth.window_s", 0.1, 6, 0.1),
    Knob("smooth.react_s", 0, 2, 0.05),
    Knob("smooth.enter", 0, 1, 0.01),
    Knob("smooth.leave", 0, 1, 0.01),
    Knob("smooth.hold_s", 0, 6, 0.1),
    Knob("smooth.floor", 0, 1, 0.01),
)


class Tuning:
    """The configuration as it is being tried. Not thread-safe: the loop's thread has it."""

    def __init__(self, load: Callable[[Sequence[str]], Config]) -> None:
        """Begin with what is configured.

        Args:
            load: returns the configuration with `section.key=value` strings on top.
        """
        self._load = load
        self.config = load([])
        self.changes: dict[str, Setting] = {}  # tried, and not yet in the file

    def tried(
        self, changes: Mapping[str, object], *, afresh: bool = False
    ) -> tuple[Config, dict[str, Setting]]:
        """Return the configuration with `changes` on top of those before; nothing is kept yet.

        `afresh` forgets those before.

        Raises:
            ConfigError: a key that is not offered, or a value that is not allowed.
        """
        known = {knob.key for knob in KNOBS}
        for key, value in changes.items():
            if key not in known:
                raise ConfigError(f"{key}: not a setting of this page")
            if not isinstance(value, (bool, int, float, str)) or (
                isinstance(value, float) and not math.isfinite(value)
            ):
                raise ConfigError(f"{key}: got {value!r}; allowed: {allowed(_field(key).type)}")
        all_changes = {**({} if afresh else self.changes), **changes}
        config = self._load([f"{key}={_text(value)}" for key, value in all_changes.items()])
        # As the types read them: 5 becomes 5.0 where a number with a fraction is meant.
        return config, {key: value_of(config, key) for key in all_changes}

    def keep(self, config: Config, changes: dict[str, Setting]) -> None:
        """Take what `tried` returned: it acts now."""
        self.config, self.changes = config, changes

    def describe(self) -> list[dict[str, object]]:
        """Return the settings for the page: value, what is allowed, what it means."""
        # Shares by emotion (`classify.prior`) are for the file: sliders could not show them.
        shown = [k for k in KNOBS if not isinstance(value_of(self.config, k.key), dict)]
        if not self.config.state.enabled:
            shown = [k for k in shown if not k.key.startswith("state.")]
        return [_described(self.config, knob) for knob in shown]


def value_of(config: Config, key: str) -> Setting:
    """Return the value of `section.key`."""
    section, name = key.split(".")
    value: Setting = getattr(getattr(config, section), name)
    return value


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _field(key: str) -> Any:
    section, name = key.split(".")
    sections = {f.name: f.type for f in msgspec.structs.fields(Config)}
    return next(f for f in msgspec.structs.fields(sections[section]) if f.name == name)


def _described(config: Config, knob: Knob) -> dict[str, object]:
    field = _field(knob.key)
    base, *metas = get_args(field.type)
    meaning = next(m.description for m in metas if isinstance(m, Meta) and m.description)
    out: dict[str, object] = {
        "key": knob.key,
        "value": value_of(config, knob.key),
        "default": field.default,
        "meaning": meaning,
        "allowed": allowed(field.type),
    }
    choices = next((k for k in (base, *get_args(base)) if get_origin(k) is Literal), None)
    if choices is not None:
        out["choices"] = list(get_args(choices))
    else:
        out |= {"low": knob.low, "high": knob.high, "step": knob.step}
    return out
