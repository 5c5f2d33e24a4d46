"""Run by `test_broker_faults` in a network namespace of its own: the network is cut for real."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.broker import running, subscribed
from tests.edge.publish.rig import change, publishing
from tests.waiting import wait_until


def link(state: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


def test_a_network_cut_is_noticed_and_loses_nothing(tmp_path: Path) -> None:
    with (
        running(tmp_path / "b", durable=True) as b,
        subscribed(b) as s,
        publishing(b.port, tmp_path / "outbox.db", mqtt__keepalive_s=5) as p,
    ):
        p.publish(change(time.monotonic()))
        wait_until(lambda: s.seqs() == [1] and p.stats().depth == 0, "the first event")
        link("down")  # packets vanish without a word
        for _ in range(50):
            p.publish(change(time.monotonic()))
        wait_until(lambda: "broker_away" in p.stats().problems, "the cut is noticed")
        assert p.stats().depth == 50
        link("up")
        wait_until(lambda: p.stats().depth == 0, "all is acknowledged")
        wait_until(lambda: set(s.seqs()) == set(range(1, 52)), "every event")
        assert p.stats().lost == 0
