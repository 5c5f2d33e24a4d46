"""Reads the configuration: defaults, then the file, then the environment, then `--set`.

Everything that is wrong is reported at once, each with its key, the value and what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from edge import profiles, tomltext
from edge.config import Config
from edge.config_emotion import Alert, Attribute
from edge.config_rules import broken
from edge.errors import ConfigError, cannot_read
from edge.redact import redact, redacted, remember, secrets_in
from edge.secrets import hide, others_can_read

DEFAULT_PATH = Path("/etc/emotion-edge/config.toml")
ENVIRONMENT_FILE = Path("/etc/emotion-edge/environment")  # read by the unit; root's alone
ENV_PREFIX = "EMOTION_EDGE_"  # EMOTION_EDGE_MQTT_PORT is mqtt.port
# Variables with the prefix that are no keys: the file's path, and those of the project's own tests.
NO_KEYS = ("CONFIG", "DATA", "FUZZ", "HISTORY", "PATIENCE_S", "TEST_CACHE", "VENVS")
MAX_FILE_BYTES = 1024 * 1024  # a bound against nonsense
LISTS: dict[str, Any] = {"alert": Alert, "attribute": Attribute}  # [[section]]; alert also [alert]
MAX_TABLES = 16  # of each

Values = dict[str, Any]
SECTIONS = tuple(name for name in Config.__struct_fields__ if name != "profile")


def load(
    path: Path | None,
    env: Mapping[str, str] | None = None,
    sets: Sequence[str] = (),
    *,
    name: str = "",
    lock: str = "",
) -> Config:
    """Return the effective configuration.

    Args:
        path: the TOML file; None: defaults only.
        env: the environment; variables with `ENV_PREFIX` and a section's name override keys.
        sets: `key=value` strings, strongest.
        name: `device.name` where nothing else gives it.
        lock: the only profile that is allowed; empty: any, unless this build is locked to one.

    Raises:
        ConfigError: with every mistake, one a line.
    """
    problems: list[str] = []
    raw = _read(path) if path is not None else {}
    if path is not None:
        problems += _exposed(path, raw)
    for key, value in _from_env(env or {}, problems):
        _put(raw, key, value, problems)
    for item in sets:
        key, equals, text = item.partition("=")
        if not equals:
            problems.append(f"--set {item}: got no '='; allowed: section.key=value")
            continue
        if secrets_in([text.strip()]):
            problems.append(
                f"--set {key.strip()}: got a password or token, which the process list shows to "
                f"everybody; allowed: {_variable(key.strip())} in the environment, or the file"
            )
        _put(raw, key.strip(), text.strip(), problems)
    _profile(raw, lock or profiles.locked_in_build(), problems)
    device = raw.setdefault("device", {})
    if name and isinstance(device, dict) and not device.get("name"):
        device["name"] = name
    remember(secrets_in(_strings(raw.get("camera"))))
    config = _build(raw, problems)
    if not problems:
        if config.profile:
            problems += profiles.broken_locks(config.profile, msgspec.to_builtins(config))
        problems += broken(config)
    if problems:
        raise ConfigError("\n".join(map(_one_line, problems)))
    hide([config.mqtt.password_file, config.mqtt.key_file])
    if config.outbox.path != "memory":
        hide([config.outbox.path])
    return config


def _profile(raw: Values, lock: str, problems: list[str]) -> None:
    """Put the profile's values where nothing else is given; hold it to `lock`."""
    given = raw.get("profile", "")
    if lock and lock not in profiles.PROFILES:
        problems.append(f"locked profile: got {lock!r}; allowed: {', '.join(profiles.PROFILES)}")
        return
    if lock and given not in ("", lock):
        problems.append(f"profile: got {_shown(given)}; allowed: {lock}, to which this is locked")
        return
    name = lock or given
    if isinstance(name, str) and name in profiles.PROFILES:
        raw["profile"] = name
        profiles.apply(raw, name)


def _one_line(problem: str) -> str:
    """Escape what would break a line: keys and values come from outside."""
    return redact("".join(c if c.isprintable() else repr(c)[1:-1] for c in problem))


