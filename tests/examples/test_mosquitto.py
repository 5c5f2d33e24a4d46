"""The configurations for Mosquitto, loaded as they stand but for ports and folders."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from edge.client import Client
from edge.clock import SystemClock
from edge.configfile import load
from edge.errors import UnavailableError
from edge.publish import probe_broker
from edge.store import open_store
from edge.store.models import Event
from tests.broker import OPEN, Broker, running, wait_saved
from tests.edge.publish.rig import WHO, change, config, publishing
from tests.recorder import recording
from tests.waiting import PATIENCE_S, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples/mosquitto"
# /etc/mosquitto/mosquitto.conf of Debian's package, without its comments.
DEBIAN = """
pid_file /run/mosquitto/mosquitto.pid

persistence true
persistence_location /var/lib/mosquitto/

log_dest file /var/log/mosquitto/mosquitto.log

include_dir /etc/mosquitto/conf.d
"""


class DebianBroker(Broker):
    """A broker with Debian's own configuration and what make-site made for /etc/mosquitto."""

    def __init__(self, folder: Path, made: Path, more: Sequence[str] = ()) -> None:
        super().__init__(folder)
        etc = folder / "etc"
        shutil.copytree(made / "broker", etc)
        ours = etc / "conf.d/emotion-edge.conf"
        text = ours.read_text().replace("/etc/mosquitto/", f"{etc}/")
        assert "listener 8883\n" in text
        ours.write_text(text.replace("listener 8883\n", f"listener {self.port} 127.0.0.1\n"))
        (etc / "conf.d/more.conf").write_text("\n".join(more) + "\n")

    def _lines(self) -> list[str]:
        places = {
            "/run/mosquitto": self.folder,
            "/var/lib/mosquitto": self.folder,
            "/var/log/mosquitto/mosquitto.log": self.folder / "debian.log",
            "/etc/mosquitto": self.folder / "etc",
        }
        text = DEBIAN
        for theirs, here in places.items():
            text = text.replace(theirs, str(here))
        return text.splitlines()


def make_site(out: Path, *options: str) -> Path:
    """Run the script as the documentation says."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed (apt-get install mosquitto)")
    broker = ("--broker", "localhost", "--broker", "127.0.0.1")
    command = [EXAMPLES / "make-site", "--out", out, *broker, *options]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_site(tmp_path_factory.mktemp("made") / "site", "kiosk", "till")


@dataclass
class Site:
    """A broker with what make-site made."""

    broker: Broker
    folder: Path
    made: Path

    def device(self, name: str, **more: object) -> dict[str, object]:
        """Return what a device's configuration says of the broker."""
        folder = self.made / "devices" / name
        said = load(folder / "mqtt.toml")
        assert (said.mqtt.host, said.mqtt.port, said.mqtt.tls) == ("localhost", 8883, True)
        login: dict[str, object] = (
            {"mqtt__cert_file": folder / "cert.pem", "mqtt__key_file": folder / "mqtt-key.pem"}
            if said.mqtt.cert_file
            else {
                "mqtt__username": said.mqtt.username,
                "mqtt__password_file": folder / "mqtt-password",
            }
        )
        return {
            "who": dataclasses.replace(WHO, device=said.device.name),
            "mqtt__tls": True,
            "mqtt__ca_file": folder / "ca.pem",
            **login,
            **more,
        }

    def client(self, name: str, **more: object) -> Client:
        folder = self.made / "users" / name
        return Client(
            "127.0.0.1",
            self.broker.port,
            tls=True,
            ca_file=str(folder / "ca.pem"),
            username=name,
            password_file=str(folder / "mqtt-password"),
            **more,
        )


@contextmanager
def site(folder: Path, made: Path, more: Sequence[str] = ()) -> Iterator[Site]:
    """Run a broker as Debian does, but for ports and folders."""
    folder.mkdir()
    broker = DebianBroker(folder, made, more)
    broker.start()
    try:
        yield Site(broker, folder, made)
    finally:
        broker.kill()


def now() -> float:
    return SystemClock().now()


