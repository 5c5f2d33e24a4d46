"""The daemon from start to end: builds the pipeline, runs it, closes whatever was opened."""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from collections.abc import Callable

from edge.build import PublisherMaker, build
from edge.config import Config
from edge.health import HealthMonitor
from edge.loop import run
from edge.messages import Reason
from edge.publish import read_boot_id
from edge.publish.metered import metered
from edge.service.notify import Notifier
from edge.service.reload import Reloader
from edge.service.status import StatusLine
from edge.service.stopper import Stopper
from edge.stages import Clock, Control

log = logging.getLogger(__name__)

CLOSE_S = 1.5  # s for the last messages; the promise is an exit within 2 s of SIGTERM


def fresh_rng() -> random.Random:
    """Return a random source that no other run shares.

    Ids must not repeat, and the back-offs of a fleet must not fall together.
    """
    return random.Random(os.urandom(16))


def serve(
    config: Config,
    clock: Clock,
    control: Control,
    rng: random.Random,
    publisher: PublisherMaker,
    load: Callable[[], Config] | None = None,
) -> int:
    """Build the pipeline and run it until it is stopped or its source ends.

    Args:
        config: effective configuration.
        clock: the real one.
        control: set by signals and requests.
        rng: source of ids and back-off times.
        publisher: makes what events are handed to.
        load: reads the configuration again, when SIGHUP asks for it; None: SIGHUP is not handled.

    Returns:
        How many frames went through.

    Raises:
        EdgeError: something needed is missing or wrong.
    """
    notifier = Notifier.from_env()
    status = StatusLine(notifier.status)
    p = build(
        config,
        clock,
        control,
        rng,
        boot_id=read_boot_id(),
        publisher=metered(publisher, config.metrics) if config.metrics.enabled else publisher,
        cpu_s=time.process_time,
    )
    health = HealthMonitor(
        p.camera,
        p.publisher,
        clock,
        config.output.health_s,
        _Progress(notifier.ready, notifier.progress),
        status.doing,
        p.budget.scale,
        status.problems,
    )
    reloader = Reloader(p, health, load or (lambda: config), notifier, clock, status.restart_for)
    if load is not None and not os.isatty(0):  # at a terminal, SIGHUP is the end of it
        signal.signal(signal.SIGHUP, reloader.ask)
    try:
        with Stopper(control, p.camera.close):
            run(p, clock, control, health, reloader.poll)
    finally:
        notifier.stopping()
        p.camera.close()
        for event in p.rules.lose_sight(clock.now(), Reason.STOPPED):
            p.publisher.publish(event)
        p.publisher.close(CLOSE_S)
        log.info("stopped after %d frames", health.frames)
        notifier.close()
    if control.failure is not None:
        raise control.failure
    return health.frames


class _Progress:
    """Says READY with the first frame, or with word that the camera is being retried."""

    def __init__(self, ready: Callable[[], None], progress: Callable[[float], None]) -> None:
        self._ready: Callable[[], None] | None = ready
        self._progress = progress

    def __call__(self, t: float) -> None:
        if self._ready is not None:
            self._ready()
            self._ready = None
            log.info("ready")
        self._progress(t)
