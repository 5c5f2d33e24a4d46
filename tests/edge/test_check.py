"""`check` sees what the service sees: its variables, its secrets, and that it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from edge import configfile
from edge.cli import main
from tests.broker import passwords, running, subscribed
from tests.conftest import DEMO_CLIP
from tests.examples.test_mosquitto import EXAMPLES
from tests.waiting import wait_until

REPO = Path(__file__).resolve().parents[2]


class Service:
    """An installed service: its folder in /etc, and a `systemctl` that knows its unit."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.etc = folder / "etc"
        self.etc.mkdir()
        self._bin = folder / "bin"
        self._bin.mkdir()
        monkeypatch.setattr(configfile, "DEFAULT_PATH", self.etc / "config.toml")
        monkeypatch.setenv("PATH", f"{self._bin}:{os.environ['PATH']}")
        for unit in ("emotion-edge.service", "emotion-edge@.service"):
            text = (REPO / "systemd" / unit).read_text()
            (folder / unit).write_text(text.replace("/etc/emotion-edge", str(self.etc)))
        self.says()
        self.write("config.toml", f'[camera]\nsource = "{DEMO_CLIP}"\n')

    def says(self, state: str = "inactive", status: str = "") -> None:
        script = self._bin / "systemctl"
        script.write_text(
            f"#!/bin/sh\ncd {self.etc.parent}\ncase $1.$2 in\n"
            "cat.emotion-edge@*) cat emotion-edge@.service ;;\n"
            "cat.*) cat emotion-edge.service ;;\n"
            f"show.*) echo 'ActiveState={state}'; echo 'StatusText={status}' ;;\nesac\n"
        )
        script.chmod(0o755)

    def write(self, name: str, text: str) -> None:
        (self.etc / name).write_text(text)
        (self.etc / name).chmod(0o600)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(tmp_path, monkeypatch)


def checked(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, dict[str, str]]:
    """Run `check`; return its exit code, and by part its line (mark first)."""
    code = main(["check", *map(str, args)])
    found, part = {}, ""
    for line in capsys.readouterr().out.splitlines():
        if not line.startswith("     "):
            mark, part, text = line.split(None, 2)
            line = f"{mark} {text}"
        found[part] = found.get(part, "") + line
    return code, found


def test_the_password_of_the_service_and_its_variables_are_used(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = passwords(tmp_path / "broker", {"kiosk": "right"})
    with running(tmp_path / "broker", settings) as broker:
        service.write("mqtt-password", "right\n")
        service.write(
            "environment",
            f"EMOTION_EDGE_MQTT_HOST=127.0.0.1\nEMOTION_EDGE_MQTT_PORT={broker.port}\n"
            "EMOTION_EDGE_MQTT_USERNAME=kiosk\n",
        )
        code, parts = checked(capsys)
        assert (code, parts["broker"].split()[0]) == (0, "ok"), parts
        assert f"127.0.0.1:{broker.port}: connected" in parts["broker"]
        assert "read as emotion-edge.service does" in parts["configuration"]
        service.write("mqtt-password", "wrong\n")
        code, parts = checked(capsys)
        assert code == 69 and "wrong user or password" in parts["broker"]
        assert "no password was sent" not in parts["broker"]
        service.write("mqtt-password", "\n")
        code, parts = checked(capsys)
        assert code == 69 and "no password was sent" in parts["broker"]


def test_removing_from_home_assistant_logs_in_as_the_service(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = passwords(tmp_path / "broker", {"kiosk": "right"})
    with running(tmp_path / "broker", settings) as broker:
        service.write("mqtt-password", "right")
        where = f"EMOTION_EDGE_MQTT_HOST=127.0.0.1\nEMOTION_EDGE_MQTT_PORT={broker.port}\n"
        service.write("environment", where + "EMOTION_EDGE_MQTT_USERNAME=kiosk\n")
        assert main(["homeassistant", "--remove"]) == 0
    assert "removed: homeassistant/device/" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["bench", "preview"])
def test_what_looks_through_the_camera_of_the_service_reads_its_variables(
    command: str, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.write("environment", "EMOTION_EDGE_CAMERA_FPS=-1\n")
    assert main([command]) == 78
    assert "camera.fps: got -1" in capsys.readouterr().err
    # It may be for root alone, and whoever names another camera needs none of it.
    assert main([command, "--set", "camera.source=", "--set", "log.level=x"]) == 78
    assert "camera.fps" not in capsys.readouterr().err


def test_a_name_that_the_acl_refuses_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = passwords(tmp_path, {"kiosk": "secret"}, (EXAMPLES / "acl").read_text())
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o600)
    with running(tmp_path / "broker", settings) as broker:
        keys = {
            "mqtt.host": "127.0.0.1",
            "mqtt.port": broker.port,
            "mqtt.username": "kiosk",
            "mqtt.password_file": secret,
            "camera.source": DEMO_CLIP,
        }
        sets = [w for k, v in keys.items() for w in ("--set", f"{k}={v}")]
        code, parts = checked(capsys, *sets, "--set", "device.name=kiosk")
        assert code == 0 and "may publish as kiosk" in parts["broker"]
        code, parts = checked(capsys, *sets, "--set", "device.name=till")
        assert code == 69 and "emotion/till/response/check: the broker refused" in parts["broker"]
        old = ("--set", "mqtt.version=3.1.1")
        code, parts = checked(capsys, *sets, "--set", "device.name=till", *old)
        assert "MQTT 3.1.1 does not say" in parts["broker"]


def test_the_message_that_tries_the_broker_is_one_of_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path / "broker") as broker, subscribed(broker) as subscriber:
        where = ("--set", "mqtt.host=127.0.0.1", "--set", f"mqtt.port={broker.port}")
        name = ("--set", "device.name=kiosk", "--set", f"camera.source={DEMO_CLIP}")
        assert checked(capsys, *where, *name)[0] == 0
        wait_until(lambda: subscriber.messages, "the message has arrived")
    (message,) = subscriber.messages
    assert (message.topic, message.retain) == ("emotion/kiosk/response/check", False)
    assert message.json["transaction"] == "check"


