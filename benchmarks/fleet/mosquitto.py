"""A Mosquitto with the settings that docs/fleet.md recommends, and what it costs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil

PATIENCE_S = 120.0


class Mosquitto:
    """One broker on a free loopback port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if self._program is None:
            raise SystemExit("mosquitto is not installed (apt-get install mosquitto)")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = int(s.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        settings = [
            *(["user root"] if os.geteuid() == 0 else []),
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {self._folder}/",
            "max_queued_messages 0",
        ]
        path = self._folder / "mosquitto.conf"
        path.write_text("\n".join(settings) + "\n")
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "-c", str(path)], stdout=log, stderr=log
            )
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise SystemExit(f"mosquitto does not listen: {self._folder}/mosquitto.log")

    def stop(self) -> None:
        """Stop as a service manager does: it writes down what it holds."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE_S)
            self._process = None

    def kill(self) -> None:
        """Stop at once; when it was stopped, nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def cost(self) -> tuple[float, float]:
        """Return resident memory in MB and CPU seconds so far."""
        assert self._process is not None
        process = psutil.Process(self._process.pid)
        times = process.cpu_times()
        return process.memory_info().rss / 1e6, times.user + times.system
