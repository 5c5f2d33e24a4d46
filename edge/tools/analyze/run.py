"""An analysis from start to end: files out, results in, in the order of the files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.config import Config
from edge.config_emotion import Alert
from edge.detect.face import OWN
from edge.errors import EdgeError, NoInputError, UsageError
from edge.model.manifest import find_model, load_manifest, sha256_of
from edge.streams import tell
from edge.tools.analyze.cluster import Cluster
from edge.tools.analyze.engine import Engine
from edge.tools.analyze.files import Kind, find, kind_of
from edge.tools.analyze.job import Format, Job, Result, Source, Tally, Task
from edge.tools.analyze.journal import Journal, Output, Record, StandardOutput
from edge.tools.analyze.lines import head, shown
from edge.tools.analyze.pool import Pool
from edge.tools.analyze.progress import Progress, duration
from edge.tools.analyze.report import Report
from edge.tools.analyze.targets import tasks_of
from edge.tools.analyze.written import write_file

# Results that may wait for a file before them: a recording of hours holds up no more than that.
AHEAD = 2000
SOME_BROKEN = 65  # EX_DATAERR
# What results depend on, beside models and files.
SECTIONS = (
    "detect",
    "motion",
    "track",
    "classify",
    "baseline",
    "attribute",
    "state",
    "smooth",
    "attention",
    "drowsiness",
    "alert",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    paths: Sequence[str]
    format: Format = Format.TEXT
    summary: bool = False
    output: Path | None = None
    annotate: Path | None = None
    crop: Path | None = None
    html: Path | None = None
    alerts: bool = True  # raise the alert of the configuration where it is not said to be off
    workers: int = 0  # 0: one a core
    dask: str = ""


def analyze(config: Config, options: Options, setup_log: Callable[[str], None]) -> int:
    """Analyze everything; return the exit code: 0, or 65 where a file could not be read.

    Args:
        config: the effective one.
        options: of the command line.
        setup_log: sets up the log of a level, in each worker process.

    Raises:
        NoInputError: not one could be.
        EdgeError: what is wrong with options, models, workers or what is written.
    """
    if options.crop is not None and not config.classify.enabled:
        raise UsageError("--crop: faces are cut out for the emotion model; classify.enabled is off")
    _refuse_to_write_over(options)
    out = [options.output, options.annotate, options.crop, options.html]
    items = find(options.paths, [p for p in out if p is not None])
    if not items:
        raise NoInputError(f"{', '.join(options.paths)}: no picture and no recording there")
    if options.html is not None and not options.html.absolute().parent.is_dir():
        raise NoInputError(f"--html: {options.html.parent}: no such folder")
    tasks = tasks_of(items, options.annotate, options.crop)
    labels, sha256 = _labels(config)
    if options.alerts:
        config = _with_alert(config, labels)
    job = Job(config, options.format, options.summary, report=options.html is not None)
    report = Report(labels) if options.html is not None else None
    run = _Run(job, tasks, _output(job, options, labels, sha256), report, setup_log)
    try:
        run.go(options)
    finally:
        run.close()
    if report is not None and options.html is not None:
        write_file(str(options.html), report.page(run.tally).encode("utf-8", "replace"))
    return run.verdict(options)


def _refuse_to_write_over(options: Options) -> None:
    """Check that nothing is written where something is read, or other results are.

    Raises:
        UsageError: something would be. What is cut out of a folder's pictures into that folder
            would be read as pictures by the next run.
    """
    read = {os.path.realpath(path) for path in options.paths}
    for option, folder in (("--annotate", options.annotate), ("--crop", options.crop)):
        if folder is not None and folder.is_dir() and os.path.realpath(folder) in read:
            raise UsageError(f"{option}: got {folder}, which is read; allowed: another folder")
    page = options.html
    if page is None:
        return
    if options.output is not None:
        read.add(os.path.realpath(options.output))
    if os.path.realpath(page) in read or kind_of(page.name) is not Kind.UNKNOWN:
        raise UsageError(f"--html: got {page}: is for something else; allowed: another file")


def _labels(config: Config) -> tuple[list[str], str]:
    """Return the labels of the emotion model and its sha256; nothing where it is off."""
    if not config.classify.enabled:
        return [], ""
    manifest = load_manifest(find_model(config.classify.model))
    return manifest.labels, manifest.sha256


def _with_alert(config: Config, labels: Sequence[str]) -> Config:
    """Enable the one alert, which is part of a summary, where the model knows its emotions."""
    alert = config.alert
    if not isinstance(alert, Alert) or not set(alert.emotions) <= set(labels):
        return config
    return msgspec.structs.replace(config, alert=msgspec.structs.replace(alert, enabled=True))


def _output(job: Job, options: Options, labels: Sequence[str], sha256: str) -> Output:
    start = head(job.format, labels, summary=job.summary)
    if options.output is None:
        return StandardOutput(start)
    what = hashlib.sha256(sha256.encode())
    what.update(repr((job.format, job.summary, job.report, job.config.camera.rotate)).encode())
    # Of files that are done no picture would be written afterwards.
    what.update(repr([p and Path(p).absolute() for p in (options.annotate, options.crop)]).encode())
    if not all(map(os.path.isabs, options.paths)):  # elsewhere the same names are other files
        what.update(bytes(Path.cwd()))
    for other in _other_models(job.config):
        what.update(other.encode())
    for section in SECTIONS:
        what.update(msgspec.json.encode(getattr(job.config, section)))
    return Journal(options.output, start, what.hexdigest(), time.monotonic)


def _other_models(config: Config) -> Iterator[str]:
    """Yield the sha256 of each model but that of emotions; whoever loads them says what is wrong.

    Their names are not enough: an upgrade puts others in their places.
    """
    detect = config.detect
    names = [a.model for a in config.attribute]
    names += [config.state.model] if config.state.enabled else []
    own = detect.name == "face"
    names += [n for n in (detect.model or OWN, detect.refine) if n] if own else []
    for name in names:
        with contextlib.suppress(EdgeError):
            yield load_manifest(find_model(name)).sha256
    if not own and detect.model:
        with contextlib.suppress(OSError):
            yield sha256_of(Path(detect.model))


class _Run:
    """Writes results in order, whatever order they come in."""

    def __init__(
        self,
        job: Job,
        tasks: Sequence[Task],
        output: Output,
        report: Report | None,
        setup_log: Callable[[str], None],
    ) -> None:
        self._setup_log = setup_log
        self._job, self._output, self._report = job, output, report
        self.tally = Tally()
        known = {task.item.name for task in tasks}
        done = set()
        for record in output.records if isinstance(output, Journal) else []:
            done.add(record.name)
            if record.name in known:
                self._count(record)
        self._before = len(done & known)
        self._tasks = [t for t in tasks if t.item.name not in done]
        self._held: dict[int, Result] = {}
        self._given = self._written = 0
        self._began = time.monotonic()

    def go(self, options: Options) -> None:
        """Analyze what is left."""
        if not self._tasks:
            return
        workers = min(options.workers or len(os.sched_getaffinity(0)), len(self._tasks))
        self._progress = Progress(self._tasks, self._before, workers, time.monotonic)
        try:
            for result in self._results(workers, options.dask):
                self._progress.done(result)
                self._take(result)
        finally:
            self._progress.close()

    def close(self) -> None:
        """Leave everything written so far."""
        self._output.close()

    def verdict(self, options: Options) -> int:
        """Say what there was; return the exit code."""
        t = self.tally
        files = t.pictures + t.recordings + t.broken
        if options.summary or files > 1 or t.broken or t.cut:
            tell(sys.stderr, f"emotion-edge: {self._said()}\n")
        if options.summary and options.format is Format.TEXT and files > 1:
            sys.stdout.write(_overall(t))
        if not t.pictures + t.recordings:
            raise NoInputError("nothing could be read")
        return SOME_BROKEN if t.broken or t.cut else 0

    def _results(self, workers: int, dask: str) -> Iterator[Result]:
        if dask:
            yield from Cluster(self._job, dask, self._progress.tick).run(self._source)
        elif len(self._tasks) == 1:  # a process of its own would take longer than the file
            task = self._tasks[0]
            progress = self._progress
            yield Engine(self._job).analyze(task, lambda part: progress.part(task, part))
        else:
            pool = Pool(
                self._job, workers, self._progress.tick, self._progress.part, self._setup_log
            )
            yield from pool.run(self._source)

    @property
    def _source(self) -> Source:
        return self._next

    def _next(self) -> Task | None:
        if self._given >= min(len(self._tasks), self._written + AHEAD):
            return None
        self._given += 1
        return self._tasks[self._given - 1]

    def _take(self, result: Result) -> None:
        self._held[result.index] = result
        while (
            self._written < len(self._tasks)
            and (ready := self._held.pop(self._tasks[self._written].index, None)) is not None
        ):
            self._written += 1
            record = Record(ready.name, 0, ready.error, ready.tally, ready.part)
            self._output.write(record, ready.data)
            self._count(record)
            if ready.error is not None:
                name = shown(ready.name)
                self._progress.above(f"emotion-edge: skipped {name}: {ready.error}")
            if ready.cut:
                self._progress.above(f"emotion-edge: {shown(ready.name)}: {ready.cut}")

    def _count(self, record: Record) -> None:
        self.tally += record.tally
        if self._report is not None:
            self._report.add(record)

    def _said(self) -> str:
        t = self.tally
        parts = [f"{t.pictures} picture{'s' * (t.pictures != 1)}"] if t.pictures else []
        if t.recordings:
            parts.append(
                f"{t.recordings} recording{'s' * (t.recordings != 1)} of {duration(t.seconds)}"
            )
        parts.append(f"{t.faces} face{'s' * (t.faces != 1)}")
        if t.broken:
            parts.append(f"{t.broken} skipped")
        if t.cut:
            parts.append(f"{t.cut} cut off")
        if self._before:
            parts.append(f"{self._before} done before")
        return f"{', '.join(parts)}, in {duration(time.monotonic() - self._began)}"


def _overall(t: Tally) -> str:
    """Return what all files show together."""
    lines = ["all files"]
    if t.pictures:
        best = sorted(t.shown.items(), key=lambda kv: -kv[1])
        said = ", ".join(f"{label} {n}" for label, n in best)
        lines.append(f"  faces in pictures: {said or 'none'}")
    if t.recordings:
        seconds = sorted(t.shown_s.items(), key=lambda kv: -kv[1])
        total = max(t.face_seconds, 1e-9)
        said = ", ".join(f"{label} {s:.1f} s ({s / total:.0%})" for label, s in seconds)
        lines.append(f"  seconds of a face in recordings: {t.face_seconds:.1f}: {said or 'none'}")
    return "\n".join(lines) + "\n"
