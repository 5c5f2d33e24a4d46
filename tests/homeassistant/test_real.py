"""A real Home Assistant finds the device and shows what it sends."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.clock import SystemClock
from edge.stages import Control
from tests.broker import Broker
from tests.edge.publish.rig import change, estimate, publishing
from tests.waiting import PATIENCE_S, wait_until

# 2025.4 is the last that runs on Python 3.13.0:
#   pip install homeassistant==2025.4.4 -c .../homeassistant/package_constraints.txt \
#     paho-mqtt home-assistant-frontend
PYTHON = os.environ.get("EMOTION_EDGE_HOMEASSISTANT")
START_S = 120.0


class Shown:
    """What Home Assistant shows now, by entity."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.now: dict[str, Any] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.now = json.loads(line)

    def state(self, entity: str) -> str | None:
        return self.now.get(entity, {}).get("state")

    def call(self, service: str, entity: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{service} {entity}\n")
        self._process.stdin.flush()


@contextmanager
def home_assistant(folder: Path, port: int) -> Iterator[Shown]:
    if not PYTHON:
        pytest.skip("EMOTION_EDGE_HOMEASSISTANT does not name a Python with Home Assistant")
    folder.mkdir()
    script = Path(__file__).with_name("observe.py")
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [PYTHON, str(script), str(folder), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        yield Shown(process)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_entities_states_and_switch(broker: Broker, tmp_path: Path) -> None:
    control = Control()
    with (
        publishing(broker.port, control=control, homeassistant__enabled=True) as publisher,
        home_assistant(tmp_path / "ha", broker.port) as shown,
    ):
        wait_until(lambda: "sensor.kiosk_emotion" in shown.now, "the device is found", START_S)
        t = SystemClock().now()
        publisher.state(t, [estimate("sad", t=t)], "running")
        wait_until(lambda: shown.state("sensor.kiosk_emotion") == "sad", "the emotion")
        wait_until(lambda: shown.state("sensor.kiosk_score_sad") == "70.0", "the score")
        assert shown.state("sensor.kiosk_faces_in_view") == "1"
        assert shown.state("binary_sensor.kiosk_presence") == "on"
        assert shown.state("binary_sensor.kiosk_camera") == "off"
        assert shown.now["sensor.kiosk_emotion"]["attributes"]["confidence"] == 0.7

        publisher.publish(change(SystemClock().now(), "fear"))
        wait_until(
            lambda: shown.now["event.kiosk_event"]["attributes"].get("emotion") == "fear",
            "the event",
        )
        assert shown.now["event.kiosk_event"]["attributes"]["event_type"] == "emotion_changed"

        shown.call("switch.turn_on", "switch.kiosk_pause")
        wait_until(lambda: control.paused, "the switch pauses")
        publisher.state(SystemClock().now(), [], "paused")
        wait_until(lambda: shown.state("switch.kiosk_pause") == "on", "the switch shows it")
        assert shown.state("sensor.kiosk_emotion") == "none"
        assert shown.state("sensor.kiosk_score_sad") == "unknown"
        shown.call("switch.turn_off", "switch.kiosk_pause")
        wait_until(lambda: not control.paused, "the switch resumes")

        publisher.state(SystemClock().now(), [], "camera_lost")
        wait_until(lambda: shown.state("binary_sensor.kiosk_camera") == "on", "camera problem")
        publisher.close(PATIENCE_S)
        wait_until(
            lambda: shown.state("sensor.kiosk_emotion") == "unavailable", "it is unavailable"
        )
