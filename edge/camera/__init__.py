"""Where frames come from. `open_camera` chooses the source; all are behind `edge.stages.Camera`."""

from __future__ import annotations

import random
from pathlib import Path

import edge.config
from edge.camera.command import CommandSource
from edge.camera.file import FileCamera
from edge.camera.live import LiveCamera
from edge.camera.reader import open_reader
from edge.camera.source import LiveSource, SourceLostError
from edge.camera.stream import SCHEMES, StreamSource
from edge.camera.v4l2 import V4l2Source
from edge.errors import ConfigError, NoInputError
from edge.redact import redacted
from edge.stages import Camera, Clock

__all__ = ["is_live", "open_camera", "probe", "redacted"]


def open_camera(config: edge.config.Camera, clock: Clock, rng: random.Random) -> Camera:
    """Return the camera that `config.source` names; a live one is opened by `frames()`.

    Args:
        config: the section `camera`.
        clock: paces files and stamps frames.
        rng: spreads the waits before a live source is opened again.

    Raises:
        NoInputError: a file or folder that is not there or has nothing in it.
        ConfigError: a source that makes no sense.
    """
    live = _live_source(config)
    if live is not None:
        return LiveCamera(live, config, clock, rng)
    return FileCamera(open_reader(Path(config.source), config.fps), config, clock)


def is_live(config: edge.config.Camera) -> bool:
    """Return whether `config.source` is a camera or stream, not a file; see `open_camera`."""
    return _live_source(config) is not None


def probe(config: edge.config.Camera, clock: Clock) -> str:
    """Take one picture and return one line that says what was granted.

    Raises:
        NoInputError: there is no picture to be had; says what to do.
        ConfigError: a source that makes no sense.
    """
    live = _live_source(config)
    if live is None:
        reader = open_reader(Path(config.source), config.fps)
        for _, luma in reader.pictures():
            if luma is not None:
                break
        return reader.description
    try:
        description = live.open()
        deadline = clock.now() + config.open_timeout_s + config.stall_s
        while live.read() is None:
            if clock.now() > deadline:
                raise SourceLostError("opens, but no picture comes")
        return description
    except SourceLostError as e:
        raise NoInputError(f"{live.name}: {e}") from e
    finally:
        live.close()


def _live_source(config: edge.config.Camera) -> LiveSource | None:
    """Return the raw live source that is named; None: it is a file or folder."""
    source = config.source
    if source in ("rpicam", "command"):
        if source == "command" and not config.command:
            raise ConfigError("camera.command: got []; allowed: a program and its arguments")
        return CommandSource(config)
    path = Path(source)
    try:
        missing = source.startswith("/dev/") and not path.exists()  # it may yet be plugged in
        if source.isdecimal() or missing or path.is_char_device():
            return V4l2Source(config)
    except OSError as e:  # no permission, or too long a name
        raise NoInputError(f"{redacted(source)}: {e.strerror}") from e
    scheme, separator, _ = source.partition("://")
    if not separator:
        return None
    if scheme.lower() not in SCHEMES:
        raise ConfigError(
            f"camera.source: got {redacted(source)}; allowed: a file, a folder, a device, "
            f"rpicam, command, or an address with {', '.join(SCHEMES)}"
        )
    return StreamSource(config)
