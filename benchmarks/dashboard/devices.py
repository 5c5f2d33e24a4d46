"""Simulated devices, in a process of its own: one connection says what hundreds would say.

Prints `online` when all have spoken; goes on until standard input ends.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import sys
import threading
import time

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.fleet.devices import HEALTH, LABELS, WHO
from edge.contract import FaceInView, State, encode
from edge.messages import Status
from edge.publish.event_builder import rfc3339

BASE = "emotion"
HEALTH_S = 10.0  # output.health_s
FACES = (0, 1, 1, 1, 2, 3)  # in view, each as likely
TROUBLE = 0.02  # of the states: the camera is lost


def name(i: int) -> str:
    return f"device-{i:04}"


class Devices:
    """`count` devices, each of which says its state `rate` times a second, at random times."""

    def __init__(self, port: int, count: int, rate: float) -> None:
        self._count = count
        self._rate = count * rate
        self._rng = random.Random(1)
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(1000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say_all(self) -> None:
        """Let every device say everything once; returns when the broker has it."""
        sent = []
        for i in range(self._count):
            info = dataclasses.replace(WHO, device=name(i)).info(rfc3339(time.time()))
            info = msgspec.structs.replace(info, config={"device": {"tags": [f"floor-{i % 9}"]}})
            sent += [self._say(i, "info", encode(info)), self._say(i, "availability", b"online")]
            sent += [self._state(i), self._health(i)]
        for message in sent:
            message.wait_for_publish(60)

    def run(self, stopping: threading.Event) -> None:
        """Say states and health until `stopping`."""
        due = time.monotonic()
        healths = due
        n = 0
        while not stopping.wait(max(due - time.monotonic(), 0.0)):
            due += self._rng.expovariate(self._rate)
            self._state(self._rng.randrange(self._count))
            while healths <= due:
                self._health(n % self._count)
                n, healths = n + 1, healths + HEALTH_S / self._count

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _state(self, i: int) -> paho.MQTTMessageInfo:
        lost = self._rng.random() < TROUBLE
        faces = [] if lost else [self._face() for _ in range(self._rng.choice(FACES))]
        state = State(
            time=rfc3339(time.time()),
            seq=1,
            status=Status.CAMERA_LOST if lost else Status.RUNNING,
            emotion=faces[0].emotion if faces else "none",
            faces=faces,
        )
        return self._say(i, "state", encode(state))

    def _face(self) -> FaceInView:
        weights = [self._rng.random() ** 4 for _ in LABELS]
        scores = {label: w / sum(weights) for label, w in zip(LABELS, weights, strict=True)}
        emotion = max(scores, key=lambda label: scores[label])
        return FaceInView(
            track=f"{self._rng.getrandbits(32):08x}",
            emotion=emotion,
            confidence=scores[emotion],
            scores=scores,
            intensity=1 - scores["neutral"],
            box=[0.3, 0.3, 0.2, 0.3],
            since_s=self._rng.uniform(0, 60),
        )

    def _health(self, i: int) -> paho.MQTTMessageInfo:
        fps = self._rng.uniform(14, 16)
        health = msgspec.structs.replace(HEALTH, time=rfc3339(time.time()), fps=fps)
        return self._say(i, "health", encode(health))

    def _say(self, i: int, kind: str, payload: bytes) -> paho.MQTTMessageInfo:
        return self._client.publish(f"{BASE}/{name(i)}/{kind}", payload, qos=1, retain=True)


def main() -> None:
    p = argparse.ArgumentParser()
    p.add_argument("port", type=int)
    p.add_argument("count", type=int)
    p.add_argument("rate", type=float)
    args = p.parse_args()
    devices = Devices(args.port, args.count, args.rate)
    devices.say_all()
    print("online", flush=True)
    stopping = threading.Event()
    speaking = threading.Thread(target=devices.run, args=(stopping,))
    speaking.start()
    sys.stdin.read()
    stopping.set()
    speaking.join()
    devices.close()


if __name__ == "__main__":
    main()
