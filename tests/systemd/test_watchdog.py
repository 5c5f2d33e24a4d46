"""The real daemon under a notify socket: what it tells its manager, and when it falls silent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import DEMO_CLIP
from tests.waiting import PATIENCE_S, free_port, wait_until

WATCHDOG_S = 2.0  # fed every half second

# The daemon, one of whose stages hangs for ever at its fifth call.
HANGING = """
import sys, threading
import edge.build
from edge.cli import main

class Hanging:
    def __init__(self, stage, method):
        self.stage, self.method, self.calls = stage, method, 0
    def __getattr__(self, name):
        found = getattr(self.stage, name)
        if name != self.method:
            return found
        def call(*args):
            self.calls += 1
            if self.calls == 5:
                print("hangs now", file=sys.stderr, flush=True)
                threading.Event().wait()
            return found(*args)
        return call

stage, method = sys.argv.pop(1).split(".")
build = edge.build.build
def build_hanging(*args, **more):
    p = build(*args, **more)
    setattr(p, stage, Hanging(getattr(p, stage), method))
    return p
edge.build.build = build_hanging
sys.exit(main(sys.argv[1:]))
"""


class Manager:
    """What systemd hears."""

    def __init__(self, bound: socket.socket) -> None:
        self._bound = bound
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        """Return every assignment heard so far, in order."""
        while True:
            try:
                self.heard += self._bound.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.heard

    def feeds(self) -> int:
        return self.listen().count("WATCHDOG=1")


@contextmanager
def managed(
    tmp_path: Path,
    *keys: str,
    program: tuple[str, ...] = ("-m", "edge"),
    options: tuple[str, ...] = (),
) -> Iterator[tuple[subprocess.Popen[bytes], Manager]]:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(address)
        bound.setblocking(False)
        clip = (f"camera.source={DEMO_CLIP}", "camera.loop=true", "outbox.path=memory")
        sets = [word for key in (*clip, *keys) for word in ("--set", key)]
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": f"{WATCHDOG_S * 1e6:.0f}"}
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *program, "run", *options, *sets],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=os.environ | environment,
            )
        try:
            yield process, Manager(bound)
        finally:
            process.kill()
            process.wait()


def test_ready_then_watchdog_then_stopping(tmp_path: Path) -> None:
    with managed(tmp_path) as (process, manager):
        wait_until(lambda: manager.feeds() >= 3, "three feeds")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        heard = [line for line in manager.listen() if not line.startswith("STATUS=")]
    assert heard[0] == "READY=1" and heard.count("READY=1") == 1
    assert heard[-1] == "STOPPING=1" and heard.count("STOPPING=1") == 1
    assert set(heard[1:-1]) == {"WATCHDOG=1"}


def test_an_absent_camera_and_an_absent_broker_do_not_stop_the_feed(tmp_path: Path) -> None:
    absent = ["camera.source=/dev/video99", "camera.loop=false"]
    broker = ["mqtt.host=127.0.0.1", f"mqtt.port={free_port()}"]
    with managed(tmp_path, *absent, *broker) as (_, manager):
        wait_until(lambda: manager.feeds() >= 4, "four feeds")
    assert any(line.startswith("STATUS=camera lost") for line in manager.heard)


def test_not_ready_when_the_model_cannot_be_used(tmp_path: Path) -> None:
    with managed(tmp_path, "classify.model=/nowhere") as (process, manager):
        assert process.wait(PATIENCE_S) == 78
        assert "READY=1" not in manager.listen()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_sighup_takes_what_can_change_and_refuses_mistakes(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("")
    log = tmp_path / "log"
    with managed(tmp_path, options=("--config", str(config))) as (process, manager):

        def reload(text: str, said: str) -> None:
            config.write_text(text)
            readies = manager.listen().count("READY=1")
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: manager.listen().count("READY=1") > readies, "reloaded")
            wait_until(lambda: said in log.read_text(), said)

        wait_until(lambda: "READY=1" in manager.listen(), "ready")
        reload(
            "[smooth]\nwindow_s = 0.7\n[mqtt]\nport = 8883\n[log]\nlevel = 'debug'\n",
            "reloaded: smooth.window_s, log.level\n",
        )
        assert "changed, but takes a restart: mqtt.port\n" in log.read_text()
        reload("[smooth]\nwindow_s = -1\n", "not reloaded, the old configuration stays: smooth.wi")
        reload("[mqtt]\nport = 8883\n", "reloaded: smooth.window_s, log.level\n")
        assert log.read_text().count("takes a restart: mqtt.port") == 2
        fed = manager.feeds()
        wait_until(lambda: manager.feeds() > fed, "still fed")
        assert process.poll() is None
    assert any(line.startswith("RELOADING=1") for line in manager.heard)
    assert any(line.startswith("MONOTONIC_USEC=") for line in manager.heard)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize(
    "stage",
    [
        "detector.detect",
        "tracker.update",
        "classifier.classify",
        "smoother.update",
        "rules.update",
        "publisher.state",
        "publisher.publish",
    ],
)
def test_a_stage_that_hangs_stops_the_feed(stage: str, tmp_path: Path) -> None:
    # `publish` is called once a face: a short clip in a loop brings five.
    with managed(tmp_path, program=("-c", HANGING, stage)) as (process, manager):
        log = tmp_path / "log"
        wait_until(lambda: "hangs now" in log.read_text(), "a hang", 2 * PATIENCE_S)
        manager.listen()
        before = manager.feeds()
        time.sleep(2 * WATCHDOG_S)  # systemd would have acted after one
        assert manager.feeds() == before
        assert process.poll() is None
        process.send_signal(signal.SIGABRT)  # what systemd does then
        assert process.wait(PATIENCE_S) == -signal.SIGABRT
    assert "most recent call first" in log.read_text()  # where it hung
