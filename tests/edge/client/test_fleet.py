"""`emotion-edge fleet`: who is there and whether all is well."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path

import msgspec
import pytest

from edge import cli
from edge.client import Device, fleet
from edge.client.text import span
from edge.clock import SystemClock, rfc3339
from edge.configfile import effective
from edge.contract import Health, ModelInfo, State, encode
from tests.broker import Broker, passwords, running, subscribed
from tests.edge.publish.rig import WHO, config, estimate, publishing
from tests.edge.publish.test_metrics import HEALTH
from tests.waiting import free_port, wait_until

WALL = 1795176000.0  # when HEALTH was measured
GOOD = msgspec.structs.replace(HEALTH, reasons=[])


def device(name: str = "kiosk", health: Health | None = GOOD, *, online: bool = True) -> Device:
    d = Device(name)
    d.take("availability", b"online" if online else b"offline")
    if health is not None:
        d.take("health", encode(health))
    d.take("info", encode(dataclasses.replace(WHO, device=name).info(GOOD.time)))
    return d


def problems(d: Device, wall: float = WALL + 5) -> list[str]:
    return fleet.rows([d], [], wall, max_age_s=300)[0].problems


def test_all_is_well() -> None:
    row = fleet.rows([device()], ["kiosk"], WALL + 5, 300)[0]
    assert (row.problems, row.online, row.health_age_s) == ([], True, 5.0)
    assert (row.version, row.model) == ("0.0.0", "test 00000000")


def test_who_stands_before_the_camera_is_no_problem_of_the_device() -> None:
    health = msgspec.structs.replace(GOOD, reasons=["low_light", "too_small", "throttled"])
    assert problems(device(health=health)) == ["throttled"]


def test_offline_tells_whether_it_said_goodbye() -> None:
    gone = device(online=False)
    assert problems(gone) == ["offline"]
    gone.take("state", encode(_present("stopped")))
    assert problems(gone) == ["stopped"]


def _present(status: str) -> msgspec.Struct:
    return State(time=GOOD.time, seq=1, status=status, emotion="none", faces=[])


def test_health_that_stands_still() -> None:
    assert problems(device(), wall=WALL + 301) == ["health_old"]
    assert problems(device(health=None)) == ["no_health"]


def test_a_device_that_judges_no_emotion_has_no_model() -> None:
    d = device()
    nothing = ModelInfo(name="", sha256="", labels=[], runtime="")
    d.take("info", encode(dataclasses.replace(WHO, model=nothing).info(GOOD.time)))
    row = fleet.rows([d], [], WALL + 5, 300)[0]
    assert row.model is None
    assert fleet.table([row])[1].split()[:5] == ["kiosk", "online", "0.0.0", "-", "25.0"]


def test_expected_device_that_never_spoke() -> None:
    found = fleet.rows([device("a")], ["a", "b"], WALL, 300)
    assert [(r.device, r.problems) for r in found] == [("a", []), ("b", ["never_seen"])]


def test_message_that_is_not_understood_and_another_major_version() -> None:
    d = device()
    d.take("state", b"{")
    d.take("info", encode(msgspec.structs.replace(WHO.info(GOOD.time), contract="2.0")))
    assert problems(d) == ["contract_unknown", "messages_invalid"]


def test_faces_are_those_in_view_now_or_not_known() -> None:
    def faces(d: Device) -> int | None:
        return fleet.rows([d], [], WALL, 300)[0].faces

    d = device()
    assert faces(d) == GOOD.faces > 0
    d.take("state", encode(_present("running")))
    assert faces(d) == 0
    d.take("state", encode(_present("camera_lost")))
    assert faces(d) is None
    assert "  -  " in fleet.table(fleet.rows([d], [], WALL, 300))[1]
    first = msgspec.structs.replace(GOOD, fps=0.0, faces=0)  # with its first frame
    assert faces(device(health=first)) is None
    assert faces(device(health=None)) is None
    assert faces(device(online=False)) is None


def test_tags_are_those_of_the_configuration() -> None:
    d = device()
    info = msgspec.structs.replace(WHO.info(GOOD.time), config={"device": {"tags": ["a", 1]}})
    d.take("info", encode(info))
    assert fleet.rows([d], [], WALL, 300)[0].tags == ["a"]
    d.take("info", encode(msgspec.structs.replace(info, config={"device": 3})))
    assert fleet.rows([d], [], WALL, 300)[0].tags == []


def test_name_cannot_drive_the_terminal() -> None:
    lines = fleet.table(fleet.rows([device("\x1b[2Jkiosk")], [], WALL, 300))
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (150, "2 min"), (7200, "2 h"), (2e5, "2 d")]
)
def test_span(seconds: float, text: str) -> None:
    assert span(seconds) == text


def ask(port: int, *more: str) -> int:
    return cli.main(["fleet", "--host", "127.0.0.1", "--port", str(port), *more])


def healthy() -> Health:
    return msgspec.structs.replace(GOOD, time=rfc3339(SystemClock().wall()))


def test_two_devices_one_gone(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    till = dataclasses.replace(WHO, device="till")
    with publishing(broker.port) as kiosk, subscribed(broker) as everything:
        kiosk.health(healthy())
        kiosk.state(SystemClock().now(), [estimate()], "running")
        wait_until(lambda: everything.on("health") and everything.on("state"), "it has spoken")
        assert ask(broker.port, "--json") == 0
        row = json.loads(capsys.readouterr().out)
        assert (row["device"], row["online"], row["problems"]) == ("kiosk", True, [])
        with publishing(broker.port, who=till) as second:
            second.health(healthy())
            wait_until(lambda: len(everything.on("health")) == 2, "the second has spoken")
        assert ask(broker.port) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("kiosk   online") and lines[2].startswith("till    offline")
    assert lines[2].endswith("stopped")
    assert lines[-1] == "2 devices, 1 online, 1 with problems"


def test_a_device_that_has_just_started_has_the_faces_of_its_state(
    broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    with publishing(broker.port) as kiosk, subscribed(broker) as everything:
        kiosk.health(msgspec.structs.replace(healthy(), fps=0.0, faces=0))  # before anybody is seen
        kiosk.state(SystemClock().now(), [estimate(), estimate(track="b2")], "running")
        wait_until(lambda: everything.on("health") and everything.on("state"), "it has spoken")
        assert ask(broker.port, "--json") == 0
    assert json.loads(capsys.readouterr().out)["faces"] == 2


def test_it_does_not_wait_for_devices_that_go_on_talking(
    broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor for one without health: only what is retained counts."""
    done = threading.Event()
    with publishing(broker.port, output__state_s=0.1) as kiosk:

        def talk() -> None:
            while not done.wait(0.05):
                kiosk.state(SystemClock().now(), [estimate(t=SystemClock().now())], "running")

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            assert ask(broker.port, "--wait", "3600") == 1
        finally:
            done.set()
            thread.join()
    assert capsys.readouterr().out.splitlines()[1].endswith("no_health")


