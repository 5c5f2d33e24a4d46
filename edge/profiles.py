"""One word for a coherent configuration: what each profile sets, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A package that is built for vehicles has this file beside the module, with a profile's name in it.
BUILD_LOCK = Path(__file__).with_name("locked-profile")


@dataclass(frozen=True, slots=True)
class Setting:
    """A key, the value that a profile gives it, and the reason."""

    key: str  # section.key; a section alone: [[section]]
    value: Any
    why: str
    locked: bool = False  # an explicit key does not win


@dataclass(frozen=True, slots=True)
class Profile:
    """A configuration by one word."""

    what: str
    settings: tuple[Setting, ...]


_CAR = (
    Setting("state.enabled", True, "head, eyes and mouth are what it is about"),
    Setting("state.rate", 20.0, "eyes shut for half a second are told within a tenth"),
    Setting("state.max_faces", 1, "the nearest face is the driver's; passengers are not judged"),
    Setting("attention.distraction", True, "looking away from the road for long"),
    Setting("drowsiness.enabled", True, "microsleep, sleep, PERCLOS, yawns"),
    Setting("motion.gate", False, "who falls asleep does not move: every frame is looked at"),
    Setting("track.still_s", 0.0, "a driver who sleeps is no poster"),
)

PROFILES: dict[str, Profile] = {
    "kiosk": Profile(
        "a screen or shelf: who is there, who looks, for how long",
        (
            Setting("state.enabled", True, "where heads point says who looks"),
            Setting("state.rate", 10.0, "a look lasts longer than a blink"),
            Setting("state.max_faces", 8, "groups stand before a screen"),
            Setting("attention.natural", "camera", "the camera hangs beside what is looked at"),
            Setting("audience.enabled", True, "people seen, lookers, dwell and attention"),
        ),
    ),
    "car": Profile("a driver: eyes, yawns, distraction, and emotions", _CAR),
    "driver": Profile(
        "a driver at work: eyes, yawns, distraction, and no emotion at all",
        (
            *_CAR,
            Setting(
                "classify.enabled",
                False,
                "no emotion model is loaded: Regulation (EU) 2024/1689, Article 5(1)(f), forbids "
                "emotion recognition at work; recital 18 leaves fatigue out of it",
                locked=True,
            ),
            Setting("attribute", [], "another classifier might tell emotions", locked=True),
            Setting("alert.enabled", False, "it is a rule over emotions", locked=True),
        ),
    ),
}


def locked_in_build(path: Path | None = None) -> str:
    """Return the profile that this build is locked to; empty: none."""
    path = path or BUILD_LOCK
    return path.read_text().strip() if path.is_file() else ""


def apply(raw: dict[str, Any], name: str) -> None:
    """Put a profile's values where `raw`, the sections as they were read, has none."""
    for setting in PROFILES[name].settings:
        section, _, key = setting.key.partition(".")
        if not key:
            raw.setdefault(section, setting.value)
            continue
        table = raw.setdefault(section, {})
        if isinstance(table, dict):
            table.setdefault(key, setting.value)


def broken_locks(name: str, values: Mapping[str, Any]) -> list[str]:
    """Return the mistakes of `values` (sections as plain values) against a profile's locks."""
    return [
        f"{s.key}: got {value!r}; allowed: {_plain(s.value)}, which profile {name} has locked: "
        f"{s.why}"
        for s in PROFILES[name].settings
        if s.locked and (value := _value(values, s.key)) != s.value
    ]


def lines(name: str, values: Mapping[str, Any]) -> list[str]:
    """Say what a profile sets and why; `values` are those in effect."""
    found = []
    for s in PROFILES[name].settings:
        value = _value(values, s.key)
        own = "" if value == s.value else f" (the profile's is {_plain(s.value)})"
        locked = ", locked" if s.locked else ""
        found.append(f"{s.key} = {_plain(value)}{own}{locked}: {s.why}")
    return found


def _value(values: Mapping[str, Any], key: str) -> Any:
    section, _, name = key.partition(".")
    found = values.get(section)
    if not name:
        return found
    if isinstance(found, list):  # [[section]]: on, where one of them is
        return any(isinstance(item, Mapping) and item.get(name, False) for item in found)
    return found.get(name) if isinstance(found, Mapping) else None


def _plain(value: Any) -> str:
    return (
        {True: "true", False: "false"}.get(value, str(value))
        if isinstance(value, bool)
        else repr(value).replace("'", '"')
    )
