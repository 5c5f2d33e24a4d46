"""`python -m benchmarks.latency`: from exposure to an MQTT subscriber, through a real Mosquitto."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psutil

from benchmarks.common import ROOT, data_folder, publish
from benchmarks.faces import people, write
from benchmarks.mosquitto import Mosquitto
from benchmarks.versus.loops import yunet_path
from edge.tools.bench_report import spread

WARM_UP_S = 4.0  # start, first connection, first faces
COLUMNS = (
    ("fps", "frames/s"),
    ("faces", "faces"),
    ("seen", "faces seen, mean"),
    ("messages", "messages"),
    ("median", "median ms"),
    ("p95", "p95 ms"),
    ("p99", "p99 ms"),
    ("cpu", "share of one core"),
    ("memory_mb", "MB"),
)


def measure(clip: Path, fps: float, faces: int, seconds: float, sets: list[str]) -> dict[str, Any]:
    """Run the daemon on a clip at its own rate; every frame publishes `state`."""
    delays: list[float] = []
    seen: list[int] = []

    def message(_client: Any, _data: Any, got: mqtt.MQTTMessage) -> None:
        now = time.time()
        state = json.loads(got.payload)
        if state["status"] == "running":
            delays.append(now - datetime.fromisoformat(state["time"]).timestamp())
            seen.append(len(state["faces"]))

    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder))
        broker.start()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.on_message = message
        client.connect("127.0.0.1", broker.port)
        client.subscribe("emotion/latency/state", 1)
        client.loop_start()
        options = [
            *(f"camera.source={clip}", "camera.loop=true", "device.name=latency"),
            *("mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", "outbox.path=memory"),
            *("output.state_s=0.001", *sets),
        ]
        daemon = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", *(x for o in options for x in ("--set", o))],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(WARM_UP_S)
            delays.clear()
            seen.clear()
            process = psutil.Process(daemon.pid)
            before, began = sum(process.cpu_times()[:2]), time.monotonic()
            time.sleep(seconds)
            cpu = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
            memory = process.memory_info().rss / 1e6
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(20)
            client.loop_stop()
            broker.kill()
    found = spread([d * 1e3 for d in delays])
    return {
        "fps": fps,
        "faces": faces,
        "seen": sum(seen) / max(len(seen), 1),
        "messages": len(delays),
        "median": found.median,
        "p95": found.p95,
        "p99": found.p99,
        "cpu": cpu,
        "memory_mb": memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="each (default: 20)")
    parser.add_argument("--detector", default="face", choices=("face", "yunet", "haar"))
    args = parser.parse_args()
    data = data_folder()
    sets = [f"detect.name={args.detector}"]
    if args.detector == "yunet":
        sets.append(f"detect.model={yunet_path(data)}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for fps in (15.0, 30.0):
            for faces in (1, 2, 4):
                clip = Path(folder) / f"{faces}-{fps:g}.avi"
                write(clip, people(data / "clips", faces, 140), fps)
                rows.append(measure(clip, fps, faces, args.seconds, sets))
                print(rows[-1], file=sys.stderr, flush=True)
    publish(
        "latency",
        "From exposure to a subscriber",
        COLUMNS,
        rows,
        [
            f"Detector {args.detector}. The daemon plays an MJPEG video of 640x480 at its own rate "
            "and publishes `state` with every frame; exposure is the moment at which a frame is "
            "due; broker, daemon and subscriber share this machine.",
            "The share of one core includes FFmpeg's decoding in colour, which a camera's frames "
            "do not need, and a message a frame, which is not the default.",
        ],
        detector=args.detector,
    )


if __name__ == "__main__":
    main()
