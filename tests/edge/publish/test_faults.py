"""Faults really injected into publisher, broker and disk."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from edge.errors import UnavailableError
from edge.publish import link, mqtt, outbox, probe_broker, traffic
from tests import broker as brokers
from tests.broker import running, subscribed
from tests.certificates import Authority
from tests.edge.publish.rig import change, config, mood, publishing
from tests.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).resolve().parents[3]

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


def kept(path: Path) -> tuple[set[int], int]:
    """Return what waits in an outbox that nobody has open, and the last `seq`; it is intact."""
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = {seq for (seq,) in db.execute("SELECT seq FROM event")}
        counters = dict(db.execute("SELECT name, value FROM counter"))
        assert counters["rows"] == len(rows)
        return rows, counters["seq"]
    finally:
        db.close()


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
            wait_until(lambda: len(set(s.seqs())) == last, "every event", 60)
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
        wait_until(lambda: p.stats().depth == 0, "all is acknowledged", 60)
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
                wait_until(lambda n=n: p.stats().depth == n + 1, "the disk keeps up", 120)
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
        wait_until(lambda: "broker_away" in p.stats().problems, "it is noticed", 30)
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
        broker.signal(signal.SIGCONT)
        wait_until(lambda: p.stats().problems == (), "it is online")


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
    with running(folder, settings) as b, publishing(b.port, tmp_path / "o.db", **login) as p:
        for _ in range(3):
            p.publish(change(time.monotonic()))
        wait_until(lambda: p.stats().refused >= 3, "refusals, again and again")
        assert p.stats().depth == 3
        assert "publish_refused" in p.stats().problems
        assert "client_id_taken" not in p.stats().problems
        warnings = [r.message for r in caplog.records if r.levelname == "WARNING"]
        refusals = [w for w in warnings if "refused the publish: Not authorized" in w]
        assert len(refusals) == 1
        assert len(warnings) <= 2  # Mosquitto 2.0 then hangs up; newer ones do not
        (folder / "acl").write_text(everything)
        with subscribed(b, login=("reader", "r")) as s:
            b.signal(signal.SIGHUP)  # reads the ACL again
            wait_until(lambda: p.stats().depth == 0, "all is acknowledged")
            assert s.seqs() == [1, 2, 3]
        assert p.stats().problems == ()


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[brokers.Broker, Authority]]:
    """A broker with TLS that asks for client certificates."""
    authority = Authority(tmp_path)
    server = authority.issue("server")
    settings = [
        "allow_anonymous true",
        f"cafile {authority.file}",
        f"certfile {server.cert}",
        f"keyfile {server.key}",
        "require_certificate true",
    ]
    with running(tmp_path / "b", settings) as b:
        yield b, authority


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_tls_with_a_client_certificate(tls, version: str) -> None:
    b, authority = tls
    kiosk = authority.issue("kiosk")
    keys = {
        "mqtt__tls": True,
        "mqtt__ca_file": authority.file,
        "mqtt__cert_file": kiosk.cert,
        "mqtt__key_file": kiosk.key,
        "mqtt__version": version,
    }
    assert "TLSv1.3, certificate verified" in probe_broker(config(b.port, **keys))
    with publishing(b.port, **keys) as p:
        for _ in range(300):
            p.publish(change(time.monotonic()))
        wait_until(lambda: p.stats().problems == (), "it is online")
        wait_until(lambda: p.stats().depth == 0, "all is acknowledged")


def test_tls_that_cannot_be(tls, tmp_path: Path) -> None:
    b, authority = tls
    kiosk = authority.issue("kiosk")
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "stranger")
    intruder = stranger.issue("intruder")
    good = {
        "mqtt__tls": True,
        "mqtt__ca_file": authority.file,
        "mqtt__cert_file": kiosk.cert,
        "mqtt__key_file": kiosk.key,
    }

    def probe(**more: object) -> str:
        with pytest.raises(UnavailableError) as e:
            probe_broker(config(b.port, **{**good, **more}))
        return str(e.value)

    assert "unknown authority; name it in mqtt.ca_file" in probe(mqtt__ca_file=stranger.file)
    theirs = {"mqtt__cert_file": intruder.cert, "mqtt__key_file": intruder.key}
    assert "closed the connection before it answered; does it ask" in probe(**theirs)
    without = probe(mqtt__cert_file="", mqtt__key_file="")
    assert "does it ask for a client certificate?" in without
    with pytest.raises(UnavailableError, match="is this its TLS port"):
        probe_broker(config(b.port))


@pytest.mark.parametrize(
    ("issue", "says"),
    [
        ({"expired": True}, "the broker's certificate has expired"),
        ({"hosts": False}, "the broker's certificate is for another"),
    ],
)
def test_tls_of_a_broker_with_a_bad_certificate(
    tmp_path: Path, issue: dict[str, bool], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("server", **issue)
    settings = ["allow_anonymous true", f"certfile {server.cert}", f"keyfile {server.key}"]
    with running(tmp_path / "b", settings) as b:
        keys = {"mqtt__tls": True, "mqtt__ca_file": authority.file}
        with pytest.raises(UnavailableError, match=says):
            probe_broker(config(b.port, **keys))
        with publishing(b.port, **keys) as p:
            wait_until(lambda: says in caplog.text, "the reason in the log")
            p.publish(change(time.monotonic()))
            wait_until(lambda: p.stats().depth == 1, "it is kept")
            assert "broker_refused" in p.stats().problems


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[Path]:
    """A tmpfs of its own; needs root."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small tmpfs needs root")
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_means_memory_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox, "RETRY_DISK_S", 0.3)
    monkeypatch.setattr(mqtt, "FLUSH_S", 0.5)
    late = brokers.Broker(tmp_path)
    with small_disk(tmp_path / "disk") as disk:
        with publishing(late.port, disk / "outbox.db") as p:
            for _ in range(20):
                for _ in range(100):
                    p.publish(change(time.monotonic()))
                time.sleep(0.02)
            wait_until(lambda: p.stats().depth == 2000, "all is kept")
            assert "outbox_memory" in p.stats().problems
            assert "database or disk is full; events are kept in memory" in caplog.text
            assert p.stats().lost == 0
            late.start()
            try:
                with subscribed(late, "emotion/+/event") as s:
                    before = 2000 - p.stats().depth
                    wait_until(lambda: p.stats().depth == 0, "all is sent", 60)
                    assert len(s.seqs()) >= 2000 - before - 64
                # What was acknowledged makes room: the disk works again by itself.
                wait_until(lambda: "outbox_memory" not in p.stats().problems, "the disk again")
            finally:
                late.kill()
        assert kept(disk / "outbox.db") == (set(), 2000)


