"""A small Debian that boots a real systemd in a container, for the tests beside it.

Its root file system is made once and kept under `$EMOTION_EDGE_TEST_CACHE` (default
~/.cache/emotion-edge-tests); every boot writes to memory only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.memory import Group

SUITE = "bookworm"  # Python 3.11, systemd 252: the older of the two that are supported
PACKAGES = (
    "systemd,systemd-sysv,dbus,python3,python3-venv,mosquitto,mosquitto-clients,ca-certificates"
)
BOOT_S = 180.0  # it takes 2 s on an idle machine
COMMAND_S = 300.0


def cache() -> Path:
    folder = os.environ.get("EMOTION_EDGE_TEST_CACHE") or "~/.cache/emotion-edge-tests"
    return Path(folder).expanduser()


def need_container() -> None:
    """Skip where no container can be booted."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to boot a container")
    for tool, package in [
        ("systemd-nspawn", "systemd-container"),
        ("debootstrap", "debootstrap"),
        ("nsenter", "util-linux"),
    ]:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool} (package {package})")
    if sys.version_info[:2] != (3, 11):
        pytest.skip("needs wheels of Python 3.11, which the container has")


def root_file_system() -> Path:
    """Return the container's root, made with debootstrap (about two minutes) the first time."""
    root = cache() / SUITE
    if not root.is_dir():
        cache().mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=cache()))
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(new)],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            shutil.rmtree(new)
            pytest.skip(f"debootstrap failed: {done.stdout.splitlines()[-1:]}")
        new.chmod(0o755)
        new.rename(root)
    return root


class Machine:
    """A booted container."""

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def run(self, *command: str, check: bool = True, data: str = "") -> str:
        """Run a command inside, as root; return what it printed on both streams."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            input=data,
            timeout=COMMAND_S,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        if check:
            assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def write(self, path: str, text: str, mode: str = "644") -> None:
        self.run("sh", "-c", f"umask 077; cat >{path}; chmod {mode} {path}", data=text)

    def kill(self, signal: str, pid: str | int, check: bool = True) -> None:
        self.run("sh", "-c", f"kill -{signal} {pid}", check=check)  # a small system has no `kill`

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return properties as `systemctl show` gives them."""
        text = self.run("systemctl", "show", unit, *(f"--property={p}" for p in properties))
        return dict(line.split("=", 1) for line in text.splitlines())

    def pid(self, unit: str) -> int:
        return int(self.show(unit, "MainPID")["MainPID"])

    def active(self, unit: str) -> bool:
        return self.show(unit, "ActiveState")["ActiveState"] == "active"

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", "-u", unit)

    def eventually(self, true: Callable[[], bool], what: str, timeout_s: float = 180.0) -> None:
        """Wait until `true()`, fail with the daemon's log after the deadline."""
        deadline = time.monotonic() + timeout_s
        while not true():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_s} s: {what}\n{self._story()}")
            time.sleep(0.25)

    def _story(self) -> str:
        return self.run("journalctl", "--no-pager", "-n", "60", check=False)


@contextmanager
def booted(*binds: str, group: Group | None = None, calls: str = "") -> Iterator[Machine]:
    """Boot a container with its own network; `binds` are read-only, `outside:inside`.

    In a memory control group of its own, units inside are held to their MemoryMax=. `calls` are
    system calls that a machine has, and a container otherwise has not.
    """
    root = root_file_system()
    with tempfile.TemporaryFile() as console:
        options = ["--volatile=overlay", "--register=no", "--keep-unit", "--private-network"]
        options += [f"--bind-ro={b}" for b in binds]
        options += [f"--system-call-filter={calls}"] if calls else []
        command = ["systemd-nspawn", "-D", str(root), *options, "-b"]
        nspawn = subprocess.Popen(
            command if group is None else group.starting(*command),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
        )
        try:
            machine = Machine(_leader(nspawn))
            if group is not None and Path("/sys/fs/cgroup/memory").is_dir():
                # nspawn hands the container this tree of version 1 read-only.
                machine.run("mount", "-o", "remount,rw,bind", "/sys/fs/cgroup/memory", check=False)
                machine.run("systemctl", "daemon-reexec")
            yield machine
        finally:
            nspawn.terminate()  # shuts the container down in order
            try:
                nspawn.wait(30)
            except subprocess.TimeoutExpired:
                nspawn.kill()
                nspawn.wait()


def _leader(nspawn: subprocess.Popen[bytes]) -> int:
    """Return the container's first process once its systemd is up."""
    deadline = time.monotonic() + BOOT_S
    while time.monotonic() < deadline and nspawn.poll() is None:
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
        if children:
            done = subprocess.run(
                ["nsenter", "-t", children[0], "-a", "systemctl", "is-system-running"],
                capture_output=True,
                text=True,
            )
            if done.stdout.strip() in ("running", "degraded"):
                return int(children[0])
        time.sleep(0.2)
    pytest.skip("systemd did not boot in a container on this machine")
