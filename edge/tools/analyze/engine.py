"""One worker's models, and what it makes of one file."""

from __future__ import annotations

import itertools
import os
import random
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec

from edge.analysis import Summary
from edge.build import Models, build, load_models
from edge.camera.file import FileCamera
from edge.camera.opencv import capture
from edge.camera.reader import Reader, open_reader
from edge.errors import EdgeError, NoInputError, StorageError
from edge.health import HealthMonitor
from edge.loop import run as run_loop
from edge.messages import UNKNOWN, Estimate, Frame
from edge.stages import Control, Observer
from edge.tools.analyze.files import Item, Kind
from edge.tools.analyze.gather import Gatherer, of_picture
from edge.tools.analyze.job import Job, Result, Tally, Task
from edge.tools.analyze.lines import Lines, open_lines
from edge.tools.analyze.picture import Picture, read_picture
from edge.tools.analyze.scene import Scenes
from edge.tools.analyze.summary import Spans, SummaryCollector
from edge.tools.analyze.targets import target_of
from edge.tools.analyze.written import AnnotatedRecording, Crops, annotate_picture
from edge.tools.replay import ClockedCamera, ReplayClock

SEED = 0  # of track ids: the same recording gives the same lines, in whatever process
LEVEL = 1  # of zlib: lines of a long recording wait in memory, a tenth as large
FPS = 25.0  # 1/s, of an annotated recording that does not say its own

Progress = Callable[[float], None]  # fraction of the file that is done


class Engine:
    """Analyzes files, one after the other; each is a scene of its own."""

    def __init__(self, job: Job) -> None:
        """Load the models.

        Raises:
            EdgeError: what is missing or wrong.
        """
        cv2.setNumThreads(1)  # there is a process for each core
        self._job = job
        self._models: Models = load_models(job.config)
        self._labels = self._models.emotion.labels if self._models.emotion else []
        # Every frame of a file, once.
        camera = msgspec.structs.replace(job.config.camera, every_frame=True, loop=False)
        self._config = msgspec.structs.replace(job.config, camera=camera)
        self._scenes = Scenes(self._models, self._config)

    def analyze(self, task: Task, progress: Progress = lambda _: None) -> Result:
        """Return what came of a file; one that cannot be read says why.

        Raises:
            StorageError: a picture that was asked for cannot be written.
        """
        item, job = task.item, self._job
        if item.error:
            return failed(task, job, item.error, self._labels)
        lines = open_lines(job.format, item.name, self._labels, summary=job.summary)
        began = time.monotonic()
        try:
            return replace(self._of(task, lines, progress), took_s=time.monotonic() - began)
        except StorageError:
            raise
        except (EdgeError, OSError, MemoryError, cv2.error) as e:
            return failed(task, job, _why(e, item), self._labels)

    def _of(self, task: Task, lines: Lines, progress: Progress) -> Result:
        item = task.item
        if item.kind is not Kind.RECORDING:
            try:
                return self._picture(task, lines, read_picture(item.path))
            except NoInputError:
                # Named by the user, and no picture: it may be a recording of any kind.
                if item.kind is Kind.PICTURE or not os.path.isfile(item.path):  # noqa: PTH113
                    raise
        reader = open_reader(Path(item.path), FPS)
        single = _only_frame(reader) if item.path.lower().endswith(".gif") else None
        if single is not None:  # a GIF that does not move
            return self._picture(task, lines, single)
        return self._recording(task, lines, reader, progress)

    def _picture(self, task: Task, lines: Lines, picture: Picture) -> Result:
        luma, name = picture.luma, task.item.name
        drawn = target_of(task, Kind.PICTURE)
        estimates = self._scenes.estimates(luma)
        if drawn is not None:
            annotate_picture(drawn, luma, estimates)
        if task.crop is not None and estimates:
            self._crops(task.crop).picture(luma, estimates)
        shown: dict[str, int] = {}
        for e in estimates:
            shown[e.emotion] = shown.get(e.emotion, 0) + 1
        return Result(
            task.index,
            name,
            zlib.compress(lines.picture(picture.width, picture.height, estimates), LEVEL),
            tally=Tally(pictures=1, faces=len(estimates), shown=shown),
            part=of_picture(name, luma, estimates) if self._job.report else None,
        )

    def _recording(self, task: Task, lines: Lines, reader: Reader, progress: Progress) -> Result:
        config, name = self._config, task.item.name
        clock, control, rng = ReplayClock(), Control(), random.Random(SEED)
        camera = ClockedCamera(FileCamera(reader, config.camera, clock, warn=False), clock)
        collector = SummaryCollector(self._labels, config.track.lost_s)
        spans, gatherer = Spans(), None
        text = _Text(lines)
        fps, frames = _rate_and_length(task.item.path)
        drawn = target_of(task, Kind.RECORDING)
        observers: list[Observer] = [collector, text, _Told(progress, frames)]
        if task.crop is not None:
            observers.append(self._crops(task.crop))
        if self._job.report:
            gatherer = Gatherer(self._labels)
            observers.append(gatherer)
        with ExitStack() as stack:
            stack.callback(camera.close)
            annotated = None
            if drawn is not None:
                annotated = AnnotatedRecording(drawn, fps)
                stack.callback(annotated.drop)
                observers.append(annotated)
            self._models.detector.configure(config.detect)
            p = build(
                config,
                clock,
                control,
                rng,
                boot_id="analyze",
                models=self._models,
                camera=camera,
                publisher=lambda _: spans,
                observers=observers,
            )
            run_loop(p, clock, control, HealthMonitor(camera, spans, clock, config.output.health_s))
            if annotated is not None:
                annotated.finish()
        summary = collector.finish(spans.finish(clock.now()))
        living = [f for f in summary.faces if not f.still]
        return Result(
            task.index,
            name,
            text.finish(summary, reader.cut),
            cut=reader.cut,
            tally=Tally(
                recordings=1,
                cut=int(bool(reader.cut)),  # the journal refuses a bool
                frames=summary.frames,
                faces=len(living),
                seconds=summary.seconds,
                face_seconds=summary.face_seconds,
                shown_s=_seconds(summary),
            ),
            part=gatherer.part(name, summary) if gatherer else None,
        )

    def _crops(self, beginning: str) -> Crops:
        upright = self._config.classify.upright
        assert self._models.emotion is not None  # `run` refuses --crop without it
        return Crops(beginning, self._models.emotion, upright=upright)


