"""How tests wait: for a condition, with a deadline that only a broken program meets."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable

import pytest

# s; a test fails after this, and it never takes it to pass: machines are busy, or emulated.
PATIENCE_S = float(os.environ.get("EMOTION_EDGE_PATIENCE_S", "60"))
# Below what Linux takes for outgoing connections (ip_local_port_range, from 32768): none can sit on
# the port of a server that starts later.
PORTS = range(10_240, 32_768)


def wait_until(true: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait until `true()`; fail the test, naming `what`, if it never is.

    For what takes longer than anything else, `timeout_s` may be more than `PATIENCE_S`.
    """
    timeout_s = max(timeout_s, PATIENCE_S)
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.01)


def free_port() -> int:
    """Return a loopback port that nobody listens on, nor will by chance."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
