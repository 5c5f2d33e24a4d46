"""The publisher against a real broker: what subscribers see."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

import msgspec
import pytest

from edge.clock import SystemClock
from edge.configfile import load
from edge.contract import Event, Health, Info, Response, State, encode
from edge.errors import ConfigError, UnavailableError
from edge.publish import open_publisher, probe_broker, writer
from edge.publish.link import LinkState
from edge.stages import Control
from tests import broker as brokers
from tests.broker import Broker, running, subscribed
from tests.edge.publish.rig import NEVER_STEADY, WHO, change, config, estimate, publishing
from tests.fakes import FakeClock
from tests.waiting import PATIENCE_S, free_port, wait_until

HEALTH = Health(
    time="2026-01-01T00:00:00.000Z",
    uptime_s=1.0,
    status="running",
    reasons=[],
    fps=10.0,
    busy=0.1,
    latency_ms=20.0,
    frames=10,
    dropped=0,
    camera_reopened=0,
    faces=0,
    outbox_depth=0,
    outbox_lost=0,
    outbox_oldest_s=0.0,
    refused=0,
)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_life_from_online_to_offline(broker: Broker, version: str) -> None:
    with subscribed(broker) as s:
        with publishing(broker.port, mqtt__version=version) as p:
            now = time.monotonic()
            p.state(now, [estimate("happy", t=now)], "running")
            p.publish(change(now))
            p.health(HEALTH)
            wait_until(lambda: s.on("event") and s.on("health"), "event and health")
        wait_until(lambda: s.on("availability")[-1].payload == b"offline", "offline")
    assert s.messages[0].topic == "emotion/kiosk/availability"
    assert s.messages[0].payload == b"online"
    assert s.messages[1].topic == "emotion/kiosk/info"
    msgspec.json.decode(s.messages[1].payload, type=Info)
    event = msgspec.json.decode(s.on("event")[0].payload, type=Event)
    assert (event.data.seq, event.data.replayed, event.data.lost_before) == (1, False, 0)
    states = [msgspec.json.decode(m.payload, type=State) for m in s.on("state")]
    assert [x.status for x in states] == ["running", "stopped"]
    assert msgspec.json.decode(s.on("health")[0].payload, type=Health) == HEALTH
    assert s.messages[-1].topic == "emotion/kiosk/availability"


def test_all_but_events_and_answers_is_retained(broker: Broker) -> None:
    with publishing(broker.port) as p:
        now = time.monotonic()
        p.state(now, [estimate(t=now)], "running")
        p.publish(change(now))
        p.health(HEALTH)
        with subscribed(broker) as first:
            wait_until(lambda: first.on("availability"), "online: from then on it listens")
            first.publish("emotion/kiosk/request/state")
            wait_until(lambda: first.on("response/state"), "an answer")
            wait_until(lambda: p.stats().depth == 0, "the event is acknowledged")
        with subscribed(broker) as s:
            wait_until(lambda: len(s.messages) >= 4, "what is retained")
            s.publish("test/marker")
            wait_until(lambda: s.on("marker"), "all before the marker")
    retained = {m.topic.removeprefix("emotion/kiosk/") for m in s.messages if m.retain}
    assert retained == {"availability", "info", "state", "health"}


def test_the_broker_appears_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    late = Broker(tmp_path)
    with publishing(late.port) as p:
        now = time.monotonic()
        for _ in range(3):
            p.publish(change(now))
        p.state(now, (), "running")
        wait_until(lambda: "no broker listens there" in caplog.text, "the reason in the log")
        assert "broker_away" in p.stats().problems
        wait_until(lambda: p.stats().depth == 3, "the events are kept")
        late.start()
        try:
            with subscribed(late) as s:
                wait_until(lambda: p.stats().depth == 0, "all is sent")
                wait_until(lambda: s.on("state"), "the retained state")
            assert p.stats().problems == ()
            assert [r.levelname for r in caplog.records].count("WARNING") == 1
            assert "connected after" in caplog.text
        finally:
            late.kill()


def test_the_backlog_comes_in_order_marked_and_behind_the_present(tmp_path: Path) -> None:
    clock = FakeClock(now=time.monotonic())
    with (
        running(tmp_path / "b", durable=True) as b,
        subscribed(b) as s,
        publishing(b.port, tmp_path / "outbox.db", clock=clock) as p,
    ):
        wait_until(lambda: s.on("info"), "it is online")
        b.kill()
        wait_until(lambda: "broker_away" in p.stats().problems, "the loss is noticed")
        for _ in range(40):
            p.publish(change(clock.now()))
        clock.advance(3600)
        p.state(clock.now(), [estimate(t=clock.now())], "running")
        p.publish(change(clock.now(), "sad"))
        wait_until(lambda: p.stats().depth == 41, "all is kept")
        wait_until(lambda: p.stats().oldest_s >= 3600, "their age")
        # It is behind the events that led to it, which the disk may still be taking.
        wait_until(lambda: "state" in p._traffic._retained, "the present waits too")
        b.start()
        wait_until(lambda: len(s.events()) == 41, "all events")
    names = [m.topic.rsplit("/", 1)[1] for m in s.messages]
    assert names.index("state") < names.index("event")
    assert s.seqs() == list(range(1, 42))
    assert [e["data"]["replayed"] for e in s.events()] == [True] * 40 + [False]


def test_what_an_earlier_run_left_is_marked_replayed_with_its_own_time(
    broker: Broker,
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox.db"
    with publishing(free_port(), path) as p:
        now = time.monotonic()
        for _ in range(30):
            p.publish(change(now))
        wait_until(lambda: p.stats().depth == 30, "all is kept")
    with subscribed(broker) as s, publishing(broker.port, path) as p:
        t = time.monotonic()
        p.publish(change(t))
        wait_until(lambda: len(s.events()) == 31, "all events")
        events = s.events()
    assert [e["data"]["seq"] for e in events] == list(range(1, 32))
    assert [e["data"]["replayed"] for e in events] == [True] * 30 + [False]
    assert len({e["id"] for e in events}) == 31
    assert events[0]["time"] < events[-1]["time"]
    assert {e["data"]["uptime_s"] for e in events[:30]} == {round(now, 3)}


def test_the_backlog_is_sent_at_the_configured_rate(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with publishing(free_port(), path) as p:
        for _ in range(60):
            p.publish(change(time.monotonic()))
        wait_until(lambda: p.stats().depth == 60, "all is kept")
    began = time.monotonic()
    with subscribed(broker) as s, publishing(broker.port, path, outbox__resend_rate=40):
        wait_until(lambda: len(s.events()) == 60, "all events")
        arrived = [m.at for m in s.on("event")]
    # A burst of a tenth of a second's worth (4) and one more go at once; sooner than this it cannot
    # be, however busy the machine.
    assert arrived[-1] - began >= (60 - 1 - 4) / 40


def test_an_event_tells_how_many_were_lost_before_it(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with publishing(free_port(), path, outbox__max_events=10) as p:
        for _ in range(25):
            p.publish(change(time.monotonic()))
        wait_until(lambda: p.stats().depth == 10, "all is kept")
    with subscribed(broker) as s, publishing(broker.port, path, outbox__max_events=10) as p:
        wait_until(lambda: len(s.events()) == 10, "all events")
        p.publish(change(time.monotonic()))
        wait_until(lambda: len(s.events()) == 11, "one more")
    assert s.seqs() == list(range(16, 27))
    assert [e["data"]["lost_before"] for e in s.events()] == [15] + [0] * 10


def test_state_is_published_when_it_changed_and_otherwise_seldom(broker: Broker) -> None:
    with subscribed(broker) as s, publishing(broker.port, output__state_s=1.0) as p:
        t0 = time.monotonic()

        def offer(t: float, *emotions: str, status: str = "running", new: bool = True) -> None:
            faces = [estimate(e, track=f"t{i}", t=t0) for i, e in enumerate(emotions)]
            before = len(s.on("state"))
            p.state(t0 + t, faces, status)
            if new:
                wait_until(lambda: len(s.on("state")) > before, f"the state of {t}")
            else:
                time.sleep(0.1)  # were it published, it would be there

        offer(0.0)
        offer(0.1, new=False)
        offer(0.2, "happy")  # a face
        offer(0.3, "happy", new=False)
        offer(1.3, "happy")  # the same, but it is a second ago
        offer(1.4, "sad")
        offer(1.5, "sad", "happy")
        offer(1.6)
        offer(9.0, new=False)  # nobody is there and nobody was
        offer(9.1, status="paused")
        seen = [(m.json["status"], [f["emotion"] for f in m.json["faces"]]) for m in s.on("state")]
    assert seen == [
        ("running", []),
        ("running", ["happy"]),
        ("running", ["happy"]),
        ("running", ["sad"]),
        ("running", ["sad", "happy"]),
        ("running", []),
        ("paused", []),
    ]


def test_only_events_that_come_too_fast_wait(broker: Broker, monkeypatch) -> None:
    monkeypatch.setattr(writer, "GATHER_S", 3600.0)
    with subscribed(broker) as s:
        with publishing(broker.port) as p:
            now = time.monotonic()
            p.publish(change(now))
            wait_until(lambda: s.seqs() == [1], "the first event")
            p.state(now, [estimate()], "running")
            wait_until(lambda: s.on("state"), "the present")
            p.state(now, (), "running")
            wait_until(lambda: len(s.on("state")) == 2, "the present again")
            p.publish(change(now))
            p.publish(change(now))
        wait_until(lambda: s.seqs() == [1, 2, 3], "the others, at the latest when it closes")


def test_requests_pause_resume_and_hostile_ones(broker: Broker) -> None:
    control = Control()
    with subscribed(broker) as s:
        s.publish("emotion/kiosk/request/pause", retain=True)  # left behind by somebody
        with publishing(broker.port, control=control) as p:
            p.state(time.monotonic(), (), "running")
            wait_until(lambda: s.on("state"), "the state")
            s.publish("emotion/kiosk/request/state", b'{"transaction":"first"}')
            wait_until(lambda: s.on("response/state"), "an answer")
            assert not control.paused
            s.publish("emotion/kiosk/request/pause", b'{"transaction":"a"}')
            wait_until(lambda: control.paused, "pause")
            s.publish("emotion/kiosk/request/resume", b"{}")
            wait_until(lambda: not control.paused, "resume")
            s.publish("emotion/kiosk/request/pause", b"x" * 3000)
            s.publish("emotion/kiosk/request/pause", b"x" * 1_000_000)
            s.publish("emotion/kiosk/request/../../etc/passwd", b"{}")
            s.publish("emotion/kiosk/request/" + "p" * 5000, b"{}")
            s.publish("emotion/kiosk/request/pause", b'{"transaction": {"$where": 1}}')
            s.publish("emotion/kiosk/request/shutdown", b"\x00\xff")
            wait_until(lambda: s.on("response/shutdown"), "the last answer")
            assert not control.paused
            p.publish(change(time.monotonic()))
            wait_until(lambda: s.on("event"), "it still publishes")
    answers = [msgspec.json.decode(m.payload, type=Response) for m in s.on("response/pause")]
    assert [(a.status, a.transaction) for a in answers][:1] == [("ok", "a")]
    assert {a.status for a in answers[1:]} == {"error"}
    state = msgspec.json.decode(s.on("response/state")[0].payload, type=Response)
    assert state.state is not None
    assert state.state.status == "running"
    topics = {m.topic for m in s.messages if "/response/" in m.topic}
    assert topics == {
        f"emotion/kiosk/response/{v}" for v in ("pause", "resume", "state", "shutdown")
    }


def test_state_after_a_reconnect_is_retained_again(broker: Broker) -> None:
    with publishing(broker.port) as p:
        now = time.monotonic()
        p.state(now, [estimate("sad", t=now)], "running")
        with subscribed(broker) as s:
            wait_until(lambda: s.on("state"), "the state")
        broker.kill()
        wait_until(lambda: "broker_away" in p.stats().problems, "the loss is noticed")
        broker.start()  # without memory: what was retained is gone
        wait_until(lambda: p.stats().problems == (), "it is connected again")
        with subscribed(broker) as s:
            wait_until(lambda: s.on("state") and s.on("availability"), "what is retained")
        assert s.on("state")[0].json["emotion"] == "sad"
        assert s.on("availability")[0].payload == b"online"
        assert s.on("info")


def test_a_wrong_password_is_said_once_and_waits_longest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = brokers.passwords(tmp_path / "b", {"kiosk": "right"})
    word = tmp_path / "password"
    word.write_text("wrong\n")
    word.chmod(0o600)
    login = {"mqtt__username": "kiosk", "mqtt__password_file": word}
    with running(tmp_path / "b", settings) as b:
        for version in ("5", "3.1.1"):
            with pytest.raises(UnavailableError, match="wrong user or password"):
                probe_broker(config(b.port, mqtt__version=version, **login))
        with publishing(b.port, **login) as p:
            p.publish(change(time.monotonic()))
            wait_until(lambda: "broker_refused" in p.stats().problems, "the refusal")
            wait_until(
                lambda: (tmp_path / "b" / "mosquitto.log").read_text().count("not auth") > 4,
                "it asks again",
            )
            refusals = [r for r in caplog.records if "refused the login" in r.message]
            assert [r.levelname for r in refusals].count("WARNING") == 1
            word.write_text("right\n")
            assert p.stats().depth == 1
        assert "wrong" not in caplog.text.replace("wrong user", "")
        assert "not encrypted" in probe_broker(config(b.port, **login))


def test_probe_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match="connection refused: no broker listens there"):
        probe_broker(config(free_port()))
    with pytest.raises(UnavailableError, match="name cannot be resolved"):
        probe_broker(config(1883, mqtt__host="no-such-host.invalid"))
    with pytest.raises(ConfigError, match=r"mqtt.password_file"):
        probe_broker(config(1883, mqtt__username="a", mqtt__password_file=tmp_path / "none"))


def test_two_devices_with_one_client_id(
    broker: Broker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with publishing(broker.port, waits=NEVER_STEADY, mqtt__client_id="same") as one:
        wait_until(lambda: one.stats().problems == (), "the first is online")
        with publishing(broker.port, waits=NEVER_STEADY, mqtt__client_id="same"):
            wait_until(lambda: "client_id_taken" in one.stats().problems, "it is noticed")
    assert "another client use the same client id, same?" in caplog.text


def test_it_closes_in_time_without_a_broker_and_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with publishing(free_port(), tmp_path / "outbox.db") as p:
        p.publish(change(time.monotonic()))
    # Closed amid a try to connect, it does not wait for the end of that; on a busy machine, later.
    wait_until(lambda: p._link.state is LinkState.CLOSED, "closed")
    wait_until(lambda: set(threading.enumerate()) <= before, "no thread is left")


def test_everything_handed_over_before_a_close_is_sent(broker: Broker, tmp_path: Path) -> None:
    with subscribed(broker) as s:
        with publishing(broker.port, tmp_path / "outbox.db") as p:
            wait_until(lambda: p.stats().problems == (), "it is online")
            for _ in range(200):
                p.publish(change(time.monotonic()))
        wait_until(lambda: len(s.events()) == 200, "all events")
        wait_until(lambda: s.messages[-1].payload == b"offline", "offline, last of all")


def test_stdout_beside_the_broker_has_the_same_events(broker: Broker, capfdbinary) -> None:
    on = load(None, {}, ["mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", "output.stdout=on"])
    with subscribed(broker) as s:
        p = open_publisher(on, WHO, SystemClock(), Control(), random.Random())
        for _ in range(5):
            p.publish(change(time.monotonic()))
        wait_until(lambda: len(s.events()) == 5, "all events")
        p.close(PATIENCE_S)
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert lines == s.events()


def test_encoding_is_what_the_contract_types_say() -> None:
    assert msgspec.json.decode(encode(HEALTH), type=Health) == HEALTH
