"""Starts broker and devices, restarts the broker, and says what it took."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.fleet.chart import draw
from benchmarks.fleet.workers import Workers
from benchmarks.mosquitto import Mosquitto
from edge.client import Client

ARRIVAL_S = 60.0  # for the last events to reach the subscriber


class Arrivals:
    """What a subscriber gets."""

    def __init__(self, client: Client) -> None:
        self.ids: set[str] = set()
        self.latencies: list[float] = []  # s, of events that were not replayed
        self.replayed = 0
        threading.Thread(target=self._run, args=(client,), daemon=True).start()

    def _run(self, client: Client) -> None:
        for event in client.events():
            self.ids.add(event.id)
            if event.data.replayed:
                self.replayed += 1
            else:
                happened = datetime.fromisoformat(event.time).timestamp()
                self.latencies.append(time.time() - happened)


def main(argv: Sequence[str] | None = None) -> int:
    args = options(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    # Each device has a disk of its own in the field; one disk for all would be what is measured.
    memory = Path("/dev/shm")
    outboxes = memory if args.outbox == "tmpfs" and memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="fleet-") as folder,
        tempfile.TemporaryDirectory(prefix="fleet-", dir=outboxes) as temporary,
        contextlib.ExitStack() as clean_up,
    ):
        outbox = None if args.outbox == "memory" else Path(temporary)
        result = simulate(args, Path(folder), outbox, clean_up)
    back = result.pop("back_s")
    (args.out / "fleet.json").write_text(json.dumps({**result, "back_s": back}, indent=1) + "\n")
    print(json.dumps(result))
    for name, value in result.items():
        print(f"{name.replace('_', ' '):<34} {value}", file=sys.stderr)
    why = draw(back, args.devices, args.outage, args.out / "reconnect.png")
    print(why or f"{args.out}/fleet.json, {args.out}/reconnect.png", file=sys.stderr)
    return 0 if result["lost"] == 0 and result["online_again"] == args.devices else 1


def simulate(
    args: argparse.Namespace, folder: Path, outbox: Path | None, clean_up: contextlib.ExitStack
) -> dict[str, Any]:
    """Return the figures; `back_s` are seconds from the broker's return to each device's."""
    broker = Mosquitto(folder)
    clean_up.callback(broker.kill)
    broker.start()
    empty_mb, _ = broker.cost()
    subscriber = Client(
        "127.0.0.1", broker.port, base="fleet", client_id="fleet-bench", keep_s=3600, buffer=10**7
    )
    with subscriber as client:
        client.wait_connected(30)
        arrivals = Arrivals(client)
        began = time.monotonic()
        workers = Workers(
            args.devices, args.rate, broker.port, outbox, health_s=args.health, logs=args.out
        )
        clean_up.callback(workers.kill)
        workers.wait_online()
        online_s = time.monotonic() - began

        workers.go()
        began, (_, cpu_before) = time.monotonic(), broker.cost()
        devices_before = workers.cpu_s()
        time.sleep(args.seconds)
        steady_s = time.monotonic() - began
        steady, latencies = len(arrivals.ids), list(arrivals.latencies)
        full_mb, cpu_after = broker.cost()
        devices_cpu = (workers.cpu_s() - devices_before) / steady_s

        broker.stop()
        time.sleep(args.outage)
        returned = time.time()
        broker.start()
        time.sleep(args.recover)
        after_mb, _ = broker.cost()
        workers.go()
        results = workers.results()
        published = sum(r["published"] for r in results)
        until = time.monotonic() + ARRIVAL_S
        while len(arrivals.ids) < published and time.monotonic() < until:
            time.sleep(0.2)
        workers.end()
        missing = sum(len(d.missing) for d in client.devices.values())
        duplicates = sum(d.duplicates for d in client.devices.values())
    back = sorted(t - returned for r in results for t in r["back"] if t > returned)
    return {
        "devices": args.devices,
        "events_a_device_a_second": args.rate,
        "outbox": args.outbox,
        "all_online_after_s": round(online_s, 1),
        "events_published": published,
        "events_received": len(arrivals.ids),
        "lost": published - len(arrivals.ids),
        "gaps_seen": missing,
        "duplicates_dropped": duplicates,
        "replayed": arrivals.replayed,
        "events_a_second": round(steady / steady_s, 1),
        "latency_median_ms": _ms(latencies, 0.5),
        "latency_p99_ms": _ms(latencies, 0.99),
        "broker_empty_mb": round(empty_mb, 1),
        "broker_full_mb": round(full_mb, 1),
        "broker_after_restart_mb": round(after_mb, 1),
        "broker_cores": round((cpu_after - cpu_before) / steady_s, 3),
        "devices_cores": round(devices_cpu, 3),
        "broker_away_s": args.outage,
        "online_again": len(back),
        "half_online_again_s": _at(back, 0.5),
        "nine_tenths_online_again_s": _at(back, 0.9),
        "all_online_again_s": _at(back, 1.0),
        "most_reconnects_in_a_second": _busiest(back),
        "back_s": [round(t, 2) for t in back],
    }


def _at(back: Sequence[float], share: float) -> float | None:
    return round(back[math.ceil(share * len(back)) - 1], 1) if back else None


def _busiest(back: Sequence[float]) -> int:
    return max((sum(0 <= b - a < 1.0 for b in back[i:]) for i, a in enumerate(back)), default=0)


def _ms(latencies: Sequence[float], share: float) -> float | None:
    if len(latencies) < 2:
        return None
    return round(statistics.quantiles(latencies, n=100)[int(share * 100) - 1] * 1e3, 1)


def options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what was asked for."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    p.add_argument("--devices", type=int, default=1000)
    p.add_argument("--rate", type=float, default=0.1, help="events a device a second")
    p.add_argument("--health", type=float, default=30.0, help="s between two health messages")
    p.add_argument("--seconds", type=float, default=60.0, help="steady running that is measured")
    p.add_argument("--outage", type=float, default=10.0, help="s that the broker is away")
    p.add_argument("--recover", type=float, default=75.0, help="s after its return")
    p.add_argument(
        "--outbox",
        choices=("tmpfs", "disk", "memory"),
        default="tmpfs",
        help="where the outboxes are: SQLite in /dev/shm, SQLite on this disk, or no SQLite",
    )
    p.add_argument("--out", type=Path, default=Path("build/fleet"))
    return p.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
