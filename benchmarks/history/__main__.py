"""`python -m benchmarks.history`: a year of a kiosk in SQLite, and how long a report of it takes.

The history is made once, by the recorder's own code (some minutes), and kept where `--store` says.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.common import publish
from benchmarks.history.fill import fill
from benchmarks.history.kiosk import Kiosk
from edge.store import open_store
from edge.store.models import HourKind

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
VISITORS = 1_745  # a usual day: two million events a year
WEEK = ["--from", "2025-12-08", "--to", "2025-12-14"]
YEAR = ["--from", "2025-01-01", "--to", "2025-12-31"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--store", default="/tmp/emotion-edge-year.db", help="file to keep it in")
    parser.add_argument("--days", type=int, default=DAYS, help="fewer: a quick look")
    parser.add_argument("--times", type=int, default=5, help="of each report; the median counts")
    args = parser.parse_args()
    if not Path(args.store).exists():
        made(args.store, args.days)
    with open_store(args.store, migrate=False) as store, store.connect() as c:
        events = int(c.scalar(select(func.sum(HourKind.events))) or 0)
    rows = [
        {"report": name, **measured([*command, "--store", args.store, "--zone", "UTC"], args.times)}
        for name, command in (
            ("a week, terminal", WEEK),
            ("the year, terminal", YEAR),
            ("the year, page", [*YEAR, "--html", os.devnull]),
        )
    ]
    publish(
        "history",
        "A report out of a kiosk's year",
        [
            ("report", "report"),
            ("seconds", "seconds"),
            ("processor_s", "of these, processor"),
            ("memory_mb", "memory, MB"),
        ],
        rows,
        [
            f"{events:,} events in SQLite, {Path(args.store).stat().st_size / 1e6:,.0f} MB; each "
            f"report a process of its own, its start included; median of {args.times}.",
            "Memory is the process's largest resident set.",
        ],
        events=events,
    )


def made(path: str, days: int) -> None:
    """Make the history, aside until it is whole."""
    aside = f"{path}.new"
    for end in ("", "-wal", "-shm"):
        Path(aside + end).unlink(missing_ok=True)
    with open_store(aside) as store:
        kiosk = Kiosk("kiosk-1")  # its numbers go on over the weeks
        for day in range(0, days, 7):
            first = FIRST + timedelta(days=day)
            count = fill(store, [kiosk], first, min(7, days - day), VISITORS)
            print(f"{first:%Y-%m-%d}: {count:,} events", flush=True)
    Path(aside).rename(path)


def measured(arguments: list[str], times: int) -> dict[str, float]:
    """Return the median seconds and the most memory of a report."""
    seconds, processor, memory = [], [], 0
    for _ in range(times):
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "report", *arguments], stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - began)
        if status:
            raise SystemExit(f"report {' '.join(arguments)}: it failed")
        processor.append(usage.ru_utime + usage.ru_stime)
        memory = max(memory, usage.ru_maxrss)  # KiB on Linux
    return {
        "seconds": round(statistics.median(seconds), 2),
        "processor_s": round(statistics.median(processor), 2),
        "memory_mb": round(memory / 976.6),
    }


if __name__ == "__main__":
    main()
