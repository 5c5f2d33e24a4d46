"""Loads model folders in a process of their own: native code that parses them may crash.

Imports once, then forks for each model, so that ten thousand take minutes.
"""

from __future__ import annotations

import os
import resource
import signal
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.classify import Model
from edge.errors import EdgeError

PATIENCE_S = 60  # of processor time: more is a hang, however busy the machine is
MEMORY = 4 * 2**30  # bytes of address space: a stand-in for the unit's MemoryMax
UNEXPECTED = 99


@dataclass(frozen=True)
class Outcome:
    """How loading ended."""

    kind: str  # fine, refused, crashed, hung, unexpected
    text: str  # message, name of the signal, or traceback


def load(folder: Path) -> Outcome:
    """Load a model folder and ask it once, in a child."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os._exit(_child(folder, write))
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read().decode(errors="replace")
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name
        return Outcome("hung" if name in ("SIGXCPU", "SIGALRM") else "crashed", name)
    code = os.WEXITSTATUS(status)
    return Outcome({0: "fine", 78: "refused"}.get(code, "unexpected"), text)


def _child(folder: Path, write: int) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_S, PATIENCE_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(10 * PATIENCE_S)  # one that waits uses no processor time
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # last words of an abort
    try:
        model = Model(folder)
        spec = model.manifest.input
        scores = model.infer(np.full((spec.height, spec.width), 200, np.uint8))
        assert scores.shape == (len(model.labels),)
        code, text = 0, ""
    except EdgeError as e:
        code, text = e.exit_code, str(e)
    except BaseException:
        code, text = UNEXPECTED, traceback.format_exc()
    os.write(write, text.encode(errors="replace")[:4000])
    return code
