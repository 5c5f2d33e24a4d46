"""The publisher's process killed or told to stop: nothing that was kept is lost."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import running, subscribed
from tests.conftest import ROOT
from tests.edge.publish.rig import kept
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.faults


@contextlib.contextmanager
def child(
    port: int, path: Path | str, rate: float, log: Path, *more: str
) -> Iterator[subprocess.Popen[str]]:
    """A publisher in its own process; killed, if it still lives, at the end."""
    with log.open("a") as errors:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.edge.publish.child",
                str(port),
                str(path),
                str(rate),
                *more,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "running\n", log.read_text()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_will_says_offline_after_a_kill_9(broker, tmp_path: Path) -> None:
    with (
        subscribed(broker) as s,
        child(broker.port, "memory", 0, tmp_path / "log") as process,
    ):
        wait_until(lambda: s.on("state"), "it is online")
        assert s.on("availability")[-1].payload == b"online"
        process.kill()
        wait_until(lambda: s.on("availability")[-1].payload == b"offline", "the will")
        with subscribed(broker) as later:
            wait_until(lambda: later.on("availability"), "what is retained")
            assert later.on("availability")[0].payload == b"offline"


def test_sigterm_says_goodbye_by_itself(broker, tmp_path: Path) -> None:
    with subscribed(broker) as s, child(broker.port, "memory", 50, tmp_path / "log") as process:
        wait_until(lambda: len(s.events()) > 5, "events")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        wait_until(lambda: s.messages[-1].payload == b"offline", "offline, last of all")
    assert s.on("state")[-1].json["status"] == "stopped"
    seqs = s.seqs()
    assert seqs == list(range(1, len(seqs) + 1))
    assert s.on("state")[-1].json["seq"] == seqs[-1]


def _kill_at_random(times: int, seed: int, tmp_path: Path) -> None:
    path, rng, quick = tmp_path / "outbox.db", random.Random(seed), "outbox__resend_rate=10000"
    with running(tmp_path / "b") as b, subscribed(b) as s:
        for _ in range(times):
            with child(b.port, path, 300, tmp_path / "log", quick):
                time.sleep(rng.uniform(0.0, 0.6))
            waiting, last = kept(path)
            # What the broker acknowledged is on its way to the subscriber, if not there yet.
            gone = set(range(1, last + 1)) - waiting
            wait_until(lambda gone=gone: gone <= set(s.seqs()), "what has left is there")
            assert max(s.seqs(), default=0) <= last  # nothing was sent that was not kept
        with child(b.port, path, 0, tmp_path / "log", quick):
            wait_until(lambda: len(set(s.seqs())) == last, "every event")
        events = s.events()
    assert last > times  # it did something in between
    ids = {e["data"]["seq"]: e["id"] for e in events}
    assert set(ids) == set(range(1, last + 1))
    assert all(ids[e["data"]["seq"]] == e["id"] for e in events)  # what comes again is the same
    firsts = list(dict.fromkeys(s.seqs()))
    assert firsts == sorted(firsts)


def test_ten_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    _kill_at_random(10, 1, tmp_path)


@pytest.mark.slow
def test_fifty_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    _kill_at_random(50, 2, tmp_path)
