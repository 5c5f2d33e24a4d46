"""SIGTERM and SIGINT end the daemon cleanly, however many come and wherever they hit."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.daemon import CLIP
from tests.waiting import PATIENCE_S

# Each line that the handler runs, in whatever module, is interrupted by another signal.
NESTED = """
import signal, sys, threading
from edge.service.stopper import Stopper
from edge.stages import Control

closed = threading.Event()
control = Control()
depth = 0

def trace(frame, event, _argument):
    global depth
    inside = frame
    while inside is not None and inside.f_code.co_name != "_handle":
        inside = inside.f_back
    if inside is not None and event == "line" and depth < 3:
        depth += 1
        signal.raise_signal(signal.SIGINT if depth % 2 else signal.SIGTERM)
        depth -= 1
    return trace

with Stopper(control, closed.set):
    sys.settrace(trace)
    signal.raise_signal(signal.SIGTERM)
    sys.settrace(None)
    assert closed.wait(60) and control.stopping
print("ended")
"""


def test_a_signal_within_the_handler_of_another_blocks_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NESTED], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.stdout == "ended\n", done.stderr


# As above, and every line of the wait is interrupted too, the locks of the standard library held.
WAITING = """
import signal, sys
from edge.service.stopper import stop_signal

wait = stop_signal()
depth = 0

def trace(frame, event, _argument):
    global depth
    if event == "line" and depth < 3:
        depth += 1
        signal.raise_signal(signal.SIGINT if depth % 2 else signal.SIGTERM)
        depth -= 1
    return trace

sys.settrace(trace)
wait()
sys.settrace(None)
print("ended")
"""


def test_a_signal_at_any_line_of_the_wait_ends_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WAITING], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.stdout == "ended\n", done.stderr


def storm(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        while process.poll() is None:
            process.send_signal(number)


@pytest.mark.faults
def test_a_storm_of_signals_ends_the_daemon_with_0(tmp_path: Path) -> None:
    keys = [f"camera.source={CLIP}", "camera.loop=true", "outbox.path=memory"]
    command = [sys.executable, "-m", "edge", "run", *(w for k in keys for w in ("--set", k))]
    for _ in range(4):
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as process:
            assert process.stderr is not None
            while b"ready" not in process.stderr.readline():
                assert process.poll() is None
            senders = [
                threading.Thread(target=storm, args=(process, n))
                for n in (signal.SIGTERM, signal.SIGINT) * 2
            ]
            for s in senders:
                s.start()
            try:
                _, messages = process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()
                for s in senders:
                    s.join()
        assert process.returncode == 0, messages.decode()
        assert b"Traceback" not in messages