def test_a_recorder_has_a_login_that_reads_what_it_keeps(tmp_path: Path, made: Path) -> None:
    login = made / "users/recorder"
    options = ("--ca", login / "ca.pem", "--password-file", login / "mqtt-password")
    words = ("--host", "localhost", "--username", "recorder", *map(str, options))
    history = str(tmp_path / "history.db")
    with (
        site(tmp_path / "site", made) as s,
        recording(tmp_path / "r", s.broker.port, history, *words),
        publishing(s.broker.port, **s.device("kiosk")) as publisher,
        open_store(history) as store,
    ):
        publisher.publish(change(now()))

        def kept() -> bool:
            with store.connect() as c:
                return c.scalar(select(func.count()).select_from(Event)) == 1

        wait_until(kept, "the event is in the history")


def test_what_a_device_gets_joins_the_configuration_of_a_fresh_one(
    tmp_path: Path, made: Path
) -> None:
    root = EXAMPLES.parents[1]
    found = re.search(
        r"^sudo (sh -c '.*mqtt\.toml >>.*')", (root / "docs/fleet.md").read_text(), re.M
    )
    assert found
    config = tmp_path / "config.toml"
    shutil.copy(root / "systemd/config.example.toml", config)
    command = shlex.split(found[1].replace("/etc/emotion-edge/config.toml", str(config)))
    subprocess.run(command, check=True, cwd=made / "devices/kiosk")
    said = load(config)
    assert (said.device.name, said.mqtt.host, said.camera.source) == ("kiosk", "localhost", "0")


