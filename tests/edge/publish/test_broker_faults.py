"""A broker that is killed, frozen, slow, cut off or refuses."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from edge.publish import link, traffic
from tests import broker as brokers
from tests.broker import running, subscribed
from tests.conftest import ROOT
from tests.edge.publish.rig import NEVER_STEADY, change, estimate, kept, publishing
from tests.edge.publish.test_kills import child
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(("version", "times"), [("5", 20), ("3.1.1", 5)])
def test_broker_killed_and_restarted_while_events_flow(
    tmp_path: Path, version: str, times: int
) -> None:
    rng = random.Random(3)
    sent = 0
    # Without a bound in flight, what it acknowledges it has handed to the subscriber's socket.
    settings = ["allow_anonymous true", "max_inflight_messages 0"]
    with (
        running(tmp_path / "b", settings, durable=True) as b,
        subscribed(b) as s,
        publishing(b.port, tmp_path / "outbox.db", mqtt__version=version) as p,
    ):
        for _ in range(times):
            assert s.subscribed.wait(PATIENCE_S)
            s.subscribed.clear()
            for _ in range(rng.randrange(1, 40)):
                p.publish(change(time.monotonic()))
                sent += 1
                time.sleep(rng.uniform(0, 0.005))
            # paho throws away what it has not read when it cannot answer any more: first it reads.
            b.signal(signal.SIGSTOP)
            wait_until(lambda: s.unread() == 0, "what was sent to the subscriber is read")
            b.kill()
            p.publish(change(time.monotonic()))
            sent += 1
            b.start()
        wait_until(lambda: p.stats().depth == 0, "all is acknowledged")
        p.publish(change(time.monotonic()))
        wait_until(lambda: sent + 1 in s.seqs(), "the last event")
        seqs = s.seqs()
        stats = p.stats()
    assert stats.lost == 0
    assert set(seqs) == set(range(1, sent + 2))
    firsts = list(dict.fromkeys(seqs))
    assert firsts == sorted(firsts)


@pytest.mark.slow
def test_a_hundred_thousand_events_wait_for_the_broker(tmp_path: Path) -> None:
    settings = ["allow_anonymous true", "max_inflight_messages 0"]
    late = brokers.Broker(tmp_path, settings)
    count = 100_000
    with publishing(late.port, tmp_path / "outbox.db", outbox__resend_rate=100_000) as p:
        for n in range(count):
            p.publish(change(time.monotonic()))
            if n % 5000 == 4999:  # the queue to the disk is bounded, and no camera is so fast
                wait_until(lambda: p._writer.waiting == 0, "the disk keeps up", 120)
        assert (p.stats().depth, p.stats().lost) == (count, 0)
        late.start()
        try:
            with subscribed(late, "emotion/+/event") as s:
                wait_until(lambda: p.stats().depth == 0, "all is acknowledged", 600)
                # The broker has it all; how soon it hands the last on is its own affair.
                wait_until(lambda: s.seqs()[-1:] == [count], "the last one", 120)
                seqs = s.seqs()
        finally:
            late.kill()
    # It may have begun before the subscription; from there on all came, once and in order.
    wrong = [(a, b) for a, b in pairwise(seqs) if b != a + 1]
    assert (wrong, seqs[-1]) == ([], count)
    assert seqs[0] < count // 2


def test_a_frozen_broker_is_noticed_and_loses_nothing(broker, caplog) -> None:
    with subscribed(broker) as s, publishing(broker.port, mqtt__keepalive_s=5) as p:
        wait_until(lambda: p.stats().problems == (), "it is online")
        broker.signal(signal.SIGSTOP)
        for _ in range(100):
            p.publish(change(time.monotonic()))
        wait_until(lambda: "broker_away" in p.stats().problems, "it is noticed")
        assert p.stats().depth == 100
        broker.signal(signal.SIGCONT)
        wait_until(lambda: p.stats().depth == 0, "all is acknowledged")
        wait_until(lambda: set(s.seqs()) == set(range(1, 101)), "every event")
    assert "does not answer" in caplog.text


def test_a_broker_that_accepts_and_says_nothing(broker, monkeypatch, caplog) -> None:
    monkeypatch.setattr(link, "ANSWER_S", 0.3)
    broker.signal(signal.SIGSTOP)
    with publishing(broker.port) as p:
        wait_until(lambda: "then does not answer" in caplog.text, "the reason in the log")
        monkeypatch.undo()
        broker.signal(signal.SIGCONT)
        wait_until(lambda: p.stats().problems == (), "it is online")


def test_state_goes_on_in_memory_when_the_broker_is_slow(broker) -> None:
    with publishing(broker.port) as p:
        wait_until(lambda: p.stats().problems == (), "it is online")
        broker.signal(signal.SIGSTOP)
        began = time.monotonic()
        for n in range(2000):
            p.state(began + n, [estimate(t=began)], "running")
            p.publish(change(time.monotonic()))
        assert p.stats().depth > 0  # 4,000 calls that waited for nobody
        broker.signal(signal.SIGCONT)
        with subscribed(broker) as s:
            wait_until(lambda: p.stats().depth == 0, "all is acknowledged")
            wait_until(lambda: s.on("state"), "the newest state")


def test_a_close_before_a_frozen_broker_leaves_the_events_in_the_outbox(
    broker,
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox.db"
    with publishing(broker.port, path, close_s=4.0) as p:  # half of it for the disk
        wait_until(lambda: p.stats().problems == (), "it is online")
        broker.signal(signal.SIGSTOP)
        for _ in range(30):
            p.publish(change(time.monotonic()))
        wait_until(lambda: p._writer.waiting == 0, "the disk has them")
    assert kept(path) == (set(range(1, 31)), 30)
    # On a busy machine its thread may need longer than it was given, and then it would go on.
    wait_until(lambda: not p._link._thread.is_alive(), "the first is gone")
    broker.signal(signal.SIGCONT)
    with subscribed(broker) as s, publishing(broker.port, path):
        wait_until(lambda: len(s.seqs()) >= 30, "every event")
        assert list(dict.fromkeys(s.seqs())) == list(range(1, 31))


def test_a_publish_refused_by_the_acl_is_kept_counted_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "REFUSED_FIRST_S", 0.3)
    monkeypatch.setattr(traffic, "REFUSED_MOST_S", 0.6)
    folder = tmp_path / "b"
    everything = "user reader\ntopic readwrite #\n\nuser kiosk\ntopic readwrite emotion/kiosk/#\n"
    no_events = everything + "topic deny emotion/kiosk/event\n"
    settings = brokers.passwords(folder, {"kiosk": "word", "reader": "r"}, no_events)
    word = tmp_path / "word"
    word.write_text("word")
    word.chmod(0o600)
    login = {"mqtt__username": "kiosk", "mqtt__password_file": word}
    with (
        running(folder, settings) as b,
        publishing(b.port, tmp_path / "o.db", waits=NEVER_STEADY, **login) as p,
    ):
        for _ in range(3):
            p.publish(change(time.monotonic()))
        wait_until(lambda: p.stats().refused >= 3, "refusals, again and again")
        wait_until(lambda: p.stats().depth == 3, "all wait again")
        wait_until(lambda: "publish_refused" in p.stats().problems, "it is said")
        assert "client_id_taken" not in p.stats().problems
        warnings = [r.message for r in caplog.records if r.levelname == "WARNING"]
        refusals = [w for w in warnings if "refused the publish: Not authorized" in w]
        assert len(refusals) == 1
        assert len(warnings) <= 2  # Mosquitto 2.0 then hangs up; newer ones do not
        (folder / "acl").write_text(everything)
        with subscribed(b, login=("reader", "r")) as s:
            b.signal(signal.SIGHUP)  # reads the ACL again
            wait_until(lambda: p.stats().depth == 0, "all is acknowledged")
            wait_until(lambda: s.seqs() == [1, 2, 3], "each once, in order")
        wait_until(lambda: p.stats().problems == (), "it is online")


def test_threads_and_descriptors_do_not_leak_over_reconnects(
    broker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with publishing(broker.port, tmp_path / "outbox.db") as p:
        counts = []
        for _ in range(12):
            wait_until(lambda: p.stats().problems == (), "it is online")
            counts.append(descriptors())
            broker.kill()
            wait_until(lambda: "broker_away" in p.stats().problems, "the loss is noticed")
            tries = caplog.text.count("trying again")
            wait_until(lambda n=tries: caplog.text.count("trying again") > n + 2, "tries that fail")
            broker.start()
    assert max(counts[2:]) <= counts[1]


def test_a_network_cut(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("a network namespace needs root, unshare and ip")
    inside = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    inside += ["--basetemp", str(tmp_path / "inside"), str(Path(__file__).with_name("cut.py"))]
    result = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *inside],
        cwd=ROOT,
        env=os.environ | {"EMOTION_EDGE_PATIENCE_S": str(PATIENCE_S)},
        capture_output=True,
        text=True,
    )
    if "Operation not permitted" in result.stderr:
        pytest.skip("no network namespaces here")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 passed" in result.stdout


def test_a_broker_that_acknowledges_nothing_is_said(broker, monkeypatch) -> None:
    monkeypatch.setattr(traffic, "STALLED_S", 0.3)
    with publishing(broker.port) as p:
        wait_until(lambda: p.stats().problems == (), "it is online")
        broker.signal(signal.SIGSTOP)
        p.publish(change(time.monotonic()))
        wait_until(lambda: p.stats().problems == ("broker_stalled",), "it is said")
        assert p.stats().depth == 1
        broker.signal(signal.SIGCONT)
        wait_until(lambda: p.stats().depth == 0 and p.stats().problems == (), "it is over")


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_giant_that_is_retained_where_requests_come_is_not_read(
    broker, version: str, tmp_path: Path
) -> None:
    log, key = tmp_path / "log", f"mqtt__version={version}"
    with subscribed(broker) as s:
        with child(broker.port, "memory", 5, log, key) as plain:
            wait_until(lambda: len(s.seqs()) > 3, "events")
            usual = memory_peak_mb(plain.pid)
        s.publish("emotion/kiosk/request/state", bytes(60_000_000), retain=True)
        with child(broker.port, "memory", 5, log, key) as beside_giant:
            before = len(s.seqs())
            if version == "3.1.1":  # MQTT 5 has the broker keep it to itself
                wait_until(lambda: log.read_text().count("topic of requests") == 1, "it is said")
                said = "a message of 60000031 bytes is on a topic of requests"
                assert said in log.read_text()
            wait_until(lambda: len(s.seqs()) > before + 3, "events go on")
            assert memory_peak_mb(beside_giant.pid) < usual + 10
    assert log.read_text().count("topic of requests") == (version == "3.1.1")


def test_requests_are_heard_again_after_a_while(broker) -> None:
    with subscribed(broker) as s, publishing(broker.port, mqtt__version="3.1.1") as p:
        wait_until(lambda: p.stats().problems == (), "it is online")
        s.publish("emotion/kiosk/request/state", bytes(5000))  # not retained
        wait_until(lambda: "requests_off" in p.stats().problems, "it does not read it")
        wait_until(lambda: p.stats().problems == ("requests_off",), "it is back")
        p._traffic._unsubscribed_until = time.monotonic()  # the while is over
        wait_until(lambda: p.stats().problems == (), "it listens again")
        s.publish("emotion/kiosk/request/state", b"{}")
        wait_until(lambda: s.on("response/state"), "an answer")


def memory_peak_mb(pid: int) -> float:
    """The most that a process ever had resident, 10^6 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
