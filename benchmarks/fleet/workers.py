"""The processes that hold a fleet's devices, seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

# A device holds six files open, and the publisher waits with select(2), which ends at 1024.
PER_PROCESS = 125


class Workers:
    """The processes that hold the devices."""

    def __init__(
        self,
        devices: int,
        rate: float,
        port: int,
        outbox: Path | None,
        *,
        health_s: float,
        logs: Path,
    ) -> None:
        """Start them.

        Args:
            devices: how many there are.
            rate: events a device a second.
            port: of the broker, on this machine.
            outbox: folder of the SQLite files; None: in memory.
            health_s: seconds between two health messages of a device.
            logs: folder of what they say.
        """
        self._processes = []
        for first in range(0, devices, PER_PROCESS):
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.fleet.devices"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=logs.joinpath(f"devices-{first}.log").open("wb"),
                text=True,
            )
            self._processes.append(process)
            settings = {
                "first": first,
                "count": min(PER_PROCESS, devices - first),
                "port": port,
                "rate": rate,
                "health_s": health_s,
                "outbox": str(outbox) if outbox else "",
            }
            self._tell(process, json.dumps(settings))

    @staticmethod
    def _tell(process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def _hear(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit("a process of devices ended early")
        return line

    def wait_online(self) -> None:
        for process in self._processes:
            self._hear(process)

    def go(self) -> None:
        """Begin to make events; a second time: stop."""
        for process in self._processes:
            self._tell(process, "")

    def results(self) -> list[dict[str, Any]]:
        return [json.loads(self._hear(process)) for process in self._processes]

    def cpu_s(self) -> float:
        """Return the CPU seconds of all devices so far."""
        times = [psutil.Process(p.pid).cpu_times() for p in self._processes]
        return sum(t.user + t.system for t in times)

    def kill(self) -> None:
        for process in self._processes:
            process.kill()

    def end(self) -> None:
        for process in self._processes:
            process.wait(60)
