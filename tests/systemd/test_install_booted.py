"""The real installer under a real systemd, with a small program: interrupted, and into an image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.machine import Machine, booted, need_container
from tests.systemd.small import LIVES, SAYS, wheel

REPO = Path(__file__).resolve().parents[2]
UNIT = "emotion-edge.service"
BOARD = "emotion-edge-dashboard.service"

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def _body(version: str, begins: str = "") -> str:
    main = "".join(f"    {line}\n" for line in (begins + LIVES).splitlines())
    return f"import sys\nif '--version' in sys.argv:\n    {SAYS.format(version)}\nelse:\n{main}"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    need_container()
    wheel(tmp_path / "1", "1.0", _body("1.0"))
    # The daemon takes its time, the dashboard does not.
    slow = "if 'run' in sys.argv:\n    __import__('time').sleep(30)\n"
    wheel(tmp_path / "2", "2.0", _body("2.0", slow))
    with booted(f"{REPO / 'systemd'}:/src/systemd", f"{tmp_path}:/wheels") as m:
        yield m


def _program(machine: Machine, unit: str) -> str:
    """The interpreter that a unit's process was started with."""
    return machine.run("cat", f"/proc/{machine.pid(unit)}/cmdline", check=False).split("\0")[0]


def _interrupt(machine: Machine, signal: str, unit: str, begun: str) -> None:
    """Install the slow version; all of it gets the signal once `unit` runs from there."""
    command = ["systemd-run", "--unit=upgrade", "/src/systemd/install", "--wheels", "/wheels/2"]
    machine.run(*command)
    machine.eventually(
        lambda: "/venv-" in (now := _program(machine, unit)) and now != begun, "it starts"
    )
    machine.run("systemctl", "kill", f"--signal={signal}", "upgrade")
    machine.eventually(
        lambda: machine.show("upgrade", "ActiveState")["ActiveState"] in ("failed", "inactive"),
        "the installer ends",
    )
    machine.run("systemctl", "reset-failed", "upgrade", check=False)


@pytest.mark.parametrize("signal", ["INT", "HUP", "TERM"])
def test_what_was_restarted_already_runs_the_old_version_again(
    machine: Machine, signal: str
) -> None:
    machine.run("/src/systemd/install", "--wheels", "/wheels/1")
    machine.run("systemctl", "start", BOARD)
    old = machine.run("readlink", "/opt/emotion-edge/current").strip()
    before = _program(machine, BOARD)
    assert before.startswith(f"{old}/bin/python")
    _interrupt(machine, signal, BOARD, before)
    assert machine.run("readlink", "/opt/emotion-edge/current").strip() == old
    assert machine.run("sh", "-c", "echo /opt/emotion-edge/venv-*").split() == [old]
    for unit in (UNIT, BOARD):
        assert machine.active(unit)
        assert _program(machine, unit).startswith(f"{old}/bin/python"), unit


def test_an_interrupted_first_installation_leaves_nothing_that_runs(machine: Machine) -> None:
    _interrupt(machine, "INT", UNIT, "")
    left = "find /opt /usr/local /etc/systemd -name 'emotion-edge*' -o -name '.emotion-edge*'"
    assert machine.run("sh", "-c", left) == ""
    assert machine.show(UNIT, "LoadState")["LoadState"] == "not-found"
    assert machine.show(UNIT, "ActiveState")["ActiveState"] == "inactive"


def test_what_is_installed_into_an_image_runs_in_it(machine: Machine) -> None:
    """The image is this system seen from another place."""
    machine.run("mkdir", "/image")
    machine.run("mount", "--bind", "/", "/image")
    machine.run("sh", "-c", "cd / && /src/systemd/install --root image --wheels /wheels/1")
    said = machine.run("chroot", "/image", "/usr/local/bin/emotion-edge", "--version")
    assert said.strip() == "emotion-edge 1.0"
    assert machine.run("systemctl", "is-enabled", UNIT).strip() == "enabled"
    machine.run("systemctl", "start", UNIT)
    assert machine.active(UNIT)
