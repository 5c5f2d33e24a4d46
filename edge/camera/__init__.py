"""Where frames come from. `open_camera` chooses the source; all are behind `edge.stages.Camera`."""

from __future__ import annotations

import random
from pathlib import Path

import edge.config
from edge.camera.file import FileCamera
from edge.camera.reader import open_reader
from edge.stages import Camera, Clock

__all__ = ["open_camera"]


def open_camera(config: edge.config.Camera, clock: Clock, rng: random.Random) -> Camera:
    """Return the camera that `config.source` names; a live one begins in `frames()`.

    Args:
        config: the section `camera`.
        clock: paces files and stamps frames.
        rng: spreads the waits before a live source is opened again.

    Raises:
        NoInputError: a file or folder that is not there or has nothing in it.
    """
    return FileCamera(open_reader(Path(config.source), config.fps), config, clock)