def _exposed(path: Path, raw: Values) -> list[str]:
    """Name the keys of the camera's section that show a secret to every user of the machine."""
    camera = raw.get("camera")
    if not isinstance(camera, dict) or not others_can_read(path):
        return []
    return [
        f"camera.{key}: got a password or token in {path}, which every user can read; allowed: "
        f"after chmod o-rwx {path}, or {_variable(f'camera.{key}')} in {ENVIRONMENT_FILE} "
        "(mode 0600)"
        for key in ("source", "command")
        if secrets_in(_strings(camera.get(key)))
    ]


def _strings(value: object) -> list[str]:
    """Return the strings in a value as TOML has it, in their order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [s for item in value for s in _strings(item)]
    return [value] if isinstance(value, str) else []


def _variable(key: str) -> str:
    return ENV_PREFIX + key.upper().replace(".", "_")


def _read(path: Path) -> Values:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        return tomltext.loads(path.read_bytes().decode("utf-8-sig"))  # editors add a BOM
    except PermissionError as e:
        raise ConfigError(f"{path}: {e.strerror}; allowed: readable for whoever runs this") from e
    except OSError as e:
        raise cannot_read(path, e) from e
    except ValueError as e:
        raise ConfigError(f"{path}: not valid TOML: {e}") from e


def _from_env(env: Mapping[str, str], problems: list[str]) -> list[tuple[str, str]]:
    found = []
    for name in sorted(env):
        rest = name.removeprefix(ENV_PREFIX)
        if rest == name or rest in NO_KEYS:
            continue
        section, underscore, key = rest.lower().partition("_")
        if section == "profile" and not underscore:
            found.append((section, env[name]))
        elif underscore and section in SECTIONS:
            found.append((f"{section}.{key}", env[name]))
        else:
            problems.append(
                f"{name}: unknown variable; allowed: {ENV_PREFIX}<SECTION>_<KEY> with a section of "
                f"{', '.join(SECTIONS)}"
            )
    return found


def _put(raw: Values, key: str, text: str, problems: list[str]) -> None:
    """Set `section.key` in `raw`; `text` is a TOML value, or else a string as it stands."""
    if key == "profile":
        raw[key] = text
        return
    section, dot, name = key.partition(".")
    if not dot or not name or "." in name or section == "attribute":
        problems.append(f"{key}: got {_shown(text)}; allowed: section.key, such as mqtt.port")
        return
    table = raw.setdefault(section, {})
    if isinstance(table, dict):
        table[name] = _Text(text)
    elif section in LISTS:
        problems.append(
            f"{key}: got {_shown(text)}; allowed: in the file, where [[{section}]] are several"
        )


class _Text(str):
    """A value that came as text (environment, `--set`): read by what the key wants."""

    __slots__ = ()

    def as_type(self, kind: Any) -> Any:
        base = _base(kind)
        if base is str or _is_literal_of(base, str):
            return str(self)
        try:
            return tomltext.loads(f"v = {self}")["v"]
        except ValueError:
            return str(self)


def _build(raw: Values, problems: list[str]) -> Config:
    kwargs: dict[str, Any] = {}
    fields = {f.name: f for f in msgspec.structs.fields(Config)}
    for section, value in raw.items():
        if section == "profile":
            if isinstance(value, str) and (not value or value in profiles.PROFILES):
                kwargs[section] = value
            else:
                allowed_names = ", ".join(profiles.PROFILES)
                problems.append(f"profile: got {_shown(value)}; allowed: {allowed_names}")
        elif section not in fields:
            problems.append(f"{section}: unknown section; allowed: {', '.join(SECTIONS)}")
        elif section == "attribute" and not isinstance(value, list):
            problems.append("attribute: got a table; allowed: [[attribute]], one a classifier")
        elif section in LISTS and isinstance(value, list):
            kwargs[section] = _several(section, value, problems)
        else:
            kind = LISTS.get(section, fields[section].type)
            built_section = _section(section, kind, value, problems)
            if built_section is not None:
                kwargs[section] = built_section
    return Config(**kwargs)


def _several(section: str, values: list[Any], problems: list[str]) -> list[Any]:
    """Convert the tables of [[section]]; what stands there as [[alert]] is meant to be raised."""
    if len(values) > MAX_TABLES:
        problems.append(f"{section}: got {len(values)} tables; allowed: at most {MAX_TABLES}")
        return []
    built = []
    for i, value in enumerate(values):
        if section == "alert" and isinstance(value, dict):
            value = {"enabled": True, **value}
        built.append(_section(f"{section}[{i}]", LISTS[section], value, problems))
    return [b for b in built if b is not None]


def _section(name: str, kind: Any, value: Any, problems: list[str]) -> Any:
    """Convert one table key by key, so that each mistake is reported and not only the first."""
    if not isinstance(value, dict):
        problems.append(f"{name}: got {_shown(value)}; allowed: a table, [{name}]")
        return None
    fields = {f.name: f for f in msgspec.structs.fields(kind)}
    kwargs: dict[str, Any] = {}
    before = len(problems)
    for key, given in value.items():
        if key not in fields:
            problems.append(f"{name}.{key}: unknown key; allowed: {', '.join(fields)}")
            continue
        wanted = fields[key].type
        item = given.as_type(wanted) if isinstance(given, _Text) else given
        if _unusable(item):
            problems.append(f"{name}.{key}: got {_shown(item)}; allowed: UTF-8 without NUL")
            continue
        try:
            kwargs[key] = msgspec.convert(item, wanted)
        except msgspec.ValidationError:
            problems.append(
                f"{name}.{key}: got {_shown(item)}; allowed: {allowed(wanted)}"
                f"{', without quotes' if _quoted(item, wanted) else ''}"
            )
    for key, field in fields.items():
        if field.required and key not in value:
            problems.append(f"{name}.{key}: missing; allowed: {allowed(field.type)}")
    return kind(**kwargs) if len(problems) == before else None


def _quoted(value: object, kind: Any) -> bool:
    """Return whether a string would be right if it stood without its quotes."""
    if not isinstance(value, str):
        return False
    try:
        msgspec.convert(_Text(value).as_type(kind), kind)
    except msgspec.ValidationError:
        return False
    return True


def _unusable(value: object) -> bool:
    """Return whether a string could be no file, name or message: a NUL, or bytes not UTF-8."""
    if isinstance(value, list):
        return any(map(_unusable, value))
    if isinstance(value, dict):
        return any(map(_unusable, (*value, *value.values())))
    # What the environment holds that is not UTF-8 comes as surrogates.
    return isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)


def _shown(value: object) -> str:
    text = repr(_without_secrets(value))
    return text if len(text) <= 80 else text[:77] + "..."


def _without_secrets(value: object) -> object:
    """Return a value as TOML has it without the secrets of its strings."""
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return redact(redacted(value)) if isinstance(value, str) else value


def _metas(kind: Any) -> list[Meta]:
    return [m for m in getattr(kind, "__metadata__", ()) if isinstance(m, Meta)]


def _base(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_literal_of(kind: Any, of: type) -> bool:
    return get_origin(kind) is Literal and all(isinstance(v, of) for v in get_args(kind))


def allowed(kind: Any) -> str:
    """Say in words what a key's type takes; also used by the generated reference."""
    base = _base(kind)
    for meta in _metas(kind):
        if meta.extra and "allowed" in meta.extra:
            return str(meta.extra["allowed"])
    if get_origin(base) is Literal:
        return ", ".join(str(v) for v in get_args(base))
    if get_origin(base) is list:
        return "a list of strings"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
    return words.get(base, str(base)) if not _range(kind) else _range(kind)


def _range(kind: Any) -> str:
    low = high = ""
    for m in _metas(kind):
        if m.ge is not None:
            low = f"{m.ge}"
        if m.gt is not None:
            low = f"more than {m.gt}"
        if m.le is not None:
            high = f"{m.le}"
        if m.lt is not None:
            high = f"less than {m.lt}"
        if m.max_length is not None:
            high = f"at most {m.max_length} characters"
    if low and high:
        return f"{low} to {high}" if not low.startswith("more") else f"{low}, up to {high}"
    return low or high


def effective(config: Config) -> dict[str, object]:
    """Return the configuration as plain values for `info`.

    It holds paths of secrets, never secrets; URLs lose user, password and query, and of the
    camera's program only its name is told.
    """
    plain: dict[str, object] = msgspec.to_builtins(config)
    camera = msgspec.structs.replace(
        config.camera,
        source=redacted(config.camera.source),
        command=[redact(Path(word).name) for word in config.camera.command[:1]],
    )
    return {**plain, "camera": msgspec.to_builtins(camera)}
