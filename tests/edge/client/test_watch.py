"""`emotion-edge watch` against a real broker."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from edge.client import Device
from edge.client.inventory import Inventory
from edge.client.watch import table
from edge.contract import AudienceNow, encode
from edge.messages import Eyes, FaceState
from tests import broker as brokers
from tests.broker import Broker, running, subscribed
from tests.certificates import Authority
from tests.edge.publish.rig import change, estimate, publishing
from tests.edge.publish.test_event_builder import builder
from tests.edge.publish.test_metrics import HEALTH
from tests.fakes import FakeClock
from tests.waiting import PATIENCE_S, free_port, wait_until

COMMAND = [sys.executable, "-m", "edge", "watch"]


@contextlib.contextmanager
def watching(*arguments: str, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_json_is_one_line_a_message(broker: Broker) -> None:
    with publishing(broker.port) as p:
        p.state(time.monotonic(), (), "running")
        wait_until(lambda: p.stats().problems == (), "the device is online")
        with watching("--port", str(broker.port), "--json") as w:
            assert w.stdout is not None
            seen = {}
            while "emotion/kiosk/state" not in seen:
                line = json.loads(w.stdout.readline())
                seen[line["topic"]] = line
            p.publish(change(time.monotonic()))
            while "emotion/kiosk/event" not in seen:
                line = json.loads(w.stdout.readline())
                seen[line["topic"]] = line
            event = seen["emotion/kiosk/event"]
            w.send_signal(signal.SIGINT)
            _, errors = w.communicate(timeout=PATIENCE_S)
            assert w.returncode == 0
            assert errors == ""
    assert seen["emotion/kiosk/availability"] == {
        "topic": "emotion/kiosk/availability",
        "retained": True,
        "payload": "online",
    }
    assert seen["emotion/kiosk/state"]["payload"]["emotion"] == "none"
    assert event["topic"] == "emotion/kiosk/event"
    assert event["retained"] is False
    assert event["payload"]["data"]["seq"] == 1


def test_any_payload_is_shown(broker: Broker) -> None:
    with watching("--port", str(broker.port), "--json") as w, subscribed(broker) as s:
        assert w.stdout is not None
        for payload in (b"plain", b"\xff\x00", b"[" * 5000, b"", b"\x1b[2J"):
            s.publish("emotion/x/event", payload, retain=True)
        lines: list[object] = []
        while len(lines) < 1 or lines[-1] != "\x1b[2J":
            text = w.stdout.readline()
            assert "\x1b" not in text
            lines.append(json.loads(text)["payload"])


def test_a_live_table_on_a_terminal(broker: Broker) -> None:
    master, slave = pty.openpty()
    with publishing(broker.port) as p, watching("--port", str(broker.port), stdout=slave):
        os.close(slave)
        now = time.monotonic()
        p.state(now, [estimate("sad", t=now), estimate("happy", track="b2", t=now)], "running")
        shown = b""
        deadline = time.monotonic() + PATIENCE_S
        while not (b"sad" in shown and b"happy" in shown and b"b2" in shown):
            assert time.monotonic() < deadline, shown
            shown += os.read(master, 65536)
    os.close(master)
    assert b"kiosk  online  running" in shown
    assert b"\x1b[H\x1b[J" in shown


def test_no_broker_is_said_and_ends(broker: Broker) -> None:
    port = free_port()
    result = subprocess.run(
        [*COMMAND, "--host", "127.0.0.1", "--port", str(port)], capture_output=True, text=True
    )
    assert result.returncode == 69
    assert result.stderr == (
        f"emotion-edge: broker 127.0.0.1:{port}: connection refused: no broker listens there\n"
    )
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--port", "99999"], 64, "--port: got 99999; allowed: 1 to 65535"),
        (["--base", "emotion/#"], 64, "--base: got 'emotion/#'"),
        (
            ["--host", "mqtt://b"],
            64,
            "--host: got 'mqtt://b'; allowed: a name or an address alone;",
        ),
        (["--host", "b:8883"], 64, "an address alone; the port is --port"),
        (["--host", "[::1]"], 64, "an IPv6 address stands without brackets"),
        (["--host", "u:Zq pw@h"], 64, "--host: got '***@h'"),
        (["--host", ""], 64, "--host: got ''; allowed: a name or an address alone"),
        (["--ca", "/no/such/file"], 78, "/no/such/file"),
        (["--username", "a", "--password-file", "/no/such/file"], 78, "/no/such/file: No such"),
    ],
)
def test_a_wrong_option_is_named(arguments: list[str], code: int, says: str) -> None:
    result = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (code, "")
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_login_and_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("server")
    word = tmp_path / "word"
    word.write_text("right")
    word.chmod(0o600)
    settings = brokers.passwords(tmp_path / "b", {"me": "right"})
    settings += [f"certfile {server.cert}", f"keyfile {server.key}"]
    with running(tmp_path / "b", settings) as b:
        options = ["--port", str(b.port), "--ca", str(authority.file), "--json"]
        without = subprocess.run([*COMMAND, *options], capture_output=True, text=True)
        assert without.returncode == 69
        assert "refused the login" in without.stderr
        login = ["--username", "me", "--password-file", str(word)]
        with watching(*options, *login) as w:
            log = tmp_path / "b" / "mosquitto.log"
            wait_until(lambda: "as emotion-edge-client" in log.read_text(), "it is let in")
            assert w.poll() is None


@pytest.mark.faults
def test_it_comes_back_when_the_broker_does(broker: Broker) -> None:
    with watching("--port", str(broker.port), "--json") as w:
        assert w.stdout is not None
        with publishing(broker.port) as p:
            p.state(time.monotonic(), (), "running")  # the kind that is asked for last
            while json.loads(w.stdout.readline())["topic"] != "emotion/kiosk/state":
                pass
            p.publish(change(time.monotonic()))
            while json.loads(w.stdout.readline())["topic"] != "emotion/kiosk/event":
                pass
        broker.kill()
        broker.start()
        with publishing(broker.port):
            while line := json.loads(w.stdout.readline()):
                if line["topic"] == "emotion/kiosk/availability" and line["payload"] == "online":
                    break


def test_a_reader_that_has_enough_ends_it_quietly(broker: Broker) -> None:
    with publishing(broker.port) as p:
        wait_until(lambda: p.stats().problems == (), "the device is online")
        with watching("--port", str(broker.port), "--json") as w:
            assert w.stdout is not None
            w.stdout.readline()
            w.stdout.close()
            assert w.stderr is not None

            def gone() -> bool:
                p.publish(change(time.monotonic()))
                return w.poll() is not None

            wait_until(gone, "it ends")
            assert w.returncode == 0
            assert w.stderr.read() == ""


def test_the_table_does_not_let_a_message_drive_the_terminal() -> None:
    known = Inventory("emotion")
    evil = estimate("happy", track="\x1b]0;owned\x07")
    state = builder(FakeClock()).state(1000.0, [evil], "running")
    known.take("emotion/\x1b[31mred/state", True, encode(state))
    known.take("emotion/kiosk/availability", True, b"\x1b[2J\xc2\x9b2J")
    known.take("emotion/kiosk/state", True, b"{broken")
    lines = "\n".join(table(known.devices, "t"))
    assert lines.isprintable() or all(c.isprintable() or c == "\n" for c in lines)
    assert "1 messages not understood" in lines


def test_the_table_says_what_a_face_is_doing_where_that_is_told() -> None:
    known = Inventory("emotion")
    doing = FaceState(
        yaw=-12.3, pitch=4.0, eyes=Eyes(left=0.91), mouth=0.0, smile=0.88, looking=True
    )
    faces = [replace(estimate("happy"), state=doing), estimate("sad", track="b2")]
    state = builder(FakeClock()).state(1000.0, faces, "running")
    known.take("emotion/kiosk/state", True, encode(state))
    lines = table(known.devices, "t")
    told = "looking yaw -12 pitch +4 roll ? eyes 91%/? mouth 0% smile 88%"
    assert [" ".join(line.split()) for line in lines if "yaw" in line] == [told]


def test_what_a_face_is_doing_fits_a_terminal() -> None:
    known = Inventory("emotion")
    eyes = Eyes(left=1.0, right=1.0)
    doing = FaceState(
        yaw=-12.3, pitch=-0.2, roll=-17.0, eyes=eyes, mouth=0.1, smile=1.0, looking=False
    )
    audience = AudienceNow(
        since="2026-11-20T13:00:00.100Z",
        now=12,
        looking=11,
        seen=1234,
        looked=1200,
        dwell_s=51234.5,
        attention_s=41234.5,
    )
    state = builder(FakeClock()).state(1000.0, [replace(estimate("happy"), state=doing)], "running")
    told = msgspec.structs.replace(state, audience=audience)
    known.take("emotion/kiosk/state", True, encode(told))
    lines = table(known.devices, "t")
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "looking away yaw -12 pitch +0 roll -17 eyes 100%/100% mouth 10% smile 100%" in text
    assert "audience: 12 here, 11 looking; this hour 1234 seen" in text


def test_the_table_without_devices() -> None:
    assert table({}, "emotion on x", "no connection: why") == [
        "emotion on x   no connection: why",
        "",
        "no device has spoken yet",
    ]
    assert table({"a": Device("a")}, "t")[2] == "a  ?"


def test_a_frame_rate_that_was_not_measured_yet_is_not_shown() -> None:
    known = Inventory("emotion")
    first = msgspec.structs.replace(HEALTH, status="running", fps=0.0)
    known.take("emotion/kiosk/health", True, encode(first))
    assert "frames/s" not in table(known.devices, "t")[2]
    known.take("emotion/kiosk/health", True, encode(HEALTH))
    assert "25.0 frames/s" in table(known.devices, "t")[2]
