"""A history while its recorders, its broker and its database are killed."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.store import open_store
from edge.store.models import Event, Gap, Visit
from tests.broker import running, saved_at
from tests.edge.store.kills import random_kills
from tests.edge.store.sender import Device
from tests.edge.store.tables import SUMS, keep, rows
from tests.recorder import recording, send, sending
from tests.waiting import wait_until

KILLS = 6  # `python -m benchmarks.record --kills 40` does more


@pytest.mark.faults
def test_random_kills_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    assert random_kills(tmp_path, KILLS, random.Random(16), print) > 400


@pytest.mark.faults
def test_a_broker_killed_under_recorders_that_share_loses_nothing(tmp_path: Path) -> None:
    """Mosquitto 2.0 forgets shared subscriptions: nobody gets what is sent before they are back.

    From then on each event comes to one of them again, and what came before counts once.
    """
    history, names = str(tmp_path / "h.db"), ("one", "two")
    device = Device("front")
    device.crowd(60, random.Random(5))
    with running(tmp_path / "broker", durable=True) as broker, ExitStack() as stack:
        port = broker.port
        recorders = [
            stack.enter_context(
                recording(tmp_path / n, port, history, "--name", n, "--share", "writers")
            )
            for n in names
        ]
        half = len(device.sent) // 2
        send(port, "front", device.sent[:half])
        with open_store(history) as store:
            wait_until(lambda: len(rows(store, Event)) == half, "the first half is stored")
        with sending(port, "front", device.sent[half:]) as sender:
            wait_until(lambda: sender.arrived() > half // 4, "some of the rest have arrived")
            broker.kill()
            forgotten = sender.acknowledged_since(saved_at(broker))
        rest = forgotten + sender.unacknowledged()
        broker.start()
        wait_until(lambda: all(r.said("back after") for r in recorders), "they are back")
        send(port, "front", rest)
        with open_store(history) as store, open_store(str(tmp_path / "calm.db")) as calm:
            keep(calm, device)
            expected = rows(calm, Visit, Gap, *SUMS)
            wait_until(lambda: rows(store, Visit, Gap, *SUMS) == expected, "all count, once")
        assert all(r.stop() == 0 for r in recorders)