def test_nobody_there_is_not_well(broker: Broker) -> None:
    assert ask(broker.port) == 1


def test_forgotten_device_is_gone(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    with publishing(broker.port) as publisher, subscribed(broker) as everything:
        publisher.health(healthy())
        wait_until(lambda: everything.on("health"), "it has spoken")
    assert ask(broker.port, "--forget", "kiosk") == 0
    assert ask(broker.port, "--json") == 1
    assert "{" not in capsys.readouterr().out
    assert ask(broker.port, "--forget", "kiosk") == 66
    assert "--forget: got 'kiosk', which has left nothing there" in capsys.readouterr().err


@pytest.mark.parametrize("prefix", ["homeassistant", "ha/home"])
def test_forgotten_device_is_gone_from_home_assistant_too(broker: Broker, prefix: str) -> None:
    on = {"homeassistant__enabled": True, "homeassistant__prefix": prefix}
    who = dataclasses.replace(WHO, config=effective(config(broker.port, **on)))
    with publishing(broker.port, who=who, **on), subscribed(broker) as everything:
        wait_until(lambda: everything.on("config"), "it is announced")
    assert ask(broker.port, "--forget", "kiosk") == 0
    with subscribed(broker, "#") as afterwards:
        afterwards.publish("last")  # behind what is retained
        wait_until(lambda: any(m.topic == "last" for m in afterwards.messages), "all that is there")
        assert [m.topic for m in afterwards.messages if m.retain] == []


def test_forgetting_needs_no_right_at_home_assistant_where_nothing_is_announced(
    tmp_path: Path,
) -> None:
    settings = passwords(tmp_path / "b", {"o": "o"}, "user o\ntopic readwrite emotion/#\n")
    secret = tmp_path / "password"
    secret.write_text("o\n")
    secret.chmod(0o600)
    login = ("--username", "o", "--password-file", str(secret))
    with running(tmp_path / "b", settings) as broker, subscribed(broker, login=("o", "o")) as s:
        told = {"enabled": False}
        s.publish("emotion/kiosk/info", _info(told), retain=True)
        assert ask(broker.port, *login, "--forget", "kiosk") == 0
        told["enabled"] = True
        s.publish("emotion/kiosk/info", _info(told), retain=True)
        assert ask(broker.port, *login, "--forget", "kiosk") == 69


def _info(homeassistant: dict[str, object]) -> bytes:
    who = dataclasses.replace(WHO, config={"homeassistant": homeassistant})
    return encode(who.info(GOOD.time))


def test_broker_away(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(free_port()) == 69
    assert capsys.readouterr().err.count("connection refused") == 1


def test_operator_who_may_only_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "password"
    secret.write_text("look\n")
    secret.chmod(0o600)
    acl = "user operator\ntopic read emotion/#\n"
    settings = passwords(tmp_path / "broker", {"operator": "look"}, acl)
    with running(tmp_path / "broker", settings) as broker:
        login = ("--username", "operator", "--password-file", str(secret))
        assert ask(broker.port, *login, "--expect", "lab, kiosk,") == 1
        said = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert [(x[0], x[-1]) for x in said[1:3]] == [(d, "never_seen") for d in ("kiosk", "lab")]
        assert len(said) == 4
        assert ask(broker.port, *login, "--forget", "kiosk") == 69
        assert "refused" in capsys.readouterr().err
