"""`emotion-edge replay`: a recording through the real pipeline."""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.common import add_config_options, load_config
from edge.errors import UsageError
from edge.streams import tell

if TYPE_CHECKING:
    from edge.config import Config
    from edge.publish import Identity
    from edge.stages import Observer, Publisher

SEED = 0  # of track and event ids: the same recording gives the same lines
DEFAULT_FPS = 30.0  # 1/s, of an annotated video, where the configuration says nothing better


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay",
        help="run a recording through the pipeline, every frame, and print its events",
        description="Prints one CloudEvents JSON line an event, or with --frames one JSON line a "
        "frame. The same file and configuration give the same lines. For photographs: analyze.",
    )
    parser.add_argument(
        "file", metavar="FILE", help="video, GIF, or folder of images: the frames of one recording"
    )
    parser.add_argument("--frames", action="store_true", help="one line a frame instead of events")
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="OUT",
        help="draw boxes, tracks, labels and scores into OUT.mp4, or into PNGs in a folder OUT "
        "that has no frames yet",
    )
    parser.add_argument("--stats", action="store_true", help="print speed and memory at the end")
    add_config_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay; events or frames go to standard output, progress and figures to standard error.

    Raises:
        UsageError: it is a camera; or one picture, in which nobody can be followed; or what is
            drawn would be written over it or among the frames of another run.
    """
    # A folder may be called like a camera: 7, rpicam. Made absolute, the name of the folder that we
    # are in would be held to the rules of a source.
    there = os.path.exists(args.file)  # noqa: PTH110 - Path's raises for too long a name
    path = Path(args.file)
    source = args.file if not there else str(path) if path.is_absolute() else f"./{path}"
    config = load_config(
        args, [f"camera.source={source}", "camera.every_frame=true", "camera.loop=false"]
    )
    _refuse_camera(config)
    _refuse_picture(args.file)
    if args.annotate is not None and os.path.realpath(args.annotate) == os.path.realpath(args.file):
        raise UsageError(
            f"--annotate: got {args.annotate}: would be written over while it is read; allowed: "
            "another file or folder"
        )
    from edge.build import build
    from edge.camera import open_camera
    from edge.health import HealthMonitor
    from edge.loop import run as run_loop
    from edge.publish.event_builder import EventBuilder
    from edge.publish.jsonl import EventsOnly
    from edge.service import logs
    from edge.stages import Control
    from edge.tools.annotate import Annotator
    from edge.tools.replay import BOOT_ID, ClockedCamera, FrameLines, Progress, ReplayClock, line

    logs.setup(config.log.level)
    clock, control, rng = ReplayClock(), Control(), random.Random(SEED)
    out = sys.stdout

    def publisher(identity: Identity) -> Publisher:
        # Ids of events from a source of their own, or tracks would have others than with --frames.
        ids = random.Random(f"{SEED} events")
        builder = EventBuilder(identity, clock, ids, synced=lambda: False)
        return EventsOnly(builder, None if args.frames else lambda e: _print(line(e)))

    with ExitStack() as stack:
        camera = ClockedCamera(open_camera(config.camera, clock, rng), clock)
        stack.callback(camera.close)
        observers: list[Observer] = []
        if args.frames:
            observers.append(FrameLines(out))
        if args.annotate is not None:
            annotator = Annotator(args.annotate, _fps(args.file))
            stack.callback(annotator.close)
            observers.append(annotator)
        progress = Progress(sys.stderr, now=time.monotonic, total=_count(args.file))
        stack.callback(progress.close)
        observers.append(progress)
        began = time.monotonic()
        p = build(
            config,
            clock,
            control,
            rng,
            boot_id=BOOT_ID,
            camera=camera,
            publisher=publisher,
            observers=observers,
        )
        loaded = time.monotonic()
        health = HealthMonitor(camera, p.publisher, clock, config.output.health_s)
        run_loop(p, clock, control, health)
    out.flush()
    if args.stats:
        _stats(health.frames, loaded - began, time.monotonic() - loaded)
    return 0


def _refuse_camera(config: Config) -> None:
    from edge.camera import is_live, redacted

    if is_live(config.camera):  # its clock is not that of a recording: this would never end
        raise UsageError(
            f"{redacted(config.camera.source)}: a camera or stream; allowed: a video, GIF or "
            "folder of frames. For a camera: emotion-edge run, or emotion-edge preview"
        )


def _refuse_picture(file: str) -> None:
    from edge.camera.reader import IMAGE_SUFFIXES

    if Path(file).suffix.lower() in IMAGE_SUFFIXES and Path(file).is_file():
        raise UsageError(
            f"{file}: one picture; allowed: a video, GIF or folder of frames, in which faces are "
            f"followed. What a photograph shows: emotion-edge analyze {shlex.quote(file)}"
        )


def _print(text: str) -> None:
    sys.stdout.write(text)


def _stats(frames: int, load_s: float, run_s: float) -> None:
    from edge.host import memory_mb

    figures = {
        "frames": frames,
        "load_s": round(load_s, 3),
        "run_s": round(run_s, 3),
        "frames_per_s": round(frames / max(run_s, 1e-9), 1),
        "cpu_s": round(time.process_time(), 3),
        "memory_mb": memory_mb(),
    }
    tell(sys.stderr, f"{json.dumps(figures)}\n")


def _video_property(file: str, which: str) -> float:
    import cv2

    from edge.camera.opencv import capture

    if not Path(file).is_file():
        return 0.0
    video = capture(file, cv2.CAP_FFMPEG)
    try:
        return float(video.get(getattr(cv2, which)))
    finally:
        video.release()


def _fps(file: str) -> float:
    rate = _video_property(file, "CAP_PROP_FPS")
    return rate if 0 < rate <= 240 else DEFAULT_FPS


def _count(file: str) -> int | None:
    return int(_video_property(file, "CAP_PROP_FRAME_COUNT")) or None