def failed(task: Task, job: Job, why: str, labels: Sequence[str] = ()) -> Result:
    """Return the result of a file that was skipped."""
    lines = open_lines(job.format, task.item.name, labels, summary=job.summary)
    data = zlib.compress(lines.error(why), LEVEL)
    return Result(task.index, task.item.name, data, error=why, tally=Tally(broken=1))


class _Text:
    """An observer that writes a recording's lines, deflated as they come."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._packer = zlib.compressobj(LEVEL)
        self._packed: list[bytes] = []
        self._size = (0, 0)

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        height, width = frame.luma.shape
        self._size = (width, height)
        self._packed.append(self._packer.compress(self._lines.frame(frame, estimates)))

    def finish(self, summary: Summary, cut: str) -> bytes:
        self._packed.append(self._packer.compress(self._lines.summary(*self._size, summary, cut)))
        self._packed.append(self._packer.flush())
        return b"".join(self._packed)


class _Told:
    """An observer that says how far it is."""

    def __init__(self, progress: Progress, frames: float) -> None:
        self._progress = progress
        self._frames = frames
        self._count = 0

    def frame(self, _frame: Frame, _estimates: Sequence[Estimate], /) -> None:
        self._count += 1
        if self._frames and self._count % 50 == 0:
            self._progress(min(self._count / self._frames, 1.0))


def _seconds(summary: Summary) -> dict[str, float]:
    """Return how long each emotion was shown, `unknown` among them."""
    found = {label: e.seconds for label, e in summary.emotions.items() if e.seconds}
    unknown = round(summary.face_seconds - sum(found.values()), 3)
    return found | ({UNKNOWN: unknown} if unknown > 0 else {})


def _only_frame(reader: Reader) -> Picture | None:
    """Return the picture of a file that holds just one; None: it moves."""
    found = [luma for _, luma in itertools.islice(reader.pictures(), 2)]
    if len(found) != 1 or found[0] is None:
        return None
    height, width = found[0].shape
    return Picture(found[0], width, height)


def _rate_and_length(path: str) -> tuple[float, float]:
    """Return frames a second and how many there are, as far as the file says."""
    video = capture(path, cv2.CAP_FFMPEG)
    try:
        fps, frames = video.get(cv2.CAP_PROP_FPS), video.get(cv2.CAP_PROP_FRAME_COUNT)
    finally:
        video.release()
    return fps if 0 < fps <= 240 else FPS, max(frames, 0.0)


def _why(error: Exception, item: Item) -> str:
    """Return what is wrong with a file, without its name before it."""
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    if isinstance(error, MemoryError):
        return "more memory is needed than there is"
    if isinstance(error, cv2.error):
        return f"OpenCV: {error.err or error}"
    return str(error).removeprefix(f"{item.path}: ")
