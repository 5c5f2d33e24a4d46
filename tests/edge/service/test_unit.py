"""What the real units hand over, read as systemd does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.errors import ConfigError, UnavailableError
from edge.service import unit as units

SYSTEMD = Path(__file__).resolve().parents[3] / "systemd"


def shipped(etc: Path, name: str = "emotion-edge.service", drop_in: str = "") -> units.Unit:
    """The shipped unit, with `etc` for /etc/emotion-edge."""
    template = "emotion-edge@.service" if "@" in name else name
    text = (SYSTEMD / template).read_text() + drop_in
    return units.parse(name, text.replace("/etc/emotion-edge", str(etc)))


def test_which_unit_reads_a_file() -> None:
    etc = Path("/etc/emotion-edge")
    assert units.name_for(etc / "config.toml") == "emotion-edge.service"
    assert units.name_for(etc / "front.toml") == "emotion-edge@front.service"
    assert units.name_for(Path("/tmp/front.toml")) is None


def test_an_instance_has_its_own_files(tmp_path: Path) -> None:
    unit = shipped(tmp_path, "emotion-edge@front.service")
    assert unit.values("EnvironmentFile") == [f"-{tmp_path}/front.environment"]
    assert unit.option("--config") == f"{tmp_path}/front.toml"
    assert unit.option("--default-name").endswith("-front")
    assert unit.option("--none") == ""


def test_a_drop_in_adds_to_a_key_and_an_empty_one_starts_over(tmp_path: Path) -> None:
    drop_in = (
        "[Service]\nIPAddressAllow=203.0.113.7\nLoadCredential=\n"
        f"LoadCredential=mqtt-password:{tmp_path}/own\n"
    )
    unit = shipped(tmp_path, drop_in=drop_in)
    assert unit.values("IPAddressAllow")[-1] == "203.0.113.7"
    assert len(unit.values("IPAddressAllow")) > 1
    assert unit.values("LoadCredential") == [f"mqtt-password:{tmp_path}/own"]


def test_variables_of_files_are_read_and_stronger(tmp_path: Path) -> None:
    drop_in = '[Service]\nEnvironment="EMOTION_EDGE_DEVICE_NAME=a" EMOTION_EDGE_MQTT_HOST=h\n'
    unit = shipped(tmp_path, drop_in=drop_in)
    assert unit.environment()["EMOTION_EDGE_DEVICE_NAME"] == "a"  # the file need not be there
    (tmp_path / "environment").write_text("EMOTION_EDGE_DEVICE_NAME=b\n")
    assert unit.environment() == {"EMOTION_EDGE_DEVICE_NAME": "b", "EMOTION_EDGE_MQTT_HOST": "h"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=rtsp://u:p@host/1?a=b", "rtsp://u:p@host/1?a=b"),
        ("K = padded  ", "padded"),
        ("K='single \\n $x'", "single \\n $x"),
        ('K="double \\" \\n"', 'double " \\n'),
        ("K=back\\slash", "backslash"),
        ("K=one \\\ntwo", "one two"),
        ("; K=1\n# K=2\nK=3", "3"),
        ("K=", ""),
    ],
)
def test_an_environment_file_is_read_by_systemds_rules(line: str, value: str) -> None:
    assert units.environment_file(line + "\nOTHER=x") == {"K": value, "OTHER": "x"}


def test_a_credential_that_is_missing_or_empty_is_none(tmp_path: Path) -> None:
    unit, password = shipped(tmp_path), tmp_path / "mqtt-password"
    assert unit.credential("mqtt-password") is None
    password.write_text("\n")
    assert unit.credential("mqtt-password") is None
    password.write_text("secret")
    assert unit.credential("mqtt-password") == password
    assert unit.credential("nobody") is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_only_root_may_read_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "environment").touch(mode=0)
    with pytest.raises(ConfigError, match="Permission denied; only root sees"):
        shipped(tmp_path).environment()


def test_a_trial_in_the_sandbox_takes_everything_but_the_life_of_a_service(tmp_path: Path) -> None:
    words = shipped(tmp_path).sandboxed("check", "--set", "log.level=debug")
    assert words[-7:] == [
        "--",
        "/opt/emotion-edge/current/bin/emotion-edge",
        "check",
        "--config",
        f"{tmp_path}/config.toml",
        "--set",
        "log.level=debug",
    ]
    keys = {w.split("=")[1] for w in words if w.startswith("--property=")}
    wanted = {"DynamicUser", "ProtectHome", "IPAddressDeny", "LoadCredential", "SystemCallFilter"}
    assert keys > wanted | {"EnvironmentFile", "MemoryMax", "SupplementaryGroups", "UMask"}
    assert not keys & {"ExecStart", "Type", "Restart", "StateDirectory", "WatchdogSec", "KillMode"}


def test_a_unit_that_starts_something_else_is_refused() -> None:
    other = units.parse("emotion-edge.service", "[Service]\nExecStart=/bin/sleep 1\n")
    with pytest.raises(UnavailableError, match="ExecStart"):
        other.sandboxed("check")
