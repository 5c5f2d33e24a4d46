"""The recorder between a real broker and real databases."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from edge.cli import main
from edge.config_publish import Mqtt
from edge.messages import Status
from edge.store import Store, open_store
from edge.store import recorder as recorder_module
from edge.store.models import Availability, Event, Gap, Hour, Visit
from edge.store.models import Device as DeviceRow
from edge.store.models import Recorder as RecorderRow
from tests import postgresql
from tests.broker import Broker, passwords, running, subscribed
from tests.edge.publish.rig import change, estimate, publishing
from tests.edge.store.sender import Device, read
from tests.recorder import recording, send, sending
from tests.waiting import PATIENCE_S, free_port, wait_until


def stored(store: Store) -> int:
    with store.connect() as c:
        return c.scalar(select(func.count()).select_from(Event)) or 0


def visitors(store: Store) -> int:
    with store.connect() as c:
        return c.scalar(select(func.sum(Hour.visitors))) or 0


def record(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge", "record", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_events_become_rows_visits_and_sums(
    broker: Broker, store: Store, address: str, tmp_path: Path
) -> None:
    device = Device()
    device.crowd(20, random.Random(1))
    with recording(tmp_path / "r", broker.port, address) as recorder:
        send(broker.port, "front", device.sent)
        send(broker.port, "front", device.sent[:10])
        send(broker.port, "front", [b"no event", b"{}", b"\xff"])
        wait_until(lambda: visitors(store) == 20, "all visits are in the sums")
        assert recorder.stop() == 0
        assert recorder.said("password") == 0 == recorder.said(postgresql.PASSWORD)
        last = recorder.log.read_text().splitlines()[-1]
    assert f"{len(device.sent)} events stored, 10 known already, 3 not understood" in last
    assert stored(store) == len(device.sent)
    with store.connect() as c:
        assert c.scalars(select(Visit.dwell_ms).where(Visit.dwell_ms.is_(None))).all() == []
        assert c.scalars(select(Gap.first_seq)).all() == []
        [run] = c.execute(select(RecorderRow.__table__)).all()
        assert run.began <= run.seen


def test_who_is_online_is_a_row_for_each_change(broker: Broker, tmp_path: Path) -> None:
    history = str(tmp_path / "h.db")
    with recording(tmp_path / "r", broker.port, history), open_store(history) as store:

        def told() -> list[tuple[bool | None, str | None]]:
            with store.connect() as c:
                rows = c.execute(select(Availability.__table__).order_by(Availability.id))
                return [(r.online, r.status) for r in rows]

        with publishing(broker.port) as publisher:
            publisher.publish(change(0.0))
            publisher.state(0.0, [estimate()], Status.RUNNING)
            wait_until(lambda: (True, None) in told(), "it is online")
        wait_until(lambda: told()[-1] == (False, None), "it is offline")
        with store.connect() as c:
            [device] = c.execute(select(DeviceRow.__table__)).all()
    assert (device.name, device.online, device.model) == ("kiosk", False, "test")
    assert len(told()) == len(set(told())) == 2


def test_the_broker_keeps_events_for_a_recorder_that_was_killed(
    broker: Broker, tmp_path: Path
) -> None:
    history = str(tmp_path / "h.db")
    device = Device()
    device.crowd(40, random.Random(2))
    half = len(device.sent) // 2
    with recording(tmp_path / "r", broker.port, history) as recorder:
        with sending(broker.port, "front", device.sent[:half]) as sender:
            wait_until(sender.arrived, "some are on their way")
            recorder.kill()
            sender.wait()
        send(broker.port, "front", device.sent[half:])
        recorder.start()
        with open_store(history) as store:
            wait_until(lambda: stored(store) == len(device.sent), "all are stored")
            wait_until(lambda: visitors(store) == 40, "each counted once")


def test_two_recorders_share_and_one_that_dies_loses_nothing(
    broker: Broker, store: Store, address: str, tmp_path: Path
) -> None:
    device = Device()
    device.crowd(40, random.Random(3))
    half = len(device.sent) // 2
    ones = [
        recording(tmp_path / name, broker.port, address, "--name", name, "--share", "writers")
        for name in ("one", "two")
    ]
    with ones[0] as one, ones[1] as two:
        send(broker.port, "front", device.sent[:half])
        wait_until(lambda: stored(store) == half, "the first half is stored")
        one.kill()
        send(broker.port, "front", device.sent[half:])
        one.start()
        wait_until(lambda: stored(store) == len(device.sent), "all are stored")
        wait_until(lambda: visitors(store) == 40, "each counted once")
        assert two.stop() == 0
        assert 0 < int(two.log.read_text().partition("stopped: ")[2].split()[0]) < len(device.sent)


@pytest.mark.slow
def test_a_recorder_whose_group_changes_gets_nothing_of_the_old_one(
    broker: Broker, store: Store, address: str, tmp_path: Path
) -> None:
    device = Device()
    for group in ("one", "two", "", "one"):
        options = ("--name", "r", *(("--share", group) if group else ()))
        with recording(tmp_path / "r", broker.port, address, *options) as recorder:
            before = len(device.sent)
            device.crowd(3, random.Random(before))
            new = device.sent[before:]
            send(broker.port, "front", new)
            wait_until(lambda: stored(store) == len(device.sent), "all are stored")
            assert recorder.stop() == 0
            said = recorder.log.read_text().rpartition("stopped: ")[2]
            assert said.startswith(f"{len(new)} events stored, 0 known already"), group
            recorder.log.unlink()


@pytest.fixture
def own_server() -> Iterator[postgresql.PostgreSQL]:
    with postgresql.running() as server:
        yield server


@pytest.mark.faults
def test_what_the_database_has_not_committed_is_not_acknowledged(
    own_server: postgresql.PostgreSQL, tmp_path: Path
) -> None:
    history = own_server.create("h")
    device = Device()
    device.crowd(400, random.Random(4))
    queue = "$SYS/broker/messages/stored"
    with (
        running(tmp_path / "b", ["allow_anonymous true", "sys_interval 1"]) as broker,
        recording(tmp_path / "r", broker.port, history) as recorder,
        subscribed(broker, queue) as watcher,
    ):
        own_server.kill()
        send(broker.port, "front", device.sent)
        wait_until(lambda: recorder.said("events wait at the broker"), "it says so")
        waiting = len(device.sent)
        wait_until(
            lambda: any(int(m.payload) >= waiting for m in watcher.messages), "the broker has all"
        )
        assert recorder.runs()
        own_server.start()
        with open_store(history) as store:
            wait_until(lambda: stored(store) == waiting, "all are stored")
            wait_until(lambda: visitors(store) == 400, "each counted once")
        wait_until(lambda: recorder.said("back after"), "it says so")
        assert recorder.said("events wait at the broker") == 1
        assert recorder.stop() == 0


def test_an_event_that_the_database_refuses_does_not_hold_up_the_others(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from msgspec.structs import replace

    from edge.config_publish import Mqtt
    from edge.store.recorder import Recorder, Settings

    device = Device()
    device.crowd(5, random.Random(5))
    events = [read("front", p) for p in device.sent]
    events[3] = replace(events[3], kind=None)
    recorder = Recorder(Mqtt(), store, Settings(name="r"))
    assert recorder._write(events)
    assert recorder.counts.refused == 1
    assert stored(store) == len(events) - 1
    assert events[3].id in caplog.text


def test_a_time_in_which_nobody_listened_is_none_in_which_one_did(store: Store) -> None:
    from edge.config_publish import Mqtt
    from edge.store.recorder import Recorder, Settings

    recorder = Recorder(Mqtt(), store, Settings(name="r"))
    begun = datetime(2026, 9, 1, tzinfo=UTC)
    seconds = (0, 30, 60, 12 * 3600, 12 * 3600 + 30, 3600)  # the last: a clock set back
    for s in seconds:
        recorder._note(begun + timedelta(seconds=s))
    with store.connect() as c:
        rows = c.execute(select(RecorderRow.began, RecorderRow.seen).order_by(RecorderRow.id)).all()
    since = [tuple(round((t - begun).total_seconds()) for t in row) for row in rows]
    assert since == [(0, 60), (12 * 3600, 12 * 3600 + 30), (3600, 3600)]


def test_nothing_of_a_text_stops_the_database(store: Store) -> None:
    from edge.store.write import Writer

    nasty = {"event_type": "a\0b", "track": "\0", "emotion": "x" * 5000, "seq": 2**62}
    payload = json.dumps({"id": "i\0d", "time": "9999-12-31T23:59:59Z", "data": nasty}).encode()
    odd = json.dumps({"id": "2", "type": "emotion-edge.odd", "data": {"seq": 2**70}}).encode()
    assert Writer(store).write([read("fr\0nt", payload), read("front", odd)]) == 2
    with store.connect() as c:
        rows = {r.id: r for r in c.execute(select(Event.__table__))}
    assert rows["id"].kind == "ab"
    assert len(rows["id"].emotion) == 200
    assert json.loads(rows["id"].raw)["data"]["emotion"] == "x" * 5000
    assert (rows["2"].kind, rows["2"].seq) == ("odd", 0)


def test_a_broker_that_is_not_there_at_the_start_is_69(tmp_path: Path) -> None:
    port = free_port()
    done = record("--port", port, "--to", tmp_path / "h.db")
    assert done.returncode == 69
    assert done.stderr.splitlines()[-1] == (
        f"emotion-edge: broker localhost:{port}: connection refused: no broker listens there"
    )


def test_a_broker_that_refuses_the_login_is_69(tmp_path: Path) -> None:
    with running(tmp_path / "b", passwords(tmp_path / "b", {"reader": "secret"})) as broker:
        done = record("--host", "127.0.0.1", "--port", broker.port, "--to", tmp_path / "h.db")
    assert done.returncode == 69
    assert "refused the login" in done.stderr


def test_two_of_one_name_are_told(broker: Broker, tmp_path: Path) -> None:
    def told() -> bool:
        said = "does another client use the same client id"
        return bool(first.said(said) or second.said(said))

    history = str(tmp_path / "h.db")
    with (
        recording(tmp_path / "1", broker.port, history, "--name", "twin") as first,
        recording(tmp_path / "2", broker.port, history, "--name", "twin") as second,
    ):
        wait_until(told, "why they lose their connection", timeout_s=90)


def test_a_database_that_refuses_is_69_without_the_password(
    server: postgresql.PostgreSQL, tmp_path: Path
) -> None:
    url = tmp_path / "url"
    url.write_text(f"postgresql://emotion:wrong-word@127.0.0.1:{server.port}/postgres\n")
    url.chmod(0o600)
    done = record("--to-file", url)
    assert done.returncode == 69
    assert "password authentication failed" in done.stderr
    assert "wrong-word" not in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 64, "--to: got nothing"),
        (("--to", "h.db", "--to-file", "x"), 64, "got both"),
        (("--to", "mysql://h/d"), 78, "or postgresql://HOST/DATABASE"),
        (("--to-file", "/nonexistent"), 78, "No such file"),
        (("--to", "h.db", "--keep", "30"), 64, "such as 30d"),
        (("--to", "h.db", "--name", "a/b"), 64, "--name: got 'a/b'"),
        (
            ("--to", "/nonexistent/h.db"),
            78,
            "/nonexistent/h.db: No such file or directory; allowed",
        ),
        (("--to", "/tmp"), 78, "/tmp: is a folder; allowed"),
        (("--to", __file__), 78, "is no SQLite database; allowed: one made by"),
        (("--to", "h.db", "--host", "mqtt://b"), 64, "--host: got 'mqtt://b'"),
    ],
)
def test_mistakes_are_said_in_one_line(
    args: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", *args]) == code
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_file_with_the_url_is_refused_where_all_can_read_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = tmp_path / "url"
    url.write_text("h.db")
    url.chmod(0o644)
    assert main(["record", "--to-file", str(url)]) == 78
    assert "mode 0644" in capsys.readouterr().err


def test_a_fault_in_the_digest_stops_no_events_and_is_told_once(
    broker: Broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed: list[float] = []

    def digest(*given: object) -> int:
        if len(failed) < 3:
            failed.append(0.0)
            raise OverflowError("date value out of range")
        return real(*given)

    real = recorder_module.digest
    monkeypatch.setattr(recorder_module, "digest", digest)
    device = Device()
    device.crowd(5, random.Random(7))
    with open_store(str(tmp_path / "h.db")) as store:
        mqtt = Mqtt(host="127.0.0.1", port=broker.port)
        recorder = recorder_module.Recorder(mqtt, store, recorder_module.Settings("r"))
        recorder.start(PATIENCE_S)
        thread = threading.Thread(target=recorder.run)
        thread.start()
        try:
            send(broker.port, "front", device.sent)
            wait_until(lambda: visitors(store) == 5, "it is tried again until it works")
        finally:
            recorder.stop()
            thread.join()
        assert stored(store) == len(device.sent)
    assert len(failed) == 3 and recorder.counts.failures == 3
    told = [r for r in caplog.records if "date value out of range" in r.getMessage()]
    assert [r.levelname for r in told].count("ERROR") == 1