BUSY = 'command = ["sh", "-c", "echo Device or resource busy >&2; exit 1"]\n'


def test_beside_a_running_service_a_camera_that_is_taken_is_its(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.write("config.toml", f'[camera]\nsource = "command"\n{BUSY}')
    code, parts = checked(capsys)
    assert code == 66 and parts["camera"].startswith("FAIL")
    service.says("active", "running")
    code, parts = checked(capsys)
    assert code == 0
    assert "not tried: emotion-edge.service is running and has the camera" in parts["camera"]
    service.says("active", "camera lost: gone")
    code, parts = checked(capsys)
    assert (
        code == 66
        and "emotion-edge.service, which is running, says: camera lost" in (parts["camera"])
    )


def test_an_instance_is_found_by_its_file(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.write("front.toml", f'[camera]\nsource = "{DEMO_CLIP}"\n')
    service.write("front.environment", "EMOTION_EDGE_MQTT_PORT=99999\n")
    code, parts = checked(capsys, "--config", service.etc / "front.toml")
    assert code == 78 and "mqtt.port: got 99999" in parts["configuration"]


def test_metrics_without_the_library_or_with_a_port_that_is_taken(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(service.etc / "broker") as taken:
        on = ("--set", "metrics.enabled=true", "--set", f"metrics.port={taken.port}")
        code, parts = checked(capsys, *on)
        assert code == 69 and "Address already in use" in parts["metrics"]
        service.says("active", "running")
        code, parts = checked(capsys, *on)
        assert code == 0 and "prometheus-client" in parts["metrics"]
    monkeypatch.delitem(sys.modules, "edge.publish.metrics", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)  # as if it were not there
    code, parts = checked(capsys, *on)
    assert code == 69 and "prometheus-client is missing" in parts["metrics"]


def test_only_the_configuration_is_silent_when_it_is_good(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--config-only"]) == 0
    assert capsys.readouterr() == ("", "")
    service.write("config.toml", "[mqtt]\nport = 99999\n")
    assert main(["check", "--config-only"]) == 78
    assert "mqtt.port: got 99999" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[alert]\nenabled = true\nemotions = ["bored"]\n', "alert.emotions: got bored; allowed"),
        ('[baseline]\nenabled = true\nemotions = ["tired"]\n', "baseline.emotions: got tired"),
        ("[classify]\nprior = {happy = 0.5, sad = 0.5}\n", "classify.prior"),
    ],
)
def test_emotions_that_the_model_does_not_have_are_found_before_a_reload(
    service: Service, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    service.write("config.toml", text)
    assert main(["check", "--config-only"]) == 78
    assert said in capsys.readouterr().err
    code, parts = checked(capsys)
    assert code == 78 and said in parts["configuration"]


def test_the_sandbox_is_for_an_installed_unit_with_its_own_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert main(["check", "--service", "--config", "x.toml"]) == 64
    monkeypatch.setenv("PATH", str(tmp_path))  # no systemctl
    assert main(["check", "--service", "front"]) == 69
    assert "emotion-edge@front.service: no such unit" in capsys.readouterr().err


def test_a_state_model_is_looked_for_only_where_it_is_wanted(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = ["--set", "state.model=no-such-model"]
    unasked = ["--set", "classify.check_rate=0"]
    code, parts = checked(capsys, *missing, *unasked)
    assert (code, "state" in parts) == (0, False)
    for asked in ([], [*unasked, "--set", "state.enabled=true"]):
        code, parts = checked(capsys, *missing, *asked)
        assert code == 78
        assert parts["state"].startswith("FAIL state.model: model 'no-such-model': no folder with")
    tiny = REPO / "tests" / "models" / "tiny-state"
    on = ["--set", "state.enabled=true", "--set", f"state.model={tiny}"]
    code, parts = checked(capsys, *on)
    assert code == 0
    assert "tiny-state, float32, yaw pitch roll eye_left" in parts["state"]
