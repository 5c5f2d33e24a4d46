"""The configurations for Mosquitto, loaded as they stand but for ports and folders."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.client import Client
from edge.clock import SystemClock
from tests.broker import OPEN, Broker, passwords, running, wait_saved
from tests.certificates import Authority
from tests.edge.publish.rig import WHO, change, publishing
from tests.waiting import PATIENCE_S, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples/mosquitto"
USERS = {name: f"{name}-password" for name in ("kiosk", "till", "dashboard", "operator")}


@dataclass
class Site:
    """A broker with site.conf and acl."""

    broker: Broker
    folder: Path
    ca: Path

    def device(self, name: str, **more: object) -> dict[str, object]:
        """Return what a device's configuration says of the broker."""
        return {
            "who": dataclasses.replace(WHO, device=name),
            "mqtt__tls": True,
            "mqtt__ca_file": self.ca,
            "mqtt__username": name,
            "mqtt__password_file": self.password(name),
            **more,
        }

    def password(self, name: str) -> Path:
        file = self.folder / f"{name}.password"
        file.write_text(USERS[name])
        file.chmod(0o600)
        return file

    def client(self, name: str, **more: object) -> Client:
        return Client(
            "127.0.0.1",
            self.broker.port,
            tls=True,
            ca_file=str(self.ca),
            username=name,
            password_file=str(self.password(name)),
            **more,
        )


@contextmanager
def site(folder: Path, more: tuple[str, ...] = ()) -> Iterator[Site]:
    """Run a broker with site.conf: its own listener line and paths are the test's."""
    folder.mkdir()
    authority = Authority(folder)
    pair = authority.issue("localhost")
    passwords(folder, USERS)
    settings = []
    for line in (EXAMPLES / "site.conf").read_text().splitlines():
        key = line.partition(" ")[0]
        ours = {
            "listener": "",
            "certfile": f"certfile {pair.cert}",
            "keyfile": f"keyfile {pair.key}",
            "password_file": f"password_file {folder / 'passwords'}",
            "acl_file": f"acl_file {EXAMPLES / 'acl'}",
            "persistence_location": f"persistence_location {folder}/",
            "max_queued_messages": "",  # the fixture has it
        }
        settings.append(ours.get(key, line))
    with running(folder / "broker", [*settings, *more]) as broker:
        yield Site(broker, folder, authority.file)


def now() -> float:
    return SystemClock().now()


def test_device_speaks_for_itself_only(tmp_path: Path) -> None:
    with (
        site(tmp_path / "site") as s,
        s.client("dashboard") as dashboard,
        publishing(s.broker.port, **s.device("kiosk")) as kiosk,
    ):
        dashboard.wait_connected(PATIENCE_S)
        kiosk.publish(change(now()))
        assert next(dashboard.events(PATIENCE_S)).source == "/emotion/kiosk"
        # Another device, under the login of the kiosk: the broker takes nothing of it.
        impostor = s.device("kiosk") | {"who": dataclasses.replace(WHO, device="till")}
        with publishing(s.broker.port, **impostor) as till:
            till.publish(change(now()))
            wait_until(lambda: till.stats().refused > 0, "it is refused")
        assert list(dashboard.events(0.5)) == []


def test_who_looks_may_not_ask(tmp_path: Path) -> None:
    with (
        site(tmp_path / "site") as s,
        publishing(s.broker.port, **s.device("kiosk")),
        s.client("dashboard") as dashboard,
        s.client("operator") as operator,
    ):
        for client in (dashboard, operator):
            client.wait_connected(PATIENCE_S)
            wait_until(lambda c=client: "kiosk" in c.devices, "it sees the device")
        assert operator.request("kiosk", "pause", PATIENCE_S).status == "ok"
        with pytest.raises(TimeoutError):
            dashboard.request("kiosk", "pause", timeout_s=1.0)


@pytest.mark.faults
def test_what_waits_for_a_subscriber_outlives_a_killed_broker(tmp_path: Path) -> None:
    with site(tmp_path / "site") as s:
        with s.client("dashboard", client_id="board", keep_s=3600) as board:
            board.wait_connected(PATIENCE_S)
        with publishing(s.broker.port, **s.device("kiosk")) as kiosk:
            for _ in range(20):
                kiosk.publish(change(now()))
            wait_until(lambda: kiosk.stats().depth == 0, "the broker has acknowledged all")
            wait_saved(s.folder, b'"specversion"', times=20)
            s.broker.kill()
            s.broker.start()
            with s.client("dashboard", client_id="board", keep_s=3600) as board:
                got = list(itertools.islice(board.events(PATIENCE_S), 20))
    assert [e.data.seq for e in got] == list(range(1, 21))


@pytest.mark.faults
def test_bridge_brings_everything_to_the_centre_over_an_outage(tmp_path: Path) -> None:
    with running(tmp_path / "centre", OPEN, durable=True) as centre:
        bridge = (EXAMPLES / "bridge.conf").read_text()
        bridge = bridge.replace("centre.example:8883", f"127.0.0.1:{centre.port}")
        bridge = bridge.replace("restart_timeout 5 60", "restart_timeout 1")
        lines = [li for li in bridge.splitlines() if not li.startswith("bridge_cafile")]
        with (
            site(tmp_path / "site", tuple(lines)) as s,
            Client(
                "127.0.0.1", centre.port, base="emotion/berlin", client_id="board", keep_s=3600
            ) as board,
            publishing(s.broker.port, **s.device("kiosk")) as kiosk,
        ):
            board.wait_connected(PATIENCE_S)
            kiosk.publish(change(now()))
            assert next(board.events(PATIENCE_S)).data.seq == 1
            assert board.devices["kiosk"].online
            assert board.request("kiosk", "state", timeout_s=PATIENCE_S).transaction
            wait_saved(centre.folder, b"emotion/berlin/+/+")  # the subscription
            centre.kill()
            for _ in range(3):
                kiosk.publish(change(now()))
            wait_until(lambda: kiosk.stats().depth == 0, "the site's broker has them")
            centre.start()
            got = list(itertools.islice(board.events(PATIENCE_S), 3))
            assert [e.data.seq for e in got] == [2, 3, 4]
            assert board.devices["kiosk"].missing == set()
