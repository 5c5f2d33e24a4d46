"""The wall clock jumps by hours under a running daemon; nothing but time stamps may show it."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from edge.publish.traffic import LATE_S
from tests.broker import Broker, Subscriber, broker  # noqa: F401  # a fixture
from tests.daemon import CLIP
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.faults

JUMPS_S = (6 * 3600, -9 * 3600, 3600, -3600)  # one after the other; the last two are DST's


class Wall:
    """Sets the wall clock of a child that was started with `env`."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler (apt-get install gcc)")
        self._file = folder / "offset"
        library = folder / "wallclock.so"
        source = Path(__file__).with_name("wallclock.c")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True
        )
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("EMOTION_EDGE_")},
            "LD_PRELOAD": str(library),
            "WALLCLOCK_OFFSET": str(self._file),
        }
        self.offset = 0
        self.jump(0)

    def jump(self, seconds: int) -> None:
        self.offset += seconds
        new = self._file.with_suffix(".new")
        new.write_text(str(self.offset))
        new.replace(self._file)


def test_the_shim_moves_wall_time_and_no_other(tmp_path: Path) -> None:
    wall = Wall(tmp_path)
    wall.jump(7200)
    code = "import time; print(time.time(), time.monotonic(), time.clock_gettime(7))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=wall.env, capture_output=True, text=True, check=True
    )
    shown, monotonic, boot = map(float, done.stdout.split())
    assert abs(shown - time.time() - 7200) < 600
    assert abs(monotonic - time.monotonic()) < 600
    assert abs(boot - time.clock_gettime(time.CLOCK_BOOTTIME)) < 600


def seconds(rfc3339: str) -> float:
    return datetime.fromisoformat(rfc3339).timestamp()


def test_a_daemon_whose_wall_clock_jumps(broker: Broker, tmp_path: Path) -> None:  # noqa: F811
    wall = Wall(tmp_path)
    keys = [
        f"camera.source={CLIP}",
        "camera.loop=true",
        "device.name=kiosk",
        "mqtt.host=127.0.0.1",
        f"mqtt.port={broker.port}",
        f"outbox.path={tmp_path / 'outbox.db'}",
        "output.health_s=1",
    ]
    sub = Subscriber(broker.port)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", *(w for k in keys for w in ("--set", k))],
            env=wall.env,
            stderr=log,
        )
    try:
        wait_until(sub.events, "an event", 120)
        for jump in JUMPS_S:
            before = len(sub.events())
            wall.jump(jump)
            wait_until(lambda n=before: len(sub.events()) >= n + 2, "events go on", 120)
            # `time` is by the new clock; by it, and by nothing else, the jump is seen.
            apart = seconds(sub.events()[-1]["time"]) - time.time() - wall.offset
            assert abs(apart) < 600, apart
        health = [m.json for m in sub.on("health")]
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        sub.close()
    events = [e["data"] for e in sub.events()]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    happened = [e["uptime_s"] for e in events]
    assert happened == sorted(happened)
    for message in sub.on("event"):
        data = message.json["data"]
        # Late by the clock that nobody moves, as on a busy machine, and by no other.
        late = message.at - data["uptime_s"] > LATE_S
        assert late or not data["replayed"], (message.at, data)
    for event in sub.events():
        data = event["data"]
        assert 0 <= data["window_s"] <= 1.5  # smooth.window_s: not hours
        # How long an emotion has lasted is not how far the clock was moved.
        assert -0.01 <= seconds(event["time"]) - seconds(data["started_at"]) < 600
        if data["duration_s"] is not None:
            assert 0 <= data["duration_s"] < 60
    for a, b in itertools.pairwise(health):
        assert 0 < b["uptime_s"] - a["uptime_s"] < 120
        assert b["outbox_oldest_s"] < 120
    states = [m.json for m in sub.on("state")]
    assert all(face["since_s"] < 120 for s in states for face in s["faces"])
    assert "Traceback" not in (tmp_path / "log").read_text()
