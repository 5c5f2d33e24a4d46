"""SIGHUP: what a running daemon takes, refuses, and says of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker, Subscriber
from tests.conftest import DEMO_CLIP
from tests.waiting import PATIENCE_S, wait_until


class Daemon:
    def __init__(self, folder: Path, port: int) -> None:
        self.file, self.log, self.port = folder / "config.toml", folder / "log", port
        self.write()
        env = {k: v for k, v in os.environ.items() if not k.startswith("EMOTION_EDGE_")}
        with self.log.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", "--config", self.file],
                stdin=subprocess.DEVNULL,
                stderr=err,
                env=env,
            )

    def write(self, more: str = "", host: str = "127.0.0.1") -> None:
        self.file.write_text(
            f'device.name = "kiosk"\noutbox.path = "memory"\n{more}\n'
            f'[camera]\nsource = "{DEMO_CLIP}"\nloop = true\n'
            f'[mqtt]\nhost = "{host}"\nport = {self.port}\n'
        )

    def reload(self, expected: str) -> None:
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: expected in self.log.read_text(), expected)


@pytest.fixture
def running(broker: Broker, tmp_path: Path) -> Iterator[tuple[Daemon, Subscriber]]:
    sub = Subscriber(broker.port)
    daemon = Daemon(tmp_path, broker.port)
    try:
        wait_until(sub.events, "an event")
        yield daemon, sub
    finally:
        daemon.process.kill()
        daemon.process.wait()
        sub.close()


def test_a_reload_acts_at_once_is_announced_and_refuses_what_does_not_fit(
    running: tuple[Daemon, Subscriber],
) -> None:
    daemon, sub = running

    def announced() -> dict[str, dict[str, object]]:
        config: dict[str, dict[str, object]] = sub.on("info")[-1].json["config"]
        return config

    def told() -> set[str]:
        return {"reload_refused", "restart_pending"} & set(sub.on("health")[-1].json["reasons"])

    daemon.write("[output]\nhealth_s = 0.2\n[track]\nconfirm = 2\n[motion]\ngate = false")
    daemon.reload("reloaded: ")
    wait_until(lambda: announced()["track"]["confirm"] == 2, "info with the new value")
    before = len(sub.on("health"))
    wait_until(lambda: len(sub.on("health")) > before + 3, "health comes more often")
    assert told() == set()

    daemon.write('[alert]\nenabled = true\nemotions = ["typo"]\n[track]\nconfirm = 5')
    daemon.reload("not reloaded, the old configuration stays: alert.emotions: got typo; allowed: ")
    assert announced()["track"]["confirm"] == 2
    wait_until(lambda: told() == {"reload_refused"}, "health tells of the refusal")

    daemon.write("[classify]\nthreads = 2\n[track]\nconfirm = 4")
    daemon.reload("changed, but takes a restart: classify.threads")
    wait_until(lambda: announced()["track"]["confirm"] == 4, "info with the newest value")
    assert announced()["classify"]["threads"] == 1
    wait_until(lambda: told() == {"restart_pending"}, "health tells that a restart is due")

    daemon.write("[classify]\nthreads = 3\nnonsense = 1")
    daemon.reload("not reloaded, the old configuration stays: classify.nonsense")
    wait_until(lambda: told() == {"reload_refused", "restart_pending"}, "health tells of both")
    daemon.write()
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: told() == set(), "health tells of nothing")

    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(PATIENCE_S) == 0
    assert "Traceback" not in daemon.log.read_text()
    json.dumps(announced())
