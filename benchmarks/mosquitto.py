"""A real Mosquitto on a free loopback port, and what it costs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

import psutil

PATIENCE_S = 120.0


class Mosquitto:
    """One broker; the port stays the same over restarts."""

    def __init__(self, folder: Path, *settings: str) -> None:
        """Keep its files in `folder`; `settings` are lines of mosquitto.conf(5) beside our own."""
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            raise SystemExit("mosquitto is not installed (apt-get install mosquitto)")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = int(s.getsockname()[1])
        lines = [
            *(["user root"] if os.geteuid() == 0 else []),
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "max_queued_messages 0",
            "persistence true",
            f"persistence_location {folder}/",
            *settings,
        ]
        config = folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        self._command = [program, "-c", str(config)]
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise SystemExit(f"mosquitto does not listen: {self._log}")

    def signal(self, number: Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: Signals = SIGTERM) -> None:
        """End it by a signal; when it was ended, nothing."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None

    def kill(self) -> None:
        """Stop at once; when it was stopped, nothing."""
        self.stop(SIGKILL)

    def cost(self) -> tuple[float, float]:
        """Return resident memory in MB and CPU seconds so far."""
        assert self._process is not None
        process = psutil.Process(self._process.pid)
        times = process.cpu_times()
        return process.memory_info().rss / 1e6, times.user + times.system
