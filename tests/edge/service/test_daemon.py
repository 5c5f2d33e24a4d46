"""The whole daemon as a process: a real face, a real broker, signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.broker import Broker, Message, Subscriber, subscribed
from tests.conftest import DEMO_CLIP
from tests.waiting import PATIENCE_S, wait_until

# `python -m edge`, but one that gives its disk and its broker more time at the end than the second
# and a half of an idle machine: then it drops what they have not taken.
PATIENT = """
import sys
import edge.service.serve
from edge.cli import enter
edge.service.serve.CLOSE_S = float(sys.argv.pop(1))
enter()
"""


@contextmanager
def daemon(log: Path, *sets: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `emotion-edge run` on the demo clip, in a loop, for the length of a `with`."""
    keys = [f"camera.source={DEMO_CLIP}", "camera.loop=true", "device.name=kiosk", *sets]
    with log.open("wb") as err:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", PATIENT, str(PATIENCE_S / 2)),
                *("run", *(x for k in keys for x in ("--set", k))),
            ],
            stdout=subprocess.PIPE,
            stderr=err,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_a_face_becomes_events_state_health_and_info_on_a_broker(
    broker: Broker,
    tmp_path: Path,
) -> None:
    sub = Subscriber(broker.port)
    box = tmp_path / "outbox.db"
    sets = ["mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", f"outbox.path={box}"]
    with daemon(tmp_path / "log", *sets) as process:
        wait_until(sub.events, "an event")
        assert sub.on("availability")[-1].payload == b"online"
        event = sub.events()[0]
        assert event["type"] == "emotion-edge.face_appeared"
        assert event["source"] == "/emotion/kiosk"
        assert event["data"]["emotion"] == "happy"
        assert sum(event["data"]["scores"].values()) == pytest.approx(1, abs=1e-3)
        wait_until(lambda: sub.on("state") and sub.on("state")[-1].json["faces"], "a face in state")
        assert sub.on("state")[-1].json["emotion"] == "happy"
        assert sub.on("info")[-1].json["model"]["labels"][3] == "happy"
        wait_until(lambda: sub.on("health"), "health")
        assert sub.on("health")[-1].json["status"] == "running"

        sub.publish("emotion/kiosk/request/pause", json.dumps({"transaction": "7"}))
        wait_until(lambda: sub.on("response/pause"), "an answer")
        assert sub.on("response/pause")[0].json["transaction"] == "7"
        wait_until(lambda: sub.on("state")[-1].json["status"] == "paused", "paused")
        wait_until(lambda: sub.events()[-1]["data"]["event_type"] == "face_left", "it has left")
        assert sub.events()[-1]["data"]["reason"] == "paused"
        sub.publish("emotion/kiosk/request/resume")
        wait_until(lambda: sub.on("state")[-1].json["status"] == "running", "running again")

        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    wait_until(lambda: sub.on("availability")[-1].payload == b"offline", "offline")
    assert sub.on("state")[-1].json["status"] == "stopped"
    assert sub.seqs() == list(range(1, len(sub.seqs()) + 1))
    sub.close()


def appeared(sub: Subscriber, *, since: datetime) -> list[Any]:
    """Return who came since; an event that the broker had at a kill comes once more after it."""
    found = [e for e in sub.events() if e["data"]["event_type"] == "face_appeared"]
    return [e for e in found if datetime.fromisoformat(e["time"]) > since]


def test_a_pause_outlives_a_kill_and_a_restart_until_resume(broker: Broker, tmp_path: Path) -> None:
    box = tmp_path / "outbox.db"
    sets = ["mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", f"outbox.path={box}"]
    with subscribed(broker) as sub, daemon(tmp_path / "log", *sets) as process:
        wait_until(sub.events, "somebody is in view")
        sub.publish("emotion/kiosk/request/pause")
        wait_until(lambda: sub.on("response/pause"), "an answer")
        process.kill()
        process.wait()
    killed = datetime.now(UTC)
    with subscribed(broker) as sub, daemon(tmp_path / "log", *sets) as process:

        def said() -> list[Message]:
            return [m for m in sub.on("health") if not m.retain]

        wait_until(said, "it is back")
        assert said()[0].json["status"] == "paused"
        assert "paused" in said()[0].json["reasons"]
        assert {m.json["status"] for m in sub.on("state") if not m.retain} == {"paused"}
        assert "still paused" in (tmp_path / "log").read_text()
        assert not appeared(sub, since=killed)
        sub.publish("emotion/kiosk/request/resume")
        wait_until(lambda: sub.on("response/resume"), "an answer")
        process.kill()
    with subscribed(broker) as sub, daemon(tmp_path / "log", *sets):
        wait_until(lambda: appeared(sub, since=killed), "somebody is in view again")


def test_without_a_broker_events_are_lines_on_standard_output(tmp_path: Path) -> None:
    with daemon(tmp_path / "log") as process:
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert event["data"]["event_type"] == "face_appeared"
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "ready" in log


def test_kill_9_leaves_the_will(broker: Broker, tmp_path: Path) -> None:
    sub = Subscriber(broker.port)
    sets = ["mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", "outbox.path=memory"]
    with daemon(tmp_path / "log", *sets) as process:
        wait_until(lambda: sub.on("state"), "a state")
        process.kill()
        wait_until(lambda: sub.on("availability")[-1].payload == b"offline", "the will")
    sub.close()


def test_a_camera_that_is_not_there_is_retried_and_said(tmp_path: Path) -> None:
    with daemon(tmp_path / "log", "camera.source=/dev/video99", "camera.loop=false") as process:
        wait_until(lambda: "ready" in (tmp_path / "log").read_text(), "ready")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert "/dev/video99" in (tmp_path / "log").read_text()


def test_a_face_in_view_leaves_when_the_daemon_stops_and_after_it_was_killed(
    broker: Broker, tmp_path: Path
) -> None:
    sub = Subscriber(broker.port)
    box = tmp_path / "outbox.db"
    sets = ["mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", f"outbox.path={box}"]

    def visits() -> dict[str, list[str]]:
        """What was told of each face, in order."""
        found: dict[str, list[str]] = {}
        for e in sub.events():
            found.setdefault(e["subject"], []).append(e["data"]["event_type"])
        return found

    def still_open() -> list[str]:
        return [t for t, kinds in visits().items() if "face_left" not in kinds]

    def last(track: str) -> dict[str, Any]:
        data: dict[str, Any] = [e["data"] for e in sub.events() if e["subject"] == track][-1]
        return data

    with daemon(tmp_path / "log", *sets) as process:
        wait_until(still_open, "a face")
        (killed,) = still_open()
        process.kill()
        process.wait()
    with daemon(tmp_path / "log", *sets) as process:
        wait_until(lambda: killed not in still_open(), "its visit is ended")
        assert (last(killed)["event_type"], last(killed)["reason"]) == ("face_left", "lost")
        assert last(killed)["duration_s"] is None
        wait_until(still_open, "the next face")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    wait_until(lambda: not still_open(), "nobody is in view")
    stopped = next(e["data"] for e in reversed(sub.events()) if e["data"]["reason"] == "stopped")
    assert stopped["event_type"] == "face_left"
    assert 0 <= stopped["duration_s"] < 60
    with daemon(tmp_path / "log", *sets):
        before = len(sub.events())
        wait_until(lambda: len(sub.events()) > before, "an event")
        assert sub.events()[before]["data"]["event_type"] == "face_appeared"
    sub.close()
