"""`doctor`: enough to find a fault from afar, and no secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge import __version__
from edge.cli import main
from tests.edge.test_check import Service

SECRETS = ("hunter2hunter2", "tok3n-tok3n", "brokerpassword")


def test_it_says_versions_machine_configuration_service_and_log_without_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(tmp_path, monkeypatch)
    service.says("active", "running; the broker is away")
    journal = tmp_path / "bin/journalctl"
    journal.write_text(
        "#!/bin/sh\necho 'camera: rtsp://me:hunter2hunter2@cam/1?k=tok3n-tok3n is away'\n"
        "echo 'the word hunter2hunter2 alone'; echo \"asked: $*\"\n"
        'echo \'{"specversion":"1.0","data":{"emotion":"sad"}}\'\n'
    )
    journal.chmod(0o755)
    service.write("mqtt-password", "brokerpassword")
    service.write("config.toml", '[mqtt]\nusername = "kiosk"\n[detect]\nrate = 5.0\n')
    service.write(
        "environment", "EMOTION_EDGE_CAMERA_SOURCE=rtsp://me:hunter2hunter2@cam/1?k=tok3n-tok3n\n"
    )
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for wanted in (
        f"emotion-edge {__version__}",
        "numpy ",
        "Python 3.",
        "processors",
        "MemTotal:",
        "sqlalchemy ",
        "temperature ",
        "detect.rate = 5.0",
        "mqtt.username = 'kiosk'",
        "camera.source = 'rtsp://***@cam/1?***'",
        "StatusText=running; the broker is away",
        "--unit emotion-edge.service",
        "the word *** alone",
    ):
        assert wanted in said
    assert not [s for s in (*SECRETS, "sad", "None") if s in said]


def test_a_wrong_configuration_is_part_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(tmp_path, monkeypatch)
    service.write("config.toml", "[mqtt]\nport = 99999\n")
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "mqtt.port: got 99999; allowed: 1 to 65535" in said and "## log" in said
