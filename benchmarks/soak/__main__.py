"""Runs daemon and broker, watches the daemon, and says what it held and whether all came."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.mosquitto import Mosquitto
from benchmarks.soak import clip
from benchmarks.soak.broker import SETTINGS, Comings, Subscriber
from benchmarks.soak.watched import Sample, look
from edge.publish.store import Store

GROWTH_MB = 2.0  # most that is borne after warm-up
WARM_SHARE, WARM_LEAST = 0.1, 5000  # of the frames, at least; allocator and buffers settle
LOOK_S = 1.0
HEALTH_S = 2.0
STALLED_S = 180.0  # without a frame: something hangs
LAST_S = 120.0  # for the last events to arrive


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument(
        "--minutes", type=float, default=1e9, help="stop after so long at the latest"
    )
    parser.add_argument("--fps", type=float, default=clip.FPS, help="of the clip")
    parser.add_argument("--seed", type=int, default=1, help="of the broker's outages")
    parser.add_argument("--out", type=Path, help="folder for result.json and samples.csv")
    parser.add_argument("--set", action="append", default=[], help="a key of the daemon's")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        result, samples = soak(args, Path(folder))
    print(json.dumps(result, indent=2))
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "result.json").write_text(json.dumps(result, indent=2) + "\n")
        lines = [
            ",".join(Sample.__slots__),
            *(",".join(map(str, asdict(s).values())) for s in samples),
        ]
        (args.out / "samples.csv").write_text("\n".join(lines) + "\n")
    for wrong in result["wrong"]:
        print(f"soak: {wrong}", file=sys.stderr)
    return 1 if result["wrong"] else 0


def soak(args: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], list[Sample]]:
    """Run it; return the result and the samples."""
    source = folder / "clip.avi"
    clip.make(source, args.fps)
    broker = Mosquitto(folder, *SETTINGS)
    broker.start()
    subscriber = Subscriber(broker.port)
    outbox, log = folder / "outbox.db", folder / "log"
    daemon = start(source, broker.port, outbox, log, args.set)
    comings: Comings | None = None
    began = time.monotonic()
    samples: list[Sample] = []
    try:
        comings = Comings(broker, subscriber, random.Random(args.seed))
        samples = watch(daemon, subscriber, args.frames, args.minutes * 60)
        took = time.monotonic() - began
        comings.end()
        # The last health of all says whether the backlog has gone.
        until = time.monotonic() + LAST_S
        while time.monotonic() < until and not caught_up(subscriber):
            time.sleep(0.2)
        daemon.send_signal(signal.SIGTERM)
        status = daemon.wait(30)
        waiting, last = kept(outbox)
        while time.monotonic() < until and len(subscriber.seen) < last - len(waiting):
            time.sleep(0.2)
    finally:
        daemon.kill()
        daemon.wait()
        if comings is not None:
            comings.end()
        subscriber.close()
        broker.stop(signal.SIGKILL)
    warnings = [line for line in log.read_text().splitlines() if " INFO " not in line]
    return summary(samples, subscriber, waiting, last, status, took, comings, warnings), samples


def start(
    source: Path, port: int, outbox: Path, log: Path, more: Sequence[str]
) -> subprocess.Popen[bytes]:
    """Start the daemon as it is: real models, a real outbox on the disk."""
    keys = [
        f"camera.source={source}",
        "camera.loop=true",
        "track.lost_s=0.5",  # scenes are short
        "smooth.window_s=0.5",
        "smooth.hold_s=0.2",
        "alert.enabled=true",
        'alert.emotions=["happy"]',
        "alert.after_s=0.5",
        "alert.clear_s=0.2",
        "budget.cpu=16",
        f"output.health_s={HEALTH_S}",
        "output.state_s=0.2",
        "device.name=soak",
        "mqtt.host=127.0.0.1",
        f"mqtt.port={port}",
        "mqtt.keepalive_s=5",
        f"outbox.path={outbox}",
        *more,
    ]
    words = [word for key in keys for word in ("--set", key)]
    env = {k: v for k, v in os.environ.items() if not k.startswith("EMOTION_EDGE_")}
    with log.open("wb") as err:
        return subprocess.Popen([sys.executable, "-m", "edge", "run", *words], stderr=err, env=env)


def watch(
    daemon: subprocess.Popen[bytes], subscriber: Subscriber, frames: int, longest_s: float
) -> list[Sample]:
    """Look at the daemon until `frames` went through, or the time is up."""
    samples: list[Sample] = []
    done = 0
    began = moved = time.monotonic()
    while done < frames and time.monotonic() - began < longest_s:
        time.sleep(LOOK_S)
        if daemon.poll() is not None:
            raise SystemExit(f"the daemon ended with status {daemon.returncode}")
        now = int(subscriber.health.get("frames", 0))
        if now != done:
            done, moved = now, time.monotonic()
        elif time.monotonic() - moved > STALLED_S:
            raise SystemExit(f"no frame for {STALLED_S:g} s, after {done}")
        samples.append(look(daemon.pid, done))
        if len(samples) % 60 == 0 and sys.stderr.isatty():
            print(f"{done} frames, {samples[-1]}", file=sys.stderr)
    return samples


def caught_up(subscriber: Subscriber) -> bool:
    """Return whether `health` says that nothing waits."""
    health = subscriber.health
    return health.get("outbox_depth") == 0 and "broker_away" not in health.get("reasons", [])


def kept(outbox: Path) -> tuple[set[int], int]:
    """Return what still waits, and the last `seq`; the file is intact."""
    store = Store(outbox)
    try:
        found, counters = store.look(), store.counters()
        if counters is None or found.bad or counters.rows != len(found.sizes):
            raise SystemExit("the outbox is damaged")
        return set(found.sizes), counters.seq
    finally:
        store.close()


def summary(
    samples: list[Sample],
    subscriber: Subscriber,
    waiting: set[int],
    last: int,
    status: int,
    took_s: float,
    comings: Comings,
    warnings: list[str],
) -> dict[str, Any]:
    """Return figures, and what was not as promised."""
    frames = samples[-1].frames
    warm = max(frames * WARM_SHARE, WARM_LEAST)
    later = [s for s in samples if s.frames >= warm] or samples
    part = max(len(later) // 5, 1)
    first, final = later[:part], later[-part:]

    def median(of: list[Sample], name: str) -> float:
        return statistics.median(getattr(s, name) for s in of)

    def most(of: list[Sample], name: str) -> int:
        return max(int(getattr(s, name)) for s in of)

    growth = {n: round(median(final, n) - median(first, n), 2) for n in ("own_mb", "resident_mb")}
    half = later[: max(len(later) // 2, 1)]
    missing = set(range(1, last + 1)) - set(subscriber.seen) - waiting
    unordered = sum(b < a for a, b in zip(subscriber.seen, subscriber.seen[1:], strict=False))
    wrong = []
    if growth["own_mb"] >= GROWTH_MB:
        wrong.append(f"memory grew by {growth['own_mb']} MB after warm-up")
    for name in ("descriptors", "threads"):
        if most(later, name) > most(half, name):
            wrong.append(f"{name} grew: {most(half, name)}, then {most(later, name)}")
    if missing:
        wrong.append(f"{len(missing)} of {last} events are nowhere, {min(missing)} the first")
    if unordered:
        wrong.append(f"{unordered} events came before an earlier one")
    if last == 0:
        wrong.append("not one event")
    if status != 0:
        wrong.append(f"SIGTERM ended it with status {status}")
    if any("Traceback" in line for line in warnings):
        wrong.append("a traceback is in the log")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "frames": frames,
        "minutes": round(took_s / 60, 1),
        "events": last,
        "kinds": subscriber.kinds,
        "arrived": len(subscriber.seen),
        "repeated": subscriber.repeated,
        "left_in_outbox": len(waiting),
        "lost": subscriber.lost,
        "outages": comings.outages,
        "memory_growth_mb": growth,
        "memory_peak_mb": round(max(s.resident_mb for s in samples), 1),
        "descriptors": [most(half, "descriptors"), most(later, "descriptors")],
        "threads": [most(half, "threads"), most(later, "threads")],
        "log_lines": len(warnings),
        "wrong": wrong,
    }


if __name__ == "__main__":
    sys.exit(main())
