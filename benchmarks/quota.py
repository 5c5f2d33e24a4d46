"""Processes that get no more than a fixed share of one core, by a control group of their own."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.memory import CGROUP, remove

PERIOD_US = 100_000  # the share is given anew after each: the kernel's own default
WEIGHT = {"cpu.shares": 262_144, "cpu.weight": 10_000}  # the highest: what else runs waits


class Quota:
    """A control group with a bound on processor time, version 1 or 2 of the kernel's interface."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bound(self, share: float) -> None:
        """Allow this share of one core; the weight only counts where others want it too."""
        if (self._folder / "cpu.max").exists():
            self._write("cpu.max", f"{round(share * PERIOD_US)} {PERIOD_US}")
        else:
            self._write("cpu.cfs_period_us", PERIOD_US)
            self._write("cpu.cfs_quota_us", round(share * PERIOD_US))
        for name, weight in WEIGHT.items():
            if (self._folder / name).exists():
                self._write(name, weight)

    def take(self, pid: int) -> None:
        """Put a process in. A quota holds for the normal policy alone: it has that from now on."""
        subprocess.run(["chrt", "--all-tasks", "--other", "--pid", "0", str(pid)], check=True)
        self._write("cgroup.procs", pid)

    def _write(self, name: str, value: object) -> None:
        with (self._folder / name).open("r+") as f:
            f.write(str(value))


@contextlib.contextmanager
def quota(name: str, share: float) -> Iterator[Quota]:
    """A group of one's own, gone at the end.

    Raises:
        OSError: there can be none here: not root, or the kernel's `cpu` controller is not free.
    """
    parent = CGROUP / "cpu" if (CGROUP / "cpu").is_dir() else CGROUP
    folder = parent / f"emotion-edge-{os.getpid()}-{name}"
    folder.mkdir()
    try:
        group = Quota(folder)
        group.bound(share)
        yield group
    finally:
        remove(folder)
