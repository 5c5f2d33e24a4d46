"""Loads model folders in a process of their own: native code that parses them may crash.

One process, forked once everything is imported, loads one after the other until it dies.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

import numpy as np

from edge.classify import Model
from edge.errors import EdgeError

PATIENCE_S = 60  # of processor time: more is a hang, however busy the machine is
MEMORY = 2 * 2**30  # more bytes of address space: a stand-in for the unit's MemoryMax
MOST = 500  # loads a process: what a runtime leaks when it refuses must not look like a refusal


@dataclass(frozen=True)
class Outcome:
    """How loading ended."""

    kind: str  # fine, refused, crashed, hung, unexpected
    text: str  # message, name of the signal, or traceback


class Loader:
    """Loads folders, each outcome at once; a process that died is replaced."""

    def __init__(self, good: Path) -> None:
        """Load a good model here first: what that imports, no child has to."""
        Model(good)
        self.processes = 0
        self._loads = 0
        self._process: multiprocessing.process.BaseProcess | None = None

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._end()

    def load(self, folder: Path) -> Outcome:
        """Load a model folder and ask it once, in the child."""
        if self._process is None or self._loads == MOST:
            self._end()
            self._begin()
        assert self._process is not None
        self._loads += 1
        self._pipe.send(folder)
        try:
            outcome: Outcome = self._pipe.recv()
            return outcome
        except (EOFError, ConnectionError):
            self._process.join()
            status, self._process = self._process.exitcode, None
            assert status is not None
            if status >= 0:
                return Outcome("unexpected", f"exit status {status}")
            name = signal.Signals(-status).name
            return Outcome("hung" if name in ("SIGPROF", "SIGALRM") else "crashed", name)

    def _begin(self) -> None:
        fork = multiprocessing.get_context("fork")
        self._pipe, theirs = fork.Pipe()
        self._process = fork.Process(target=_serve, args=(theirs, self._pipe), daemon=True)
        self._process.start()
        theirs.close()
        self.processes += 1
        self._loads = 0

    def _end(self) -> None:
        if self._process is not None:
            self._pipe.close()
            self._process.join()
            self._process = None


def _serve(pipe: Connection, other_end: Connection) -> None:
    other_end.close()  # so that the parent's end is seen to close
    most = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()  # pytest's
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # last words of an abort
    try:
        while True:
            folder = pipe.recv()
            signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
            signal.alarm(10 * PATIENCE_S)  # one that waits uses no processor time
            pipe.send(_outcome(folder))
    except (EOFError, ConnectionError):
        os._exit(0)


def _outcome(folder: Path) -> Outcome:
    try:
        model = Model(folder)
        spec = model.manifest.input
        scores = model.infer(np.full((spec.height, spec.width), 200, np.uint8))
        assert scores.shape == (len(model.labels),)
        return Outcome("fine", "")
    except EdgeError as e:
        return Outcome("refused" if e.exit_code == 78 else "unexpected", str(e))
    except BaseException:
        return Outcome("unexpected", traceback.format_exc())
