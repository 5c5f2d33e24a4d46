"""What watches over a camera's program, run as the daemon runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from edge.child import python
from edge.child.confine import clean_environment
from tests.waiting import PATIENCE_S

# In the place of the first process, which in a container may reap nothing: has the supervisor ended
# while its program is stopped, and says what it inherits.
INIT = """
import json, os, signal, subprocess, sys, time
from edge.child import confine

confine.adopt_orphans()
command, order = json.loads(sys.argv[1]), json.loads(sys.argv[2])
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
order["parent"] = os.getpid()
with child.stdin as told:
    told.write(json.dumps(order).encode())
program = int(child.stdout.readline())
for name in sys.argv[3:]:
    os.kill(program, getattr(signal, name))
os.kill(child.pid, signal.SIGTERM)
child.wait()
try:
    print("left:", os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("nothing left")
"""
# Threads that are still ending when the first one has ended: a zombie that cannot be reaped yet.
PROGRAM = """
import os, threading, time
for _ in range(20):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print(os.getpid(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    "before", [["SIGSTOP"], [], ["SIGKILL"]], ids=["stopped", "running", "killed"]
)
def test_it_reaps_its_program_before_it_ends(before: list[str]) -> None:
    environment = clean_environment(os.environ)
    command, env = python("edge.child.run", environment)
    order = {
        "argv": [sys.executable, "-c", PROGRAM],
        "env": environment,
        "families": [],
        "hidden": [],
    }
    done = subprocess.run(
        [sys.executable, "-c", INIT, json.dumps(command), json.dumps(order), *before],
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout == "nothing left\n", done.stderr
