"""Several processes, here or on a Dask cluster, some of which are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge import cli
from edge.config import Config
from edge.errors import ConfigError
from edge.tools.analyze.cluster import Cluster
from edge.tools.analyze.files import find
from edge.tools.analyze.job import Format, Job, Result, Source, Task
from edge.tools.analyze.pool import Pool
from edge.tools.analyze.targets import tasks_of
from tests.edge.tools.analyze.rig import analyze, clip, empty, face, save
from tests.waiting import PATIENCE_S, wait_until

JOB = Job(Config(), Format.JSON, summary=True)


def album(folder: Path) -> list[Task]:
    """Two pictures, and between them a recording that takes its time."""
    save(folder / "1.jpg", face())
    clip(folder / "2.mp4", 8.0)
    save(folder / "3.jpg", empty())
    return tasks_of(find([str(folder)]), None, None)


def source_of(tasks: list[Task]) -> Source:
    waiting = iter(tasks)
    return lambda: next(waiting, None)


def text(results: list[Result]) -> list[bytes]:
    return [zlib.decompress(r.data) for r in sorted(results, key=lambda r: r.index)]


@pytest.mark.faults
def test_a_worker_that_is_killed_once_loses_nothing(tmp_path: Path) -> None:
    tasks = album(tmp_path)
    killed: list[int] = []

    def kill(_task: Task, _fraction: float) -> None:
        if not killed:
            killed.extend(pool.pids())
            os.kill(killed[0], signal.SIGKILL)

    pool = Pool(JOB, 1, progress=kill)
    results = list(pool.run(source_of(tasks)))
    assert killed
    assert [r.error for r in sorted(results, key=lambda r: r.index)] == [None] * 3
    assert len(text(results)[1].splitlines()) == 1
    assert not any(psutil.pid_exists(pid) for pid in killed)


@pytest.mark.faults
def test_a_file_that_kills_who_reads_it_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    tasks = album(tmp_path)
    pool = Pool(JOB, 1, progress=lambda _t, _f: os.kill(pool.pids()[0], signal.SIGSEGV))
    results = sorted(pool.run(source_of(tasks)), key=lambda r: r.index)
    assert [r.error is None for r in results] == [True, False, True]
    assert "was killed by SIG" in (results[1].error or "")
    assert json.loads(text(results)[1])["error"] == results[1].error


def test_what_no_worker_can_do_is_said_once(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        save(tmp_path / name, face())
    code, out, err = analyze(tmp_path, "--set", "detect.model=nobody", "--workers", 1)
    assert (code, out) == (ConfigError.exit_code, b"")
    assert err.count("model 'nobody'") == 1


@pytest.mark.slow
def test_two_workers_say_what_one_does_in_the_same_order(tmp_path: Path) -> None:
    album(tmp_path / "in")
    outs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for n, out in enumerate(outs, 1):
        assert analyze(tmp_path / "in", "--json", "-o", out, "--workers", n)[0] == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_the_time_that_is_left_is_learned() -> None:
    from edge.tools.analyze.files import Item, Kind
    from edge.tools.analyze.progress import Estimate, duration

    estimate = Estimate(workers=2)
    picture = Item("a", "a", "a", Kind.PICTURE, 1)
    film = Item("b", "b", "b", Kind.RECORDING, 10**6)
    for item in (*[picture] * 101, film, film):
        estimate.expect(item)
    estimate.done(picture, 0, 3.0)
    estimate.done(film, 1, 20.0)
    assert estimate.left_s(lambda _: 0) == pytest.approx((100 * 3.05 / 2 + 20) / 2, rel=0.01)
    assert [duration(s) for s in (48.2, 725, 11_400)] == ["48 s", "12:05 min", "3:10 h"]


class Workers:
    """A real scheduler and real workers, to be killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, workers: int) -> str:
        """Start the scheduler and so many workers; return its address once they are there."""
        self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        wait_until(lambda: self._file.exists() and self._file.stat().st_size, "a scheduler", 120)
        for _ in range(workers):
            self.one_more()
        address: str = json.loads(self._file.read_text())["address"]
        distributed = pytest.importorskip("distributed")
        with distributed.Client(address, timeout=120, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=120)
        return address

    def one_more(self) -> None:
        """Start a worker."""
        # A name of this machine may lead to an address that nobody can reach.
        local = ("--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--death-timeout", "120")
        self._start("dask_worker", *local)

    def kill_first(self) -> None:
        """kill -9 of the worker that was started first."""
        self._processes[1].kill()

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, module: str, *more: str) -> None:
        common = ["--scheduler-file", str(self._file), "--no-dashboard"]
        with (self._folder / f"{module}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *common, *more],
                stdout=log,
                stderr=log,
                env=os.environ
                | {"OPENBLAS_NUM_THREADS": "1", "DASK_LOGGING__DISTRIBUTED": "error"},
                cwd=self._folder,
            )
        self._processes.append(process)


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, Workers]]:
    """A cluster for the length of a `with`; yields its address too."""
    pytest.importorskip("distributed")
    started = Workers(folder)
    try:
        yield started.start(workers), started
    finally:
        started.end()


@pytest.mark.slow
@pytest.mark.faults
def test_a_cluster_whose_worker_dies_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    album(folder)
    for n in range(4, 16):
        save(folder / f"{n}.jpg", face() if n % 2 else empty())
    (folder / "7.jpg").write_bytes(b"broken")
    alone, out = tmp_path / "alone.jsonl", tmp_path / "out.jsonl"
    assert analyze(folder, "--json", "-o", alone, "--workers", 1)[0] == 65
    with cluster(tmp_path, 3) as (address, workers):
        command = [sys.executable, "-m", "edge", "analyze", str(folder), "--json", "-o", str(out)]
        process = subprocess.Popen([*command, "--dask", address], stderr=subprocess.PIPE)
        wait_until(
            lambda: process.poll() is not None or (out.exists() and out.stat().st_size),
            "the first result",
            300,
        )
        workers.kill_first()
        _, said = process.communicate(timeout=600)
    assert process.returncode == 65, said
    assert out.read_bytes() == alone.read_bytes()


@pytest.mark.slow
@pytest.mark.faults
def test_results_that_were_not_fetched_before_their_worker_died_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    for n in range(3):
        save(tmp_path / "in" / f"{n}.jpg", face())
    tasks = tasks_of(find([str(tmp_path / "in")]), None, None)
    wait = distributed.wait

    def wait_for_all(futures: list[Any], **_: object) -> Any:
        """As on a machine that is busy, where all are done before one is looked at."""
        return wait(futures, timeout=PATIENCE_S)

    monkeypatch.setattr(distributed, "wait", wait_for_all)
    with cluster(tmp_path, 1) as (address, workers):
        run = Cluster(JOB, address).run(source_of(tasks))
        results = [next(run)]
        states = distributed.default_client().futures.values()
        workers.kill_first()
        wait_until(lambda: {s.status for s in states} == {"lost"}, "the others are lost")
        workers.one_more()
        results += run
    assert sorted(r.index for r in results) == [t.index for t in tasks]
    assert [r.error for r in results] == [None] * 3


def test_a_scheduler_that_is_not_there_is_69(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("edge.tools.analyze.cluster.CONNECT_S", 0.2)
    photo = save(tmp_path / "photo.jpg", face())
    assert cli.main(["analyze", str(photo), "--dask", "tcp://127.0.0.1:9"]) == 69
    assert "--dask: tcp://127.0.0.1:9: no scheduler answers" in capsys.readouterr().err
