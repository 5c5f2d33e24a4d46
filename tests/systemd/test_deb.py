"""The Debian package under a real systemd, from installation to purge: the tests run in the order
they stand.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.store.sender import Device
from tests.systemd.machine import Machine, booted, need_container

REPO = Path(__file__).resolve().parents[2]
UNIT = "emotion-edge.service"
NEXT = "99.0+python3.11"

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def _build(folder: Path, *options: str, **more: str) -> Path:
    build = [REPO / "packaging/deb/build", "--python", "3.11", "--out", folder, *options]
    done = subprocess.run(build, capture_output=True, text=True, env={**os.environ, **more})
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.split()[-1])


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as `this.deb`, and the same as a later version, `next.deb`."""
    need_container()
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs dpkg-deb (package dpkg)")
    folder = tmp_path_factory.mktemp("packages")
    _build(folder).rename(folder / "this.deb")
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", folder / "this.deb", tree], check=True)
    control = tree / "DEBIAN" / "control"
    lines = control.read_text().splitlines(keepends=True)
    control.write_text(
        "".join(f"Version: {NEXT}\n" if line.startswith("Version:") else line for line in lines)
    )
    pack = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, folder / "next.deb"]
    subprocess.run(pack, check=True, capture_output=True)
    shutil.rmtree(tree)
    return folder


@pytest.fixture(scope="module")
def machine(packages: Path) -> Iterator[Machine]:
    with booted(f"{packages}:/packages") as m:
        yield m


