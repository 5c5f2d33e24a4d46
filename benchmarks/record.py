"""How many events a second a recorder takes, and what limits it.

usage: python -m benchmarks.record [--events N] [--kills N]

The events wait at a real Mosquitto in the recorder's session, so that nobody sends while it is
measured: from the first to the last that the database has, sums included. With `--kills` nothing is
measured: recorders, broker and database are killed so often, and the history must be right.
"""

from __future__ import annotations

import argparse
import random
import signal
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from sqlalchemy import func, select

from benchmarks.common import publish
from benchmarks.quota import quota
from edge.store import Store, open_store
from edge.store.digest import digest
from edge.store.models import Batch, Event, Gap, HourKind
from edge.store.write import Writer
from tests import broker as brokers
from tests import postgresql
from tests.edge.store.kills import random_kills
from tests.edge.store.sender import Device, read
from tests.recorder import RecorderProcess, sending
from tests.waiting import wait_until

DEVICES = 20
PATIENCE_S = 600.0
LOOK_S = 0.2  # between two questions to the database
BATCH = 500  # as of the recorder
SHARE = 0.25  # of a core for each recorder, so that processor is left for all else
SHARED_EVENTS = 20_000  # for each of these
VISIT_EVENTS = 4  # of a visit, in the mean
ROUNDS = 5  # of one beside two: at the same time, for the machine is not always as fast
SPAN_S = 3600.0  # in which devices saw all that
PROGRAMS = ("this", "recorder", "mosquitto", "postgres")
COLUMNS = [
    ("into", "into"),
    ("recorders", "recorders"),
    ("share", "of a core each"),
    ("events", "events"),
    ("rate", "events/s"),
    *((name, f"{name}, us") for name in PROGRAMS),
]


def main() -> None:
    """Measure, or kill."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--events", type=int, default=40_000, help="about so many (%(default)d)")
    p.add_argument("--kills", type=int, help="kill so often instead")
    p.add_argument("--seed", type=int, default=16)
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.kills:
            total = random_kills(Path(folder), args.kills, random.Random(args.seed), print)
            print(f"{args.kills} kills, {total} events sent: none lost, none twice, sums the same")
            return
        measure(Path(folder), args.events)


def measure(folder: Path, events: int) -> None:
    """Measure all ways and save the table."""
    devices = crowds(events)
    rows: list[dict[str, Any]] = []
    for kind in ("sqlite", "postgresql"):
        with database(kind, folder / f"{kind}-alone") as url:
            rows.append({"into": kind, "recorders": "no broker"} | alone(url, devices))
        for count in (1,) if kind == "sqlite" else (1, 2):
            rows.append(_run(folder, kind, count, devices))
    rows.append(_run(folder, "postgresql", 2, devices, kill=True))
    one, two = (r["rate"] for r in rows if r["into"] == "postgresql" and r["recorders"] in (1, 2))
    shared = []
    try:
        for _ in range(ROUNDS):
            shared += side_by_side(folder)
    except OSError as e:
        print(f"no control group for a share of a core: {e}")
    notes = []
    if shared:
        times = [b["rate"] / a["rate"] for a, b in zip(shared[::2], shared[1::2], strict=True)]
        notes.append(
            f"Each held to {SHARE:.0%} of a core, {SHARED_EVENTS} events for each, one and two "
            "at the same time with a broker and a database of their own: two take "
            f"{median(times):.2f} times what one takes (median of "
            f"{', '.join(f'{t:.2f}' for t in times)})."
        )
    publish(
        "record",
        "What a recorder takes",
        COLUMNS,
        rows + shared,
        [
            "The events wait in the recorder's session at Mosquitto; from the first to the last in "
            "the database, visits and sums included. *no broker*: decode, store and sum up only.",
            "us: microseconds of processor an event, by program.",
            "Each event is in the database once, and no number is missing, in every row; *one "
            "killed*: `kill -9` when half of the events are stored, and started again.",
            f"Two recorders that share the events take {two / one:.2f} times what one takes.",
            *notes,
        ],
    )


def crowds(events: int) -> list[Device]:
    """Return devices that have about so many events to send."""
    devices, rng = [Device(f"kiosk-{n}") for n in range(DEVICES)], random.Random(1)
    for d in devices:  # one crowd each: numbers rise with the time
        d.crowd(round(events / DEVICES / VISIT_EVENTS), rng, span_s=SPAN_S)
    return devices


def side_by_side(folder: Path) -> list[dict[str, Any]]:
    """Let one recorder, and two that share, work at the same time, apart from each other."""
    together = threading.Barrier(2)
    with ThreadPoolExecutor() as pool:
        rows = [
            pool.submit(
                *(_run, folder, "postgresql", count, crowds(count * SHARED_EVENTS)),
                share=SHARE,
                together=together,
            )
            for count in (1, 2)
        ]
        return [row.result() for row in rows]


def _run(
    folder: Path,
    kind: str,
    count: int,
    devices: list[Device],
    *,
    share: float | None = None,
    together: threading.Barrier | None = None,
    kill: bool = False,
) -> dict[str, Any]:
    place = Path(tempfile.mkdtemp(dir=folder))
    row = {
        "into": kind,
        "recorders": f"{count}, one killed" if kill else count,
        "share": "" if share is None else f"{share:.0%}",
    }
    with database(kind, place) as url:
        row |= through(place, url, devices, count, share, together=together, kill=kill)
    print(row, flush=True)
    return row


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """An empty history."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "sqlite":
        yield str(folder / "history.db")
        return
    with postgresql.running(fsync=True) as server:
        yield server.create("history")


