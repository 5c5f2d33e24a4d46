"""The publisher's process killed or told to stop: nothing that was kept is lost."""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.broker import Subscriber, running, subscribed
from tests.conftest import ROOT
from tests.edge.publish.child import main as child_main
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
    lives = last = 0
    with running(tmp_path / "b") as b, subscribed(b) as s:
        while lives < times or last <= times:  # on a busy machine some lives are too short
            lives += 1
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


def onlines(subscriber: Subscriber) -> int:
    """How many connections of the publisher were seen."""
    return sum(m.payload == b"online" for m in list(subscriber.messages))


@pytest.mark.slow
def test_a_hundred_kills_of_daemon_broker_and_both_lose_nothing_and_keep_order(
    tmp_path: Path,
) -> None:
    seed = 4
    rng, path = random.Random(seed), tmp_path / "outbox.db"
    settings = ["allow_anonymous true", "max_inflight_messages 0"]
    forks = multiprocessing.get_context("forkserver")  # starting Python anew takes half a second
    forks.set_forkserver_preload(["tests.edge.publish.child"])
    counts: collections.Counter[str] = collections.Counter()

    def daemon(rate: int) -> BaseProcess:
        args = (str(b.port), str(path), str(rate), "outbox__resend_rate=10000")
        process = forks.Process(target=child_main, args=args, daemon=True)
        process.start()
        return process

    with running(tmp_path / "b", settings, durable=True) as b, subscribed(b) as s:
        s._client.reconnect_delay_set(0.05, 0.05)
        process = daemon(200)
        # On a busy machine most lives are too short for anything: then there are more of them.
        while counts.total() < 100 or len(s.seqs()) <= 300 or onlines(s) <= 50:
            what = rng.choice(("daemon", "daemon", "broker", "both"))
            counts[what] += 1
            time.sleep(rng.uniform(0.0, 0.2))
            if what != "daemon":
                s.subscribed.clear()
                # Mosquitto acknowledges before it saves, and paho throws away what it has not read
                # when it cannot answer any more: the subscriber reads first.
                b.signal(signal.SIGSTOP)
                wait_until(lambda: s.unread() == 0, "what was sent to the subscriber is read")
                b.kill()
            if what != "broker":
                process.kill()
                process.join()
                process = daemon(200)
            if what != "daemon":
                b.start()
                assert s.subscribed.wait(PATIENCE_S)
        process.kill()
        process.join()
        _, last = kept(path)
        process = daemon(0)
        wait_until(lambda: len(set(s.seqs())) == last, f"every event, {counts}, seed {seed}")
        process.kill()
        process.join()
        messages = list(s.messages)
    ids: dict[int, str] = {}
    newest_of_connection = 0
    for message in messages:
        if message.payload == b"online":  # the first message of each connection
            newest_of_connection = 0
        elif message.topic.endswith("/event"):
            event = message.json
            seq = event["data"]["seq"]
            assert event["data"]["lost_before"] == 0
            if seq in ids:  # again: by the publisher or by the broker, but the same
                assert ids[seq] == event["id"]
                continue
            ids[seq] = event["id"]
            assert seq > newest_of_connection
            newest_of_connection = seq
    assert ids.keys() == set(range(1, last + 1))
