"""The real units under systemd's own judges."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from edge.config import Config
from edge.configfile import load

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
EXAMPLE = SYSTEMD / "config.example.toml"
UNITS = ["emotion-edge.service", "emotion-edge@.service"]
ALL = [*UNITS, "emotion-edge-dashboard.service", "emotion-edge-record.service"]

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (package systemd)"
)


def _settings(unit: str) -> list[str]:
    lines = (SYSTEMD / unit).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@needs_systemd
@pytest.mark.parametrize("unit", ALL)
def test_verify_has_nothing_to_say(unit: str, tmp_path: Path) -> None:
    program = tmp_path / "current/bin/emotion-edge"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / unit
    copy.write_text((SYSTEMD / unit).read_text().replace("/opt/emotion-edge", str(tmp_path)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if "emotion-edge" in line]
    assert (said, done.returncode) == ([], 0)


@pytest.mark.parametrize("unit", ALL[2:])
def test_a_subscriber_waits_for_what_it_needs_however_long(unit: str) -> None:
    """A history's database, its tables or an address may come an hour after the machine."""
    settings = _settings(unit)
    assert {"Restart=on-failure", "StartLimitIntervalSec=0", "RestartSec=10"} <= {*settings}
    # 69 (not there yet) and 66 (no such file yet) are tried again.
    assert "RestartPreventExitStatus=64 78" in settings


@needs_systemd
@pytest.mark.parametrize("unit", ALL)
def test_exposure_is_at_most_one_and_a_half(unit: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(SYSTEMD / unit)],
        capture_output=True,
        text=True,
    )
    found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= 1.5
    assert done.returncode == 0


def test_the_template_differs_from_the_unit_in_what_is_per_camera_only() -> None:
    one, many = (_settings(unit) for unit in UNITS)
    assert [line for line in many if line not in one] == [
        "Description=emotion-edge: emotion events from camera %i",
        "ExecStart=/opt/emotion-edge/current/bin/emotion-edge run "
        "--config /etc/emotion-edge/%i.toml --default-name %H-%i",
        "ExecReload=/opt/emotion-edge/current/bin/emotion-edge check --config-only "
        "--config /etc/emotion-edge/%i.toml",
        "EnvironmentFile=-/etc/emotion-edge/%i.environment",
        "StateDirectory=emotion-edge-%i",
    ]
    missing = [line.partition("=")[0] for line in one if line not in many]
    assert missing == [
        "Description",
        "ExecStart",
        "ExecReload",
        "EnvironmentFile",
        "StateDirectory",
    ]


def test_an_instance_with_its_own_password_keeps_the_other_credentials() -> None:
    """What docs/install.md has one write: the empty line takes away all that the unit names."""
    text = (SYSTEMD.parent / "docs/install.md").read_text()
    found = re.search(r"`systemctl edit emotion-edge@front`:\n\n```\n(.*?)```", text, re.DOTALL)
    assert found
    header, empty, *written = found[1].splitlines()
    assert (header, empty) == ("[Service]", "LoadCredential=")
    named = [s for s in _settings("emotion-edge@.service") if s.startswith("LoadCredential=")]
    assert [w.split(":")[0] for w in written] == [n.split(":")[0] for n in named]
    assert [w for w in written if w not in named] == [
        "LoadCredential=mqtt-password:/etc/emotion-edge/front.mqtt-password"
    ]


def test_wrong_usage_and_configuration_are_not_retried() -> None:
    for unit in ALL:
        (line,) = [s for s in _settings(unit) if s.startswith("RestartPreventExitStatus=")]
        assert line.partition("=")[2].split() == ["64", "78"]


def test_the_example_configuration_loads_as_it_stands() -> None:
    assert load(EXAMPLE).camera.source == "0"


# What the example turns on, or names, instead of saying its default.
EXAMPLES = {
    "alert.enabled",
    "homeassistant.enabled",
    "metrics.enabled",
    "mqtt.host",
    "mqtt.username",
    "mqtt.tls",
    "mqtt.ca_file",
}


def _uncommented() -> tuple[str, list[str]]:
    """The example with every comment that is a key or section made one; the keys, in order."""
    lines, keys, section = [], [], ""
    for line in EXAMPLE.read_text().splitlines():
        live = re.sub(r"^# (?=\[?[a-z_]+(?: = |\]))", "", line)
        if found := re.match(r"\[([a-z]+)\]", live):
            section = found[1]
        if found := re.match(r"([a-z_]+) = ", live):
            key = f"{section}.{found[1]}"
            if key in keys:  # the second way to say the same
                assert key == "camera.source"
                continue
            keys.append(key)
        lines.append(live)
    return "\n".join(lines), keys


def test_what_the_example_configuration_shows_as_default_is_the_default(tmp_path: Path) -> None:
    text, keys = _uncommented()
    path = tmp_path / "config.toml"
    path.write_text(text)
    shown, default = (msgspec.to_builtins(c) for c in (load(path), Config()))
    assert len(keys) > 30
    different = set()
    for key in keys:
        section, _, name = key.partition(".")
        if shown[section][name] != default[section][name]:
            different.add(key)
    assert different == EXAMPLES