def test_a_read_only_disk_means_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with small_disk(tmp_path / "disk") as disk, running(tmp_path / "b") as b:
        with publishing(b.port, disk / "outbox.db") as p:
            p.publish(change(time.monotonic()))
            wait_until(lambda: p.stats().problems == (), "it is online")
            wait_until(lambda: p.stats().depth == 0, "all is acknowledged")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with subscribed(b) as s, publishing(b.port, disk / "outbox.db") as p:
            p.publish(change(time.monotonic()))
            wait_until(lambda: len(s.events()) == 1, "it is published")
            assert "outbox_memory" in p.stats().problems
            assert s.seqs() == [2]  # the number goes on: reading is possible
        assert "events are kept in memory" in caplog.text


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


def test_state_goes_on_in_memory_when_the_broker_is_slow(broker) -> None:
    with publishing(broker.port) as p:
        wait_until(lambda: p.stats().problems == (), "it is online")
        broker.signal(signal.SIGSTOP)
        began = time.monotonic()
        for n in range(2000):
            p.state(began + n, [mood(t=began)], "running")
            p.publish(change(time.monotonic()))
        assert p.stats().depth > 0  # 4,000 calls that waited for nobody
        broker.signal(signal.SIGCONT)
        with subscribed(broker) as s:
            wait_until(lambda: p.stats().depth == 0, "all is acknowledged", 60)
            wait_until(lambda: s.on("state"), "the newest state")


def test_a_network_cut(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("a network namespace needs root, unshare and ip")
    inside = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    inside += ["--basetemp", str(tmp_path / "inside"), str(Path(__file__).with_name("cut.py"))]
    result = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *inside],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if "Operation not permitted" in result.stderr:
        pytest.skip("no network namespaces here")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 passed" in result.stdout


def test_a_close_before_a_frozen_broker_leaves_the_events_in_the_outbox(
    broker,
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox.db"
    with publishing(broker.port, path, close_s=1.0) as p:
        wait_until(lambda: p.stats().problems == (), "it is online")
        broker.signal(signal.SIGSTOP)
        for _ in range(30):
            p.publish(change(time.monotonic()))
    assert kept(path) == (set(range(1, 31)), 30)
    broker.signal(signal.SIGCONT)
    with subscribed(broker) as s, publishing(broker.port, path):
        wait_until(lambda: len(s.seqs()) >= 30, "every event")
        assert list(dict.fromkeys(s.seqs())) == list(range(1, 31))


def test_a_disk_that_hangs_does_not_hold_the_loop_and_what_is_lost_is_told(
    broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt, "QUEUE_MOST", 100)
    with subscribed(broker) as s, publishing(broker.port, tmp_path / "outbox.db") as p:
        p.publish(change(time.monotonic()))
        wait_until(lambda: s.seqs() == [1], "the first event")
        with p._outbox._lock:  # as a write that does not return would hold it
            p.publish(change(time.monotonic()))
            wait_until(lambda: not p._queue, "the writer hangs in the outbox")
            for _ in range(150):
                p.publish(change(time.monotonic()))  # would hang here
            assert p.stats().lost == 50
        wait_until(lambda: len(s.seqs()) == 102, "what was kept")
        assert sum(e["data"]["lost_before"] for e in s.events()) == 50
        assert p.stats().lost == 50