def alone(url: str, devices: list[Device]) -> dict[str, Any]:
    """Decode, store and digest in this process, without a broker."""
    sent = [(d.name, p) for d in devices for p in d.sent]
    with open_store(url) as store:
        writer, began = Writer(store), time.monotonic()
        with Used() as used:
            for at in range(0, len(sent), BATCH):
                writer.write([read(name, p) for name, p in sent[at : at + BATCH]])
                if at // BATCH % 10 == 9:
                    digest(store)
            while digest(store):
                pass
        return used.told(len(sent), time.monotonic() - began)


def through(
    folder: Path,
    url: str,
    devices: list[Device],
    count: int,
    share: float | None = None,
    *,
    together: threading.Barrier | None = None,
    kill: bool = False,
) -> dict[str, Any]:
    """Let recorders take what waits for them at a broker, each with a share of a core or all.

    With `together` they begin when others do, and the processor is that of the recorders alone.
    """
    total = sum(len(d.sent) for d in devices)
    with brokers.running(folder / "broker") as broker, ExitStack() as stack:
        groups = []
        if share is not None:
            groups = [stack.enter_context(quota(f"{count}r{n}", share)) for n in range(count)]
        recorders = []
        for n in range(count):
            place = folder / f"r{n}"
            place.mkdir()
            options = ["--name", f"r{n}", *(["--share", "writers"] if count > 1 else [])]
            recorders.append(RecorderProcess(place, broker.port, url, *options))
            stack.callback(recorders[-1].kill)
            recorders[-1].start()
        for r in recorders:
            r.kill()
        with ExitStack() as senders:  # all at once, so that their events are mixed
            for s in [senders.enter_context(sending(broker.port, d.name, d.sent)) for d in devices]:
                s.wait()
        if together:
            together.wait(PATIENCE_S)
        # They load while the broker is frozen, so that all begin at once.
        broker.signal(signal.SIGSTOP)
        for r in recorders:
            r.launch()
        wait_until(lambda: connections(broker.port) == count, "the recorders connect")
        if share is not None:
            for group, r in zip(groups, recorders, strict=True):
                group.take(r.pid)
        mine = [r.pid for r in recorders] if together else None
        with open_store(url) as store, Used(mine) as used:
            if together:
                together.wait(PATIENCE_S)
            began = time.monotonic()
            broker.signal(signal.SIGCONT)
            if kill:
                while stored(store) < total // 2:
                    time.sleep(LOOK_S)
                recorders[0].kill()
                recorders[0].launch()
            wait_for(store, total, recorders)
            took_s = time.monotonic() - began
        return used.told(total, took_s)


def connections(port: int) -> int:
    """Return how many of our children's connections to a port there are."""
    count = 0
    for process in psutil.Process().children():
        with suppress(psutil.Error):
            count += sum(bool(c.raddr) and c.raddr.port == port for c in process.net_connections())
    return count


def stored(store: Store) -> int:
    """Return how many events there are."""
    with store.connect() as c:
        return c.scalar(select(func.count()).select_from(Event)) or 0


def wait_for(store: Store, total: int, recorders: list[RecorderProcess]) -> None:
    """Wait until all events are stored and in the sums, each once."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and all(r.runs() for r in recorders):
        with store.connect() as c:
            waiting = c.scalar(select(func.count()).select_from(Batch))
            if not waiting and c.scalar(select(func.sum(HourKind.events))) == total:
                assert stored(store) == total
                assert c.scalar(select(func.count()).select_from(Gap)) == 0
                return
        time.sleep(LOOK_S)
    raise SystemExit("the recorders do not get on")


class Used:
    """Seconds of processor that programs use meanwhile, by name."""

    def __init__(self, pids: Collection[int] | None = None) -> None:
        """Count this process and its children, or some of these alone."""
        self._pids = pids

    def __enter__(self) -> Used:
        self._before = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        after = self._now()
        self.seconds = {n: s - self._before.get(n, 0.0) for n, s in after.items()}

    def _now(self) -> dict[str, float]:
        total: dict[str, float] = {}
        me = psutil.Process()
        for process in [me, *me.children(recursive=True)]:
            if self._pids is not None and process.pid not in self._pids:
                continue
            try:
                name = process.name().split(":")[0]
                t = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            name = "this" if process == me else "recorder" if "python" in name else name
            total[name] = total.get(name, 0.0) + t.user + t.system
        return total

    def told(self, events: int, wall_s: float) -> dict[str, Any]:
        """Return a row: events a second, and microseconds of processor an event, by program."""
        row: dict[str, Any] = {"events": events, "rate": round(events / wall_s)}
        for name in PROGRAMS if self._pids is None else ("recorder",):
            row[name] = round(self.seconds.get(name, 0.0) / events * 1e6, 1)
        return row


if __name__ == "__main__":
    main()
