"""A recording through the whole pipeline in this process, as `emotion-edge replay` does it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from edge.build import build
from edge.camera import open_camera
from edge.config import Config
from edge.contract import Event
from edge.health import HealthMonitor
from edge.loop import run
from edge.publish.event_builder import EventBuilder
from edge.publish.jsonl import EventsOnly
from edge.stages import Control
from edge.tools.replay import BOOT_ID, ClockedCamera, ReplayClock


def replay(
    config: Config,
    heard: Callable[[Event], None] | None = None,
    observers: Sequence[Any] = (),
) -> None:
    """Play `config.camera.source` to its end.

    Args:
        config: with `camera.every_frame` on and `camera.loop` off.
        heard: is given each event.
        observers: are given each frame, see `edge.pipeline`.
    """
    clock, control, rng = ReplayClock(), Control(), random.Random(1)
    camera = ClockedCamera(open_camera(config.camera, clock, rng), clock)

    def publisher(identity: Any) -> EventsOnly:
        return EventsOnly(EventBuilder(identity, clock, rng, synced=lambda: False), heard)

    try:
        pipeline = build(
            config, clock, control, rng, boot_id=BOOT_ID, camera=camera, publisher=publisher,
            observers=observers,
        )  # fmt: skip
        health = HealthMonitor(camera, pipeline.publisher, clock, config.output.health_s)
        run(pipeline, clock, control, health)
    finally:
        camera.close()
