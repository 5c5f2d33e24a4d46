"""The workers of a Dask cluster; needs the extra `archive`, here and on the workers.

A file is analyzed where Dask puts it: each worker must see it under the same name, as on a network
file system. When a worker dies, Dask gives its files to others; each result is taken once.
"""

from __future__ import annotations

import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.errors import EdgeError, UnavailableError
from edge.tools.analyze.engine import Engine, failed
from edge.tools.analyze.job import Job, Result, Source, Task

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 30.0  # to the scheduler; Dask's own default, distributed.comm.timeouts.connect
AHEAD = 3  # files a thread of the cluster has waiting, so that none waits for us
TICK_S = 1.0  # between two calls of `tick` while nothing comes back
# Of a file that was done when `wait` said so: the worker that had its result has died meanwhile,
# and Dask gives the file to another.
UNDONE = ("lost", "pending")
EMPTY_S = 60.0  # without any worker before it is given up

_engines = threading.local()  # TFLite's interpreters belong to one thread each


def work(job: Job, task: Task) -> Result | EdgeError:
    """Analyze a file; runs on a worker, whose models stay loaded."""
    held: tuple[Job, Engine] | None = getattr(_engines, "held", None)
    try:
        if held is None or held[0] != job:
            held = _engines.held = (job, Engine(job))
        return held[1].analyze(task)
    except EdgeError as e:  # would be tried again and again
        return e


@dataclass(slots=True)
class Cluster:
    """A Dask cluster that analyzes files."""

    job: Job
    address: str
    tick: Callable[[], None] = lambda: None

    def run(self, source: Source) -> Iterator[Result]:
        """Yield results as they come, in any order; few files more than there are threads wait.

        Raises:
            UnavailableError: Dask is not installed, the scheduler or every worker is away.
            EdgeError: what no worker can do.
        """
        client = _connect(self.address)
        try:
            yield from self._run(client, source)
        finally:
            client.close()

    def _run(self, client: Client, source: Source) -> Iterator[Result]:
        from distributed import wait

        underway: dict[Any, Task] = {}
        alone = 0.0  # s without workers
        while True:
            threads = _threads(client, self.address)
            alone = 0.0 if threads else alone + TICK_S
            if alone >= EMPTY_S:
                raise UnavailableError(f"--dask: {self.address}: has no workers")
            while len(underway) < max(threads, 1) * AHEAD:
                task = source()
                if task is None:
                    break
                key = f"emotion-edge-{id(self):x}-{task.index}"
                underway[client.submit(work, self.job, task, key=key, pure=False)] = task
            if not underway:
                return
            try:
                done = wait(list(underway), timeout=TICK_S, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = set()
            except (CancelledError, OSError) as e:
                raise UnavailableError(f"--dask: {self.address}: the scheduler is gone") from e
            for future in done:
                status = future.status
                if status not in UNDONE:
                    yield self._result(future, status, underway.pop(future))
            self.tick()

    def _result(self, future: Future[Any], status: str, task: Task) -> Result:
        from distributed import KilledWorker

        if status == "finished":  # waits, should the result be lost now
            got = future.result()
            if isinstance(got, EdgeError):
                raise got
            assert isinstance(got, Result)  # `work` returns nothing else
            return got
        error = future.exception() if status == "error" else None
        if isinstance(error, KilledWorker):
            return failed(task, self.job, "every worker that read it died")
        raise UnavailableError(f"--dask: {self.address}: {task.item.name}: {error or 'cancelled'}")


def _connect(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError as e:
        raise UnavailableError(
            "--dask: not installed; try: pip install 'emotion-edge[archive]'"
        ) from e
    try:
        return Client(address, timeout=CONNECT_S)
    except (OSError, TimeoutError, ValueError) as e:
        raise UnavailableError(f"--dask: {address}: no scheduler answers: {e}") from e


def _threads(client: Client, address: str) -> int:
    try:
        return sum(w["nthreads"] for w in client.scheduler_info(n_workers=-1)["workers"].values())
    except (OSError, TimeoutError, KeyError) as e:
        raise UnavailableError(f"--dask: {address}: the scheduler is gone") from e
