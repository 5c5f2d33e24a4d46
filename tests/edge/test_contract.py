"""The messages' types, where threads share them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EVENTS = Path(__file__).parents[1] / "replay" / "astronaut" / "events.jsonl"

# New types each time, and threads that ask for their turn as often as can be.
FIRST_MESSAGES = """
import importlib, pathlib, sys, threading
from edge import contract

sys.setswitchinterval(1e-6)
line = pathlib.Path(sys.argv[1]).read_bytes().splitlines()[0]
for _ in range(100):
    contract = importlib.reload(contract)
    together = threading.Barrier(8)
    ids = []

    def read():
        together.wait()
        ids.append(contract.decode_event(line).id)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8 and len(set(ids)) == 1
"""


def test_threads_may_read_their_first_event_at_once() -> None:
    child = [sys.executable, "-c", FIRST_MESSAGES, EVENTS]
    done = subprocess.run(child, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
