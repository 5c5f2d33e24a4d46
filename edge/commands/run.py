"""`emotion-edge run`: the daemon."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import random
import resource
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from edge.commands.common import add_service_options, load_config

if TYPE_CHECKING:
    from edge.build import PublisherMaker
    from edge.config import Config
    from edge.stages import Clock, Control

log = logging.getLogger(__name__)

CLOSE_S = 1.5  # s for the last messages; the promise is an exit within 2 s of SIGTERM


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run", help="watch the configured camera and publish events until stopped"
    )
    add_service_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM, SIGINT, or the end of a file."""
    import faulthandler

    from edge.clock import SystemClock
    from edge.service import logs

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold pictures and passwords
    config = load_config(args)
    logs.setup(config.log.level)
    with contextlib.suppress(ValueError, RuntimeError):  # started with standard error closed
        faulthandler.enable()  # the watchdog's SIGABRT then says where it hung
    serve(config, SystemClock(), reload=lambda: load_config(args))
    return 0


def serve(
    config: Config,
    clock: Clock,
    publisher: PublisherMaker | None = None,
    reload: Callable[[], Config] | None = None,
) -> int:
    """Build the pipeline and run it to its end; whatever was opened is closed.

    Args:
        config: effective configuration.
        clock: the real one.
        publisher: instead of the configured one.
        reload: reads the configuration again, when SIGHUP asks for it.

    Returns:
        How many frames went through.

    Raises:
        EdgeError: something needed is missing or wrong.
    """
    from edge.build import build
    from edge.health import HealthMonitor
    from edge.loop import run as run_loop
    from edge.publish import open_publisher, read_boot_id
    from edge.publish.metered import metered
    from edge.service.notify import Notifier
    from edge.stages import Control

    notifier = Notifier.from_env()
    control = Control()
    # Not seeded: ids must not repeat, and the back-offs of a fleet must not fall together.
    rng = random.Random(os.urandom(16))
    maker = publisher or open_publisher
    p = build(
        config,
        clock,
        control,
        rng,
        boot_id=read_boot_id(),
        publisher=metered(maker) if config.metrics.enabled else maker,
        cpu_s=time.process_time,
    )
    progress = _Progress(notifier.ready, notifier.progress)
    if reload is not None and not os.isatty(0):  # at a terminal, SIGHUP is the end of it
        from edge.service.reload import Reloader

        reloader = Reloader(p, config, reload, notifier)
        signal.signal(signal.SIGHUP, reloader.ask)
        progress.between_frames = reloader.poll
    health = HealthMonitor(
        p.camera,
        p.publisher,
        clock,
        config.output.health_s,
        progress,
        notifier.status,
        p.budget.scale,
    )
    try:
        with Stopper(control, p.camera.close):
            run_loop(p, clock, control, health)
    finally:
        notifier.stopping()
        p.camera.close()
        p.publisher.close(CLOSE_S)
        log.info("stopped after %d frames", health.frames)
        notifier.close()
    return health.frames


class _Progress:
    """Says READY with the first frame, or with word that the camera is being retried."""

    def __init__(self, ready: Callable[[], None], progress: Callable[[float], None]) -> None:
        self._ready: Callable[[], None] | None = ready
        self._progress = progress
        self.between_frames: Callable[[float], None] = lambda _t: None

    def __call__(self, t: float) -> None:
        if self._ready is not None:
            self._ready()
            self._ready = None
            log.info("ready")
        self._progress(t)
        self.between_frames(t)


class Stopper:
    """Turns SIGTERM and SIGINT into the end of the loop, also while it waits for a frame."""

    def __init__(self, control: Control, close_camera: Callable[[], None]) -> None:
        """On a signal set `control.stopping` and call `close_camera`."""
        self._control = control
        self._close_camera = close_camera
        self._asked, self._ask = os.pipe()  # read and written end
        os.set_blocking(self._ask, False)
        self._over = False

    def __enter__(self) -> Stopper:
        # In a thread: the one that a handler interrupts may hold the camera's lock.
        threading.Thread(target=self._wait, name="stopper", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._wake()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        # Nothing here may take a lock: another signal may come at any line, and would wait for it.
        self._control.stopping = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full of earlier signals, or gone
            os.write(self._ask, b"!")

    def _wait(self) -> None:
        # The pipe stays open as long as the process: a late signal must not write elsewhere.
        os.read(self._asked, 1)
        if not self._over:
            self._close_camera()
