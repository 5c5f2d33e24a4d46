"""What a confined process can no longer do, tried by a real one that is not root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.child.confine import clean_environment
from tests.waiting import PATIENCE_S

TRY = """
import ctypes, encodings.idna, json, os, resource, signal, socket, subprocess, sys
from pathlib import Path
from edge.child import confine

secret, kwargs = sys.argv[1], json.loads(sys.argv[2])
if kwargs.get("hidden") is not None:
    kwargs["hidden"] = [Path(p) for p in kwargs["hidden"]]
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
parent = os.getpid()
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
confine.limit(100_000_000)
missing = confine.confine(**kwargs)

def listen():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()

def connect():
    socket.socket().connect(("127.0.0.1", 9))

attempts = {
    "read the secret": lambda: open(secret).read(),
    "read another file": lambda: open("/etc/passwd").read(),
    "list the secret's folder": lambda: os.listdir(os.path.dirname(secret)),
    "write to /dev/shm": lambda: open(f"/dev/shm/edge-{os.getpid()}", "w"),
    "write to /tmp": lambda: open(f"/tmp/edge-{os.getpid()}", "w"),
    "write to /dev/null": lambda: open("/dev/null", "w").write("x"),
    "change a mode": lambda: os.chmod("/proc/self/comm", 0o600),
    "reach D-Bus": lambda: socket.socket(socket.AF_UNIX).connect("/run/dbus/system_bus_socket"),
    "listen": listen,
    "connect": connect,
    "signal the daemon": lambda: os.kill(parent, 0),
    "read the daemon's environment": lambda: open(f"/proc/{parent}/environ", "rb").read(1),
    "trace the daemon": lambda: 1 / (ctypes.CDLL(None).ptrace(16, parent, 0, 0) != -1),
    "start a program": lambda: subprocess.run(["true"], check=True),
    "take 200 MB": lambda: bytearray(200_000_000),
    "write a core": lambda: 1 / resource.getrlimit(resource.RLIMIT_CORE)[1],
    "gain rights": lambda: 1 / ("NoNewPrivs:\\t0" in open("/proc/self/status").read()),
}
done = []
for name, attempt in attempts.items():
    try:
        attempt()
        done.append(name)
    except ConnectionRefusedError:
        done.append(name)
    except (OSError, MemoryError, ZeroDivisionError):
        pass
print(json.dumps([missing, done]), flush=True)
os._exit(0)
"""


def tried(secret: Path, **kwargs: object) -> set[str]:
    for folder in (secret.parent, *secret.parent.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(secret), json.dumps(kwargs)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert done.returncode == 0, done.stderr
    missing, able = json.loads(done.stdout)
    if missing:
        pytest.skip(f"this kernel does not have {missing}")
    return set(able)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "credentials" / "mqtt-password"
    path.parent.mkdir()
    path.write_text("s")
    (tmp_path / "link").symlink_to(path.parent)
    (tmp_path / "link-up").symlink_to(tmp_path)
    return path


def test_a_camera_program_can_use_the_network_and_devices_and_no_more(secret: Path) -> None:
    able = tried(secret, families=[2, 10, 16], hidden=[str(secret.parent)], execute=True)
    assert able <= {
        "read another file",
        "write to /dev/null",
        "connect",
        "start a program",
        "signal the daemon",  # before Landlock 6
    }
    assert {"read another file", "write to /dev/null", "connect", "start a program"} <= able


def test_a_decoder_can_do_nothing(secret: Path) -> None:
    assert tried(secret) <= {"signal the daemon"}


def test_a_decoder_of_rtsp_can_connect_to_one_port(secret: Path) -> None:
    assert "connect" in tried(secret, families=[2], connect_port=9)
    assert "connect" not in tried(secret, families=[2], connect_port=10)


def test_the_environment_of_a_child_has_no_credentials_and_no_configuration() -> None:
    env = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "LIBCAMERA_LOG_LEVELS": "*:ERROR",
        "CREDENTIALS_DIRECTORY": "/run/credentials/x",
        "EMOTION_EDGE_CAMERA_SOURCE": "rtsp://u:p@h",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/0/bus",
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "API_TOKEN": "t",
    }
    assert set(clean_environment(env)) == {"PATH", "LC_ALL", "LIBCAMERA_LOG_LEVELS"}
