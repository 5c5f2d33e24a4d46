"""Recorders, broker and database killed at random, while devices send."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from edge.store import Store, open_store
from edge.store.models import Batch, Event, Gap, Visit
from edge.store.models import Device as DeviceRow
from edge.store.write import Writer
from tests import postgresql
from tests.broker import Broker, running, saved_at
from tests.edge.store.sender import START, Device
from tests.edge.store.tables import SUMS, chunks, keep, rows
from tests.recorder import RecorderProcess, Sender, recording, send, sending
from tests.waiting import wait_until

VISITS = 12  # of each device, between two kills


def random_kills(
    folder: Path, kills: int, rng: random.Random, said: Callable[[str], None] = lambda _: None
) -> int:
    """Kill -9 one of two recorders, the broker or the database, `kills` times; return the events.

    Both recorders get every event, so each comes at least twice. Fails unless the history is then
    that of a recorder that was never disturbed: nothing lost, nothing twice, every sum the same.

    Mosquitto 2.0 acknowledges an event some milliseconds before it saves it. Killed in between,
    while no recorder is connected, it has forgotten the event, and no recorder can know: such
    events are sent again, as by a device that got no acknowledgement.
    """
    devices = [Device("front"), Device("back")]
    for device in devices:
        device.crowd(VISITS * kills, rng)
    portions = [chunks(d.sent, -(-len(d.sent) // kills)) for d in devices]
    total = sum(len(d.sent) for d in devices)
    with (
        postgresql.running() as server,
        running(folder / "broker", durable=True) as broker,
        contextlib.ExitStack() as stack,
    ):
        history = server.create("kills")
        with open_store(history) as store:  # the same numbers in both histories
            Writer(store).devices([d.name for d in devices], START)
        recorders = [
            stack.enter_context(recording(folder / name, broker.port, history, "--name", name))
            for name in ("one", "two")
        ]
        victims: list[RecorderProcess | postgresql.PostgreSQL | Broker] = [
            *recorders,
            broker,
            server,
        ]
        killed: list[str] = []
        forgotten = 0
        senders: list[tuple[str, Sender]] = []
        for n, (front, back) in enumerate(zip(*portions, strict=False)):
            with sending(broker.port, "front", front) as a, sending(broker.port, "back", back) as b:
                some = rng.randrange(len(front) + len(back))
                wait_until(lambda: a.arrived() + b.arrived() >= some, "some have arrived")  # noqa: B023  # called before the loop goes on
                victim = rng.choice(victims)
                killed.append(type(victim).__name__)
                said(f"kill {n + 1} of {kills}, after {some} of a portion: {killed[-1]}")
                victim.kill()
                senders += [("front", a), ("back", b)]
                unsaved = []
                if victim is broker:
                    since = saved_at(broker)
                    unsaved = [(name, s.acknowledged_since(since)) for name, s in senders]
                victim.start()
                for name, again in unsaved:
                    send(broker.port, name, again)
                    forgotten += len(again)
                a.wait()
                b.wait()
        with open_store(history) as store, open_store(str(folder / "calm.db")) as calm:
            Writer(calm).devices([d.name for d in devices], START)
            for device in devices:
                keep(calm, device)

            def all_there() -> bool:
                with store.connect() as c:
                    events = c.scalar(select(func.count()).select_from(Event))
                    waiting = c.scalar(select(func.count()).select_from(Batch))
                return (events, waiting) == (total, 0)

            try:
                wait_until(all_there, f"{total} events are stored and in the sums")
            except pytest.fail.Exception:
                pytest.fail(_told(store, devices, killed))
            assert rows(store, Visit, Gap, *SUMS) == rows(calm, Visit, Gap, *SUMS)
            assert all(r.stop() == 0 for r in recorders)
    said(
        f"{forgotten} events that the broker may have acknowledged without saving them: sent again"
    )
    return total


def _told(store: Store, devices: list[Device], killed: list[str]) -> str:
    """Say which events there are not, and what was killed when they were sent."""
    with store.connect() as c:
        stored = {(r.device_id, r.seq) for r in c.execute(select(Event.device_id, Event.seq))}
        waiting = c.scalar(select(func.count()).select_from(Batch))
        ids = {r.name: r.id for r in c.execute(select(DeviceRow.name, DeviceRow.id))}
    missing = [
        f"{d.name} {n + 1} ({killed[n // -(-len(d.sent) // len(killed))]})"
        for d in devices
        for n in range(len(d.sent))
        if (ids[d.name], n + 1) not in stored
    ]
    return f"{len(stored)} events stored, {waiting} batches in no sum; missing: {missing}"
