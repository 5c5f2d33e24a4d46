"""Some of the devices, in a process of their own.

Reads a line of JSON settings from standard input, prints `online` when all are connected, stops
when the next line comes, and prints a line of JSON results.
"""

from __future__ import annotations

import dataclasses
import json
import random
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from edge.clock import SystemClock
from edge.config import Config
from edge.config_publish import Mqtt, Outbox
from edge.contract import Health, ModelInfo
from edge.geometry import Box
from edge.messages import Estimate, EventType, PipelineEvent, Track
from edge.publish import Identity
from edge.publish.event_builder import rfc3339
from edge.publish.mqtt import MqttPublisher
from edge.stages import Control

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
LOOK_S = 0.5  # between two looks at who is connected
SWITCH_S = 0.05  # hundreds of threads that ask for their turn every 5 ms do little else
FILES = 8  # open files a device: socket, wake-up pair, SQLite's three
DRAIN_S = 120.0  # for the last event to be acknowledged
WHO = Identity(
    base="fleet",
    device="",
    boot_id="11111111-2222-3333-4444-555555555555",
    version="0",
    model=ModelInfo(name="none", sha256="0" * 64, labels=list(LABELS), runtime="none"),
    detector="none",
)


class Devices:
    """`count` publishers; each makes events at `rate` a second, at random times."""

    def __init__(self, s: dict[str, Any]) -> None:
        self._clock = SystemClock()
        self._rng = random.Random(s["first"])
        self._rate = s["rate"] * s["count"]
        self._health_s = s["health_s"]
        folder = Path(s["outbox"]) if s["outbox"] else None
        config = Config(
            mqtt=Mqtt(host="127.0.0.1", port=s["port"], base="fleet"), outbox=Outbox(path="memory")
        )
        names = [f"device-{i:04}" for i in range(s["first"], s["first"] + s["count"])]
        self.publishers = [
            MqttPublisher(
                config,
                dataclasses.replace(WHO, device=name),
                self._clock,
                Control(),
                random.Random(name),
                folder / f"{name}.db" if folder else None,
            )
            for name in names
        ]
        self.published = 0
        self.backed_up = 0  # events not acknowledged when the last had been made
        self.back: list[float] = []  # seconds since 1970: a device that was away came back
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=work) for work in (self._make, self._look, self._health)
        ]

    def online(self) -> int:
        """Return how many are connected."""
        return sum("broker_away" not in p.stats().problems for p in self.publishers)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Make no more events, and wait until those made are acknowledged."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.backed_up = self.waiting()
        until = time.monotonic() + DRAIN_S
        while self.waiting() and time.monotonic() < until:
            time.sleep(LOOK_S)

    def waiting(self) -> int:
        """Return how many events are not acknowledged."""
        return sum(p.stats().depth for p in self.publishers)

    def _make(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            due += self._rng.expovariate(self._rate)
            self._stop.wait(max(due - time.monotonic(), 0.0))
            publisher = self._rng.choice(self.publishers)
            now = self._clock.now()
            estimate = self._estimate(now)
            publisher.publish(PipelineEvent(EventType.EMOTION_CHANGED, now, estimate, "neutral", 1))
            publisher.state(now, [estimate], "running")
            self.published += 1

    def _estimate(self, now: float) -> Estimate:
        emotion = self._rng.choice(LABELS)
        return Estimate(
            track=Track(
                f"{self._rng.getrandbits(32):08x}", Box(1, 1, 9, 9), 0.9, now, now, (64, 48)
            ),
            emotion=emotion,
            confidence=0.7,
            scores={label: 0.7 if label == emotion else 0.05 for label in LABELS},
            intensity=0.9,
            since=now,
            reason=None,
            window_s=1.5,
        )

    def _look(self) -> None:
        """Note when devices come back."""
        away: set[int] = set()
        while not self._stop.wait(LOOK_S):
            now = time.time()
            for i, p in enumerate(self.publishers):
                if "broker_away" in p.stats().problems:
                    away.add(i)
                elif i in away:
                    away.discard(i)
                    self.back.append(now)

    def _health(self) -> None:
        while not self._stop.is_set():
            for p in self.publishers:
                s = p.stats()
                p.health(
                    msgspec.structs.replace(HEALTH, time=rfc3339(time.time()), outbox_depth=s.depth)
                )
                if self._stop.wait(self._health_s / len(self.publishers)):
                    return


HEALTH = Health(
    time="",
    uptime_s=1.0,
    status="running",
    reasons=[],
    fps=25.0,
    busy=0.4,
    latency_ms=12.0,
    frames=1,
    dropped=0,
    camera_reopened=0,
    faces=1,
    outbox_depth=0,
    outbox_lost=0,
    outbox_oldest_s=0.0,
    refused=0,
)


def main() -> None:
    sys.setswitchinterval(SWITCH_S)
    settings = json.loads(sys.stdin.readline())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = 100 + FILES * settings["count"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(wanted, 1024), hard), hard))
    devices = Devices(settings)
    while devices.online() < settings["count"]:
        time.sleep(LOOK_S)
    print("online", flush=True)
    sys.stdin.readline()
    devices.start()
    sys.stdin.readline()
    devices.stop()
    stats = [p.stats() for p in devices.publishers]
    result = {
        "published": devices.published,
        "backed_up": devices.backed_up,
        "waiting": devices.waiting(),
        "dropped": sum(s.lost for s in stats),
        "back": devices.back,
    }
    print(json.dumps(result), flush=True)
    closing = [threading.Thread(target=p.close, args=(5.0,)) for p in devices.publishers]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join()


if __name__ == "__main__":
    main()
