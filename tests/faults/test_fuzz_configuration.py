"""Broken configurations by the thousand: one that holds, or a list of mistakes; never else."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from edge.camera import open_camera
from edge.clock import SystemClock
from edge.config import Config
from edge.configfile import MAX_FILE_BYTES, effective, load
from edge.detect import open_detector
from edge.errors import ConfigError, NoInputError
from edge.model.manifest import find_model
from tests.conftest import ROOT
from tests.faults.fuzzing import TIMES, fuzz
from tests.faults.mutate import ANY_JSON, mutate

pytestmark = pytest.mark.faults

EXAMPLE = (ROOT / "systemd" / "config.example.toml").read_text().encode()
KEYS = [
    f"{s.name}.{key}"
    for s in msgspec.structs.fields(Config)
    for key in getattr(s.type, "__struct_fields__", ())  # of sections that stand once
]


def holds(path: Path | None, env: dict[str, str] | None = None, sets: tuple[str, ...] = ()) -> None:
    """Load; what is taken is within its own types and can be published, else it is explained."""
    try:
        config = load(path, env or {}, sets)
    except ConfigError as e:
        lines = str(e).splitlines()
        assert lines
        assert all(line.strip() for line in lines)
        return
    plain = msgspec.to_builtins(config)
    assert msgspec.convert(plain, Config) == config
    assert all(math.isfinite(v) for v in numbers(plain))
    json.loads(msgspec.json.encode(effective(config)))


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)):
        yield value


@pytest.mark.parametrize("times", TIMES)
def test_files_of_bytes(times: int, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        holds(path)

    mutate(times // 2, full(), check)
    mutate(times // 4, EXAMPLE, check)
    fuzz(times // 4, st.binary(max_size=60), check)


def full() -> bytes:
    """Every key with its default, as a file."""
    plain: dict[str, Any] = msgspec.to_builtins(Config())
    plain["attribute"] = [{"name": "gender", "model": "gender", "rate": 1.0}]
    alone = [name for name, value in plain.items() if not isinstance(value, (dict, list))]
    lines = [f"{name} = {toml(plain.pop(name))}" for name in alone]  # before any section
    for section, tables in plain.items():
        for table in tables if isinstance(tables, list) else [tables]:
            lines.append(f"[[{section}]]" if isinstance(tables, list) else f"[{section}]")
            lines += [f"{k} = {toml(v)}" for k, v in table.items()]
    return "\n".join(lines).encode()


def test_a_full_file_is_a_good_beginning(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(full())
    assert load(path).attribute[0].name == "gender"


def toml(value: Any) -> str:
    """A value in TOML's own notation."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + "}"
    return "'none'" if value is None else repr(value)


@pytest.mark.parametrize("times", TIMES)
def test_files_of_keys_with_any_value(times: int, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    known = st.tuples(st.sampled_from(KEYS), ANY_JSON | st.dates() | st.datetimes() | st.times())

    def check(keys: list[tuple[str, Any]]) -> None:
        tables: dict[str, dict[str, Any]] = {}
        for key, value in keys:
            section, _, name = key.partition(".")
            tables.setdefault(section, {})[name] = value
        lines = [
            line
            for section, table in tables.items()
            for line in (f"[{section}]", *(f"{k} = {toml(v)}" for k, v in table.items()))
        ]
        path.write_text("\n".join(lines))
        holds(path)

    fuzz(times, st.lists(known, max_size=4), check)


# What a process can be given: any bytes but NUL, which Python shows with surrogates.
ARGUMENT = st.binary(max_size=24).map(lambda b: os.fsdecode(b.replace(b"\0", b"")))
VALUE = ARGUMENT | st.sampled_from(
    ["nan", "inf", "-inf", "1e999", "9" * 400, "true", "[", "[[]]", '"', "''", "{}", "1979-05-27"]
)


@pytest.mark.parametrize("times", TIMES)
def test_overrides_on_the_command_line(times: int) -> None:
    key = st.sampled_from([*KEYS, "profile"]) | ARGUMENT
    word = st.builds("{}={}".format, key, VALUE) | ARGUMENT
    fuzz(times, st.lists(word, max_size=3).map(tuple), lambda sets: holds(None, None, sets))


@pytest.mark.parametrize("times", TIMES)
def test_overrides_in_the_environment(times: int) -> None:
    known = st.sampled_from(KEYS).map(lambda k: "EMOTION_EDGE_" + k.upper().replace(".", "_"))
    name = known | ARGUMENT.map(lambda s: "EMOTION_EDGE_" + s.replace("=", ""))
    fuzz(times, st.dictionaries(name, VALUE, max_size=3), lambda env: holds(None, env))


@pytest.mark.parametrize("times", TIMES)
def test_names_of_cameras_models_and_detectors(times: int) -> None:
    long = st.sampled_from(
        ["x" * 300, "/" + "y/" * 3000, "/dev/" + "z" * 300, "rtsp://" + "h" * 300]
    )
    name = ARGUMENT | long | st.text(max_size=12)

    def check(value: str) -> None:
        try:
            config = load(None, {}, [f"camera.source={value}", f"detect.model={value}"])
        except ConfigError:
            return
        source = config.camera.source
        for use in (
            lambda: open_camera(config.camera, SystemClock(), random.Random(1)).close(),
            lambda: find_model(source),
            lambda: open_detector(config.detect),
            lambda: open_detector(msgspec.structs.replace(config.detect, name="yunet")),
        ):
            with contextlib.suppress(ConfigError, NoInputError):
                use()

    fuzz(times, name, check)


def test_deep_nesting_and_size_have_an_end(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for content in (
        "a = " + "[" * 100_000,
        "[a" + ".b" * 50_000 + "]",
        "a" + ".b" * 50_000 + " = 1",
        "#" * (MAX_FILE_BYTES + 1),
    ):
        path.write_text(content)
        with pytest.raises(ConfigError):
            load(path)
