"""Worker processes on this machine; one that dies takes no file with it.

Each has a pipe of its own and one file at a time, so it is known which file a dead one had. It is
tried once more, in case the process was killed from outside or for want of memory; then it is
listed as broken. Python's own pool breaks as a whole when one of its processes dies.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from edge.errors import EdgeError, UnavailableError
from edge.tools.analyze.engine import Engine, failed
from edge.tools.analyze.job import Job, Result, Source, Task

log = logging.getLogger(__name__)

TRIES = 2  # of a file whose process died
STARTS = 3  # processes in a row that died before they were ready: something is wrong with all
TICK_S = 1.0  # between two calls of `tick` while nothing comes back
JOIN_S = 5.0  # for a process to end by itself


def no_log(_level: str) -> None:
    """Leave the log of a process as Python has it."""


@dataclass(slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    task: Task | None = None


@dataclass(slots=True)
class Pool:
    """Processes that analyze files."""

    job: Job
    workers: int
    tick: Callable[[], None] = lambda: None  # called at least every second
    progress: Callable[[Task, float], None] = lambda _t, _f: None
    setup: Callable[[str], None] = no_log  # of the log, in each process
    _context: multiprocessing.context.SpawnContext = field(
        default_factory=lambda: multiprocessing.get_context("spawn")
    )
    _alive: list[_Worker] = field(default_factory=list)
    _again: deque[Task] = field(default_factory=deque)
    _deaths: dict[int, int] = field(default_factory=dict)  # by index of the task
    _stillborn: int = 0

    def pids(self) -> list[int]:
        """Return the ids of the processes."""
        return [w.process.pid or 0 for w in self._alive]

    def run(self, source: Source) -> Iterator[Result]:
        """Yield results as they come, in any order; asks for a task when somebody is free for it.

        Raises:
            EdgeError: what no worker can do: load the models, or write what was asked for.
        """
        try:
            while True:
                self._fill(source)
                if not self._alive:
                    return
                yield from self._answers()
                self.tick()
        finally:
            self.close()

    def close(self) -> None:
        """End every process."""
        for worker in self._alive:
            worker.process.terminate()
        for worker in self._alive:
            worker.process.join(JOIN_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        self._alive.clear()

    def _fill(self, source: Source) -> None:
        """Give each free worker a file, start workers while there are files, end those without."""
        for worker in list(self._alive):
            if worker.ready and worker.task is None:
                task = self._next(source)
                if task is None:
                    self._end(worker)
                else:
                    self._give(worker, task)
        while len(self._alive) < self.workers:
            task = self._next(source)
            if task is None:
                return
            ours, theirs = self._context.Pipe()
            process = self._context.Process(
                target=work,
                args=(theirs, self.job, os.getpid(), self.setup),
                name="analyze",
                daemon=True,
            )
            process.start()
            theirs.close()
            worker = _Worker(process, ours)
            self._alive.append(worker)
            self._give(worker, task)

    def _next(self, source: Source) -> Task | None:
        return self._again.popleft() if self._again else source()

    def _give(self, worker: _Worker, task: Task) -> None:
        worker.task = task
        with contextlib.suppress(OSError):  # it died: its sentinel says so
            worker.pipe.send(task)

    def _answers(self) -> Iterator[Result]:
        pipes = {w.pipe: w for w in self._alive}
        ends = {w.process.sentinel: w for w in self._alive}
        found = wait([*pipes, *ends], TICK_S)
        for thing in found:
            if isinstance(thing, Connection) and (worker := pipes[thing]) in self._alive:
                yield from self._hear(worker)
        for thing in found:
            if isinstance(thing, int) and (worker := ends[thing]) in self._alive:
                yield from self._hear(worker)  # what it said last
                yield from self._bury(worker)

    def _hear(self, worker: _Worker) -> Iterator[Result]:
        try:
            while worker.pipe.poll():
                said = worker.pipe.recv()
                if said is None:
                    worker.ready, self._stillborn = True, 0
                elif isinstance(said, float):
                    if worker.task is not None:
                        self.progress(worker.task, said)
                elif isinstance(said, Result):
                    worker.task = None
                    yield said
                else:
                    raise said
        except (EOFError, OSError):  # it died: its sentinel says so
            return

    def _bury(self, worker: _Worker) -> Iterator[Result]:
        self._alive.remove(worker)
        worker.process.join()
        worker.pipe.close()
        how = _how(worker.process.exitcode)
        task = worker.task
        if task is None:
            return
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= STARTS * self.workers:
                raise UnavailableError(f"no worker process comes up: the last one {how}")
            self._again.append(task)
            return
        self._deaths[task.index] = deaths = self._deaths.get(task.index, 0) + 1
        if deaths < TRIES:
            log.warning("a worker process %s; its file is tried again", how)
            self._again.append(task)
        else:
            yield failed(task, self.job, f"the process that read it {how}, {deaths} times")

    def _end(self, worker: _Worker) -> None:
        self._alive.remove(worker)
        with contextlib.suppress(OSError):
            worker.pipe.send(None)
        worker.process.join(JOIN_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()


def work(pipe: Connection, job: Job, parent: int, setup: Callable[[str], None]) -> None:
    """Load the models, then analyze what comes through the pipe; the whole life of a worker.

    It says None when it is ready, a fraction now and then, and a `Result` for each task.
    """
    from edge.child.confine import die_with_parent

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(signal.SIGKILL, parent)
    setup(job.config.log.level)
    try:
        engine = Engine(job)
        pipe.send(None)
        while (task := pipe.recv()) is not None:
            pipe.send(engine.analyze(task, pipe.send))
    except EdgeError as e:
        pipe.send(e)
    except (EOFError, OSError):  # the parent is gone
        return


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"was killed by {name}" + (", for want of memory?" if name == "SIGKILL" else "")
    return f"ended with exit code {code}"