def test_the_same_commit_gives_the_same_package(packages: Path, tmp_path: Path) -> None:
    """Later, in another folder and another time zone; what xz makes of it, it always makes."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = {"TMPDIR": str(elsewhere), "LC_ALL": "C", "TZ": "Pacific/Apia"}
    again = _build(tmp_path, "--compression", "none", **where)
    for part in ("--ctrl-tarfile", "--fsys-tarfile"):
        assert _digest(again, part) == _digest(packages / "this.deb", part)


def _digest(package: Path, part: str) -> str:
    """The SHA-256 of a part of a package, uncompressed."""
    with subprocess.Popen(["dpkg-deb", part, package], stdout=subprocess.PIPE) as unpack:
        assert unpack.stdout is not None
        digest = hashlib.file_digest(unpack.stdout, "sha256").hexdigest()
    assert unpack.returncode == 0
    return digest


def test_it_is_ready_and_enabled_after_the_installation(machine: Machine) -> None:
    machine.run("dpkg", "--install", "/packages/this.deb")
    assert machine.active(UNIT)  # Type=notify: READY was said
    assert machine.run("systemctl", "is-enabled", UNIT).strip() == "enabled"
    assert machine.run("emotion-edge", "--version").startswith("emotion-edge ")
    lines = machine.run("emotion-edge", "demo", "--json").splitlines()
    kinds = [json.loads(line)["data"]["event_type"] for line in lines if line.startswith("{")]
    assert "emotion_changed" in kinds
    machine.run("sh", "-c", "! ls -d /usr/bin/emotion-convert /usr/lib/emotion-edge/convert")
    sbom = json.loads(machine.run("cat", "/usr/share/doc/emotion-edge/sbom.cdx.json"))
    shipped = {c["name"].lower() for c in sbom["components"]}
    assert {"numpy", "paho-mqtt", "prometheus-client", "tornado"} <= shipped
    # What needs an extra elsewhere is there.
    code = "import edge.publish.metrics, tornado, tomlkit"
    machine.run("env", "PYTHONPATH=/usr/lib/emotion-edge", "python3", "-c", code)
    machine.run("bash", "-n", "/usr/share/bash-completion/completions/emotion-edge")


def test_the_dashboard_is_a_service_that_waits_for_its_broker(machine: Machine) -> None:
    machine.write(
        "/etc/emotion-edge/dashboard", "OPTIONS=--host 127.0.0.1 --listen 127.0.0.1:8099\n"
    )
    assert not machine.active("emotion-edge-dashboard")
    machine.run("systemctl", "start", "emotion-edge-dashboard")
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8099/').read().decode())"
    machine.eventually(
        lambda: "<title>" in machine.run("python3", "-c", ask, check=False), "the page is there"
    )
    machine.run("systemctl", "stop", "emotion-edge-dashboard")


def test_the_dashboard_reads_what_the_recorder_keeps_and_may_not_write_it(
    machine: Machine,
) -> None:
    history = "/var/lib/emotion-edge-record/history.db"
    # As without a file of options, but for the name, which this small system cannot resolve.
    machine.write("/etc/emotion-edge/record", f"OPTIONS=--host 127.0.0.1 --to {history}\n")
    machine.run("systemctl", "start", "mosquitto", "emotion-edge-record")
    machine.eventually(
        lambda: "recording" in machine.journal("emotion-edge-record"), "it is subscribed"
    )
    device = Device("front")
    device.visit(10, "a", [("neutral", 5), ("happy", 7.5)])
    publish = ["mosquitto_pub", "-h", "127.0.0.1", "-t", "emotion/front/event", "-q", "1", "-l"]
    machine.run(*publish, data="".join(f"{e.decode()}\n" for e in device.sent))
    options = f"--host 127.0.0.1 --listen 127.0.0.1:8099 --store {history}"
    machine.write("/etc/emotion-edge/dashboard", f"OPTIONS={options}\n")
    machine.run("systemctl", "start", "emotion-edge-dashboard")
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8099/history').read())"

    def shown() -> bool:
        return "front" in machine.run("python3", "-c", ask, check=False)

    machine.eventually(shown, "the device is on the page of the history")
    inside = ["nsenter", "-m", "-t", str(machine.pid("emotion-edge-dashboard"))]
    machine.run(*inside, "sh", "-c", f"test -r {history} && ! touch {history} {history}x")
    machine.run("systemctl", "stop", "emotion-edge-record")
    machine.run("systemctl", "restart", "emotion-edge-dashboard")
    machine.eventually(shown, "it is there while nobody records")
    machine.run("systemctl", "start", "emotion-edge-record")  # the files are still its own
    machine.run("systemctl", "stop", "emotion-edge-dashboard", "emotion-edge-record", "mosquitto")
    assert machine.show("emotion-edge-record", "Result")["Result"] == "success"


def test_an_upgrade_restarts_it_and_keeps_what_the_operator_wrote(machine: Machine) -> None:
    text = '[device]\nname = "mine"\n'
    machine.write("/etc/emotion-edge/config.toml", text)
    before = machine.pid(UNIT)
    machine.run("dpkg", "--install", "--force-confold", "/packages/next.deb")
    version = machine.run("dpkg-query", "--show", "--showformat=${Version}", "emotion-edge")
    assert version == NEXT
    assert machine.active(UNIT) and machine.pid(UNIT) != before
    assert machine.run("cat", "/etc/emotion-edge/config.toml") == text


def test_an_upgrade_leaves_a_stopped_service_stopped(machine: Machine) -> None:
    machine.run("systemctl", "disable", "--now", UNIT)
    machine.run("dpkg", "--install", "--force-confold", "/packages/next.deb")
    assert not machine.active(UNIT)
    assert machine.run("systemctl", "is-enabled", UNIT, check=False).strip() == "disabled"
    machine.run("systemctl", "enable", "--now", UNIT)


def test_removal_leaves_the_configuration_and_purge_leaves_nothing(machine: Machine) -> None:
    pid = machine.pid(UNIT)
    machine.run("dpkg", "--remove", "emotion-edge")
    machine.run("test", "!", "-e", f"/proc/{pid}")
    assert machine.show(UNIT, "LoadState")["LoadState"] == "not-found"
    machine.run("test", "!", "-e", "/usr/lib/emotion-edge")
    machine.run("test", "-f", "/etc/emotion-edge/config.toml")
    machine.run("test", "-d", "/var/lib/private/emotion-edge")
    machine.run("dpkg", "--purge", "emotion-edge")
    machine.run("sh", "-c", "! ls -d /etc/emotion-edge /var/lib/private/emotion-edge*")
    left = machine.run("sh", "-c", "find /etc/systemd /usr -name 'emotion-edge*'")
    assert left == ""