def test_device_speaks_for_itself_only(tmp_path: Path, made: Path) -> None:
    with (
        site(tmp_path / "site", made) as s,
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


def test_who_looks_may_not_ask(tmp_path: Path, made: Path) -> None:
    with (
        site(tmp_path / "site", made) as s,
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
def test_what_waits_for_a_subscriber_outlives_a_killed_broker(tmp_path: Path, made: Path) -> None:
    with site(tmp_path / "site", made) as s:
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
def test_bridge_brings_everything_to_the_centre_over_an_outage(tmp_path: Path, made: Path) -> None:
    with running(tmp_path / "centre", OPEN, durable=True) as centre:
        bridge = (EXAMPLES / "bridge.conf").read_text()
        bridge = bridge.replace("centre.example:8883", f"127.0.0.1:{centre.port}")
        bridge = bridge.replace("restart_timeout 5 60", "restart_timeout 1")
        lines = [li for li in bridge.splitlines() if not li.startswith("bridge_cafile")]
        with (
            site(tmp_path / "site", made, lines) as s,
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
            wait_saved(centre.folder, b"emotion/berlin/+/event")  # the subscription
            centre.kill()
            for _ in range(3):
                kiosk.publish(change(now()))
            wait_until(lambda: kiosk.stats().depth == 0, "the site's broker has them")
            centre.start()
            got = list(itertools.islice(board.events(PATIENCE_S), 3))
            assert [e.data.seq for e in got] == [2, 3, 4]
            assert board.devices["kiosk"].missing == set()


def test_with_client_certificates_the_certificate_is_the_login(tmp_path: Path) -> None:
    made = make_site(tmp_path / "made", "--certificates", "kiosk", "till")
    with (
        site(tmp_path / "site", made) as s,
        publishing(s.broker.port, **s.device("kiosk")) as kiosk,
    ):
        wait_until(lambda: not kiosk.stats().problems, "it is connected")
        kiosk.publish(change(now()))
        wait_until(lambda: kiosk.stats().depth == 0, "the broker has it")
        stolen = s.device("kiosk") | {"who": dataclasses.replace(WHO, device="till")}
        with publishing(s.broker.port, **stolen) as till:
            till.publish(change(now()))
            wait_until(lambda: till.stats().refused > 0, "it is refused")
        without = {k: v for k, v in s.device("till").items() if "file" not in k or "ca" in k}
        with pytest.raises(UnavailableError, match="does it ask for a client certificate"):
            probe_broker(config(s.broker.port, **{k: v for k, v in without.items() if k != "who"}))


def test_run_again_it_adds_devices_and_changes_nothing_that_is_out_there(tmp_path: Path) -> None:
    made = make_site(tmp_path / "made", "kiosk")
    before = {p: p.read_bytes() for p in made.rglob("*") if p.is_file()}
    make_site(made, "kiosk", "till")
    for path, content in before.items():
        assert path.name == "passwords" or path.read_bytes() == content, path
    logins = (made / "broker/passwords").read_text().splitlines()
    assert logins[:-1] == before[made / "broker/passwords"].decode().splitlines()
    assert logins[-1].startswith("till:$")
    secret = [p for p in made.rglob("*") if p.name in ("ca.key", "mqtt-key.pem", "mqtt-password")]
    assert len(secret) == 1 + 2 * (4 + 2)  # the authority; password and key of users and devices
    assert all(p.stat().st_mode & 0o777 == 0o600 for p in secret)


def _again(made: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [EXAMPLES / "make-site", "--out", made, *words]
    return subprocess.run(command, capture_output=True, text=True)


def _names(made: Path) -> str:
    shown = ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in"]
    certificate = made / "broker/certs/broker.pem"
    return subprocess.check_output([*shown, certificate], text=True).splitlines()[1].strip()


def test_run_again_it_keeps_what_an_operator_changed_and_says_so(tmp_path: Path) -> None:
    made = make_site(tmp_path / "made", "kiosk")
    changed = [
        made / "broker/acl",
        made / "broker/conf.d/emotion-edge.conf",
        made / "devices/kiosk/mqtt.toml",
    ]
    for path in changed:
        path.write_text(path.read_text() + "# of the operator\n")
    done = _again(made, "--broker", "localhost", "kiosk", "till")
    assert done.returncode == 0, done.stderr
    for path in changed:
        assert path.read_text().endswith("# of the operator\n"), path
        assert f"{path} stays as it is" in done.stdout
    assert "devices/till/mqtt.toml stays" not in done.stdout


def test_names_of_the_broker_are_added_to_those_that_it_has(tmp_path: Path) -> None:
    made = make_site(tmp_path / "made", "kiosk")
    assert _names(made) == "DNS:localhost, IP Address:127.0.0.1"
    assert _again(made, "till").returncode == 0  # a site knows its broker
    assert _again(made, "--broker", "fd00::1", "--broker", "localhost", "till").returncode == 0
    both = "DNS:localhost, IP Address:127.0.0.1, IP Address:FD00:0:0:0:0:0:0:1"
    assert _names(made) == both
    signed = (made / "broker/certs/broker.pem").read_bytes()
    assert _again(made, "--broker", "fd00::1", "late").returncode == 0
    assert (made / "broker/certs/broker.pem").read_bytes() == signed
    assert 'host = "localhost"' in (made / "devices/late/mqtt.toml").read_text()

    (made / "brokers").unlink()  # made before there was such a file
    assert _again(made, "--broker", "other", "late").returncode == 0
    assert _names(made) == f"{both}, DNS:other"
    one = tmp_path / "one"
    assert _again(one, "--broker", "only", "kiosk").returncode == 0
    (one / "brokers").unlink()
    assert _again(one, "till").returncode == 0
    assert _names(one) == "DNS:only"


def test_a_site_stays_with_certificates_or_with_passwords(tmp_path: Path) -> None:
    made = make_site(tmp_path / "made", "--certificates", "kiosk")
    conf = made / "broker/conf.d/emotion-edge.conf"
    before = conf.read_text()
    assert _again(made, "till").returncode == 0
    assert conf.read_text() == before
    assert "key_file" in (made / "devices/till/mqtt.toml").read_text()
    other = make_site(tmp_path / "other", "kiosk")
    done = _again(other, "--certificates", "till")
    assert done.returncode == 64 and "--certificates: this site has passwords" in done.stderr
    assert not (other / "devices/till").exists()


def test_a_name_that_is_like_another_gets_a_login_too(tmp_path: Path) -> None:
    made = make_site(tmp_path / "made", "kiosk-1", "kiosk.1")
    logins = (made / "broker/passwords").read_text()
    assert "\nkiosk-1:$" in logins and "\nkiosk.1:$" in logins


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--broker", "b"], "no device named"),
        (["kiosk"], "--broker: missing"),
        (["--broker", "mqtt://b:8883", "kiosk"], "--broker: got 'mqtt://b:8883'"),
        (["--broker", "b", "a/b"], "device: got 'a/b'"),
        (["--broker", "b", "../../x"], "device: got '../../x'"),
        (["--broker", "b", "operator"], "that is the name of another login"),
        (["--broker", "b", "--days", "0", "kiosk"], "--days: got '0'"),
        (["--frobnicate"], "allowed: --broker"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_made(
    tmp_path: Path, words: list[str], message: str
) -> None:
    done = subprocess.run(
        [EXAMPLES / "make-site", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 64 and message in done.stderr
    assert list(tmp_path.iterdir()) == []
