"""The real daemon is given secrets; then everything that it shows is searched for them."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests import broker as brokers
from tests.broker import running, subscribed
from tests.daemon import CLIP
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.faults

PASSWORD = "Zq7-pass-word"
CAMERA = "Zq7-camera-word"
TOKEN = "Zq7-token"
SECRETS = (PASSWORD, CAMERA, TOKEN)


def seen_of(process: subprocess.Popen[bytes], stop: threading.Event, into: set[str]) -> None:
    """Note the command lines of a process and its children, as `ps` shows them to everybody."""
    while not stop.is_set():
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
                parent = (folder / "stat").read_text().rpartition(") ")[2].split()[1]
            except OSError:
                continue
            if folder.name == str(process.pid) or parent == str(process.pid):
                into.add(line)
        time.sleep(0.1)


@pytest.mark.parametrize("level", ["info", "debug"])
def test_secrets_are_in_no_log_message_or_process_list(tmp_path: Path, level: str) -> None:
    """A login, and a camera's address with user, password and a token; both fail first."""
    folder = tmp_path / "b"
    settings = brokers.passwords(folder, {"kiosk": PASSWORD, "reader": "r"})
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    log, outbox = tmp_path / "log", tmp_path / "outbox.db"
    commands: set[str] = set()
    stop = threading.Event()
    with running(folder, settings) as b:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("EMOTION_EDGE_")},
            # Where docs/operate.md has it: a file that only root reads.
            "EMOTION_EDGE_CAMERA_SOURCE": f"rtsp://u:{CAMERA}@127.0.0.1:9/a?token={TOKEN}",
            "EMOTION_EDGE_CAMERA_COMMAND": f'["x", "rtsp://u:{CAMERA}@h/"]',
            "EMOTION_EDGE_LOG_LEVEL": level,
        }
        keys = [
            "mqtt.host=127.0.0.1",
            f"mqtt.port={b.port}",
            "mqtt.username=kiosk",
            f"mqtt.password_file={secret}",
            "device.name=kiosk",
            f"outbox.path={outbox}",
            "output.health_s=1",
        ]
        with log.open("wb") as err, subscribed(b, login=("reader", "r")) as sub:
            process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", *(w for k in keys for w in ("--set", k))],
                env=env,
                stdout=err,
                stderr=err,
            )
            watcher = threading.Thread(target=seen_of, args=(process, stop, commands))
            watcher.start()
            try:
                wait_until(lambda: sub.on("info"), "info", 120)
                wait_until(lambda: "camera_lost" in str(sub.on("health")[-1:]), "no camera", 120)
                sub.publish("emotion/kiosk/request/state", json.dumps({"transaction": "1"}))
                wait_until(lambda: sub.on("response/state"), "an answer", 60)
                # The last words of a hang, as the watchdog asks for them: a trace of every thread.
                process.send_signal(6)
                process.wait(PATIENCE_S)
            finally:
                stop.set()
                process.kill()
                process.wait()
                watcher.join()
            published = b"\n".join(m.payload for m in sub.messages).decode()
    trace = log.read_text(errors="replace")
    assert "Current thread" in trace or "Thread 0x" in trace, "faulthandler did speak"
    shown = {
        "log": trace,
        "messages": published,
        "process list": "\n".join(commands),
        "broker's log": (folder / "mosquitto.log").read_text(errors="replace"),
        **{p.name: p.read_bytes().decode("latin-1") for p in tmp_path.glob("outbox.db*")},
    }
    assert "rtsp://***@127.0.0.1:9/a?***" in published, "info shows the address without secrets"
    assert any("edge run" in c for c in commands)
    for where, text in shown.items():
        for word in SECRETS:
            assert word not in text, f"{word} is in the {where}"


LEAKING = """
import os, sys, time
print(os.environ, "opening", *sys.argv[1:], file=sys.stderr, flush=True)
print("Authorization: Basic dTpacTctY2FtZXJhLXdvcmQ=", file=sys.stderr, flush=True)
time.sleep(0.2)
sys.exit("cannot open " + sys.argv[1])
"""


