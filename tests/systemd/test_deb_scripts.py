"""The Debian package's own scripts under a real dpkg and systemd, around a program of ten lines.

With the real program the package is in test_deb.py, which takes minutes to build.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.machine import Machine, booted, need_container
from tests.systemd.small import LIVES

REPO = Path(__file__).resolve().parents[2]
UNIT = "emotion-edge.service"
FRONT = "emotion-edge@front.service"
ALL = [UNIT, FRONT, "emotion-edge-dashboard.service", "emotion-edge-record.service"]
pytestmark = [pytest.mark.slow, pytest.mark.faults]


def _package(folder: Path, version: str) -> None:
    """The units and scripts of the package as they stand; the program is a few lines."""
    tree = folder / version
    for path in ("usr/bin", "usr/lib/emotion-edge", "usr/lib/systemd/system", "etc/emotion-edge"):
        (tree / path).mkdir(parents=True)
    program = tree / "usr/bin/emotion-edge"
    program.write_text(f"#!/usr/bin/python3\n{LIVES}")
    program.chmod(0o755)
    (tree / "usr/lib/emotion-edge/stub.py").touch()
    for unit in (REPO / "systemd").glob("*.service"):
        text = unit.read_text().replace("/opt/emotion-edge/current/bin", "/usr/bin")
        (tree / "usr/lib/systemd/system" / unit.name).write_text(text)
    shutil.copy(REPO / "systemd/config.example.toml", tree / "etc/emotion-edge/config.toml")
    (tree / "DEBIAN").mkdir()
    for script in ("preinst", "postinst", "prerm", "postrm"):
        shutil.copy(REPO / "packaging/deb" / script, tree / "DEBIAN")
        (tree / "DEBIAN" / script).chmod(0o755)
    (tree / "DEBIAN/conffiles").write_text("/etc/emotion-edge/config.toml\n")
    (tree / "DEBIAN/control").write_text(
        f"Package: emotion-edge\nVersion: {version}\nArchitecture: all\n"
        "Maintainer: Nobody <nobody@example.invalid>\nDescription: scripts and units\n"
    )
    pack = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, folder / f"{version}.deb"]
    subprocess.run(pack, check=True, capture_output=True)
    shutil.rmtree(tree)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    need_container()
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs dpkg-deb (package dpkg)")
    folder = tmp_path / "packages"
    folder.mkdir()
    for version in ("1.0", "2.0"):
        _package(folder, version)
    with booted(f"{folder}:/packages") as m:
        yield m


def _states(machine: Machine) -> dict[str, tuple[str, bool]]:
    def enabled(unit: str) -> str:
        return machine.run("systemctl", "is-enabled", unit, check=False).splitlines()[-1]

    return {unit: (enabled(unit), machine.active(unit)) for unit in ALL}


def test_installed_again_after_a_removal_what_ran_runs_again(machine: Machine) -> None:
    machine.run("dpkg", "--install", "/packages/1.0.deb")
    machine.run("cp", "/etc/emotion-edge/config.toml", "/etc/emotion-edge/front.toml")
    machine.run("systemctl", "enable", "--now", FRONT, "emotion-edge-dashboard")
    before = _states(machine)
    assert before == {
        UNIT: ("enabled", True),
        FRONT: ("enabled", True),
        "emotion-edge-dashboard.service": ("enabled", True),
        "emotion-edge-record.service": ("disabled", False),
    }
    for version in ("1.0", "2.0"):
        machine.run("dpkg", "--remove", "emotion-edge")
        assert not any(active for _, active in _states(machine).values())
        machine.run("dpkg", "--install", f"/packages/{version}.deb")
        assert _states(machine) == before

    # What an operator disabled stays so, removed in between or not.
    machine.run("systemctl", "disable", "--now", UNIT)
    before[UNIT] = ("disabled", False)
    machine.run("dpkg", "--install", "/packages/2.0.deb")
    assert _states(machine) == before
    machine.run("dpkg", "--remove", "emotion-edge")
    machine.run("dpkg", "--install", "/packages/2.0.deb")
    assert _states(machine) == before

    # After a purge it is a first installation, and nothing is left of the one before.
    for unit in ALL:
        machine.run("mkdir", f"/etc/systemd/system/{unit}.d")  # by `systemctl edit`
    machine.run("dpkg", "--purge", "emotion-edge")
    machine.run("sh", "-c", "! ls -d /var/lib/emotion-edge* /etc/emotion-edge")
    assert machine.run("find", "/etc/systemd", "-name", "emotion-edge*") == ""
    machine.run("dpkg", "--install", "/packages/1.0.deb")
    assert _states(machine)[UNIT] == ("enabled", True)
    assert _states(machine)["emotion-edge-dashboard.service"] == ("disabled", False)
    machine.run("dpkg", "--remove", "emotion-edge")  # now without an instance
    assert machine.run("cat", "/var/lib/emotion-edge.enabled").split() == [UNIT]
    machine.run("dpkg", "--install", "/packages/1.0.deb")
    assert machine.active(UNIT)