def test_a_camera_program_that_tells_its_password_is_not_repeated(tmp_path: Path) -> None:
    """Its messages reach the log, `health`, `state` and systemd; its arguments `info`."""
    script, log, folder = tmp_path / "cam.py", tmp_path / "log", tmp_path / "b"
    script.write_text(LEAKING)
    address, login = f"http://u:{CAMERA}@h/v?k={TOKEN}", f"user-pw={PASSWORD}"
    with (
        running(folder) as b,
        subscribed(b) as sub,
        log.open("wb") as err,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("EMOTION_EDGE_")},
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "EMOTION_EDGE_CAMERA_SOURCE": "command",
            "EMOTION_EDGE_CAMERA_COMMAND": json.dumps(
                [sys.executable, str(script), address, login]
            ),
            "EMOTION_EDGE_LOG_LEVEL": "debug",
        }
        keys = ["mqtt.host=127.0.0.1", f"mqtt.port={b.port}", "device.name=kiosk"]
        keys += ["outbox.path=memory", "output.health_s=1"]
        cores = resource.getrlimit(resource.RLIMIT_CORE)[1]  # as large as anybody may have them
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", *(w for k in keys for w in ("--set", k))],
            env=env,
            stdout=err,
            stderr=err,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (cores, cores)),
        )
        told = b""
        try:
            wait_until(lambda: "camera_lost" in str(sub.on("health")[-1:]), "no camera", 120)
            while b"cannot open" not in told:
                told += manager.recv(65536)
            wait_until(lambda: sub.on("info") and sub.on("state"), "info and state", 60)
            limits = Path(f"/proc/{process.pid}/limits").read_text()
        finally:
            process.kill()
            process.wait()
        published = b"\n".join(m.payload for m in sub.messages).decode()
        assert sub.on("info")[-1].json["config"]["camera"]["command"] == [Path(sys.executable).name]
    trace = log.read_text(errors="replace")
    assert "opening http://***@h/v?***" in trace, "the program's messages are in the debug log"
    for where, text in {"log": trace, "status": told.decode(), "messages": published}.items():
        for word in (*SECRETS, "dTpacTctY2FtZXJhLXdvcmQ="):
            assert word not in text, f"{word} is in the {where}"
    assert [line.split()[4] for line in limits.splitlines() if "core file" in line] == ["0"]


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_password_in_a_configuration_that_others_can_read_is_refused(
    tmp_path: Path, command: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[camera]\nsource = "rtsp://u:{CAMERA}@127.0.0.1/?token={TOKEN}"\n')
    path.chmod(0o644)
    done = subprocess.run(
        [sys.executable, "-m", "edge", command, "--config", path],
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = done.stdout + done.stderr
    assert "camera.source: got a password or token in" in said
    assert f"chmod o-rwx {path}" in said
    assert CAMERA not in said and TOKEN not in said and "Traceback" not in said
    assert done.returncode == 78


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("key", ["mqtt.password_file", "mqtt.key_file"])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, command: str, key: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    keys = ["mqtt.host=127.0.0.1", "mqtt.port=9", f"{key}={secret}", "outbox.path=memory"]
    keys.append(f"camera.source={CLIP}")
    if key == "mqtt.password_file":
        keys.append("mqtt.username=kiosk")
    else:
        keys += ["mqtt.tls=true", f"mqtt.cert_file={secret}"]
    done = subprocess.run(
        [sys.executable, "-m", "edge", command, *(w for k in keys for w in ("--set", k))],
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = done.stdout + done.stderr
    assert f"{key}: {secret}: mode 0644 lets others read or write it" in said
    assert "chmod o-rwx" in said
    assert PASSWORD not in said
    assert "Traceback" not in said
    assert done.returncode == 78


def test_a_mistake_in_an_address_does_not_show_its_password() -> None:
    for value in (f"rstp://u:{CAMERA}@h/?{TOKEN}", f"rtsp://u:{CAMERA}@h/\udc80?{TOKEN}"):
        done = subprocess.run(
            [sys.executable, "-m", "edge", "check", "--set", "camera.source=0"],
            env={**os.environ, "EMOTION_EDGE_CAMERA_SOURCE": value},
            capture_output=True,
            text=True,
            timeout=300,
        )
        # --set is stronger; without it the mistake is the address itself.
        assert CAMERA not in done.stdout + done.stderr
        done = subprocess.run(
            [sys.executable, "-m", "edge", "run"],
            env={**os.environ, "EMOTION_EDGE_CAMERA_SOURCE": value},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 78
        assert "camera.source: got" in done.stderr
        assert CAMERA not in done.stdout + done.stderr
        assert TOKEN not in done.stdout + done.stderr
