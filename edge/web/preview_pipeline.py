"""The pipeline of `run` with nobody to publish to, and settings that change while it looks."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from edge.camera.opencv import turned
from edge.config import Config
from edge.config_emotion import Alert
from edge.config_publish import Mqtt
from edge.contract import Health
from edge.messages import Estimate, Frame, FromCamera, PipelineEvent, Status
from edge.stages import Camera, CameraStats, OutboxStats

log = logging.getLogger(__name__)


def private(config: Config) -> Config:
    """Return `config` without anything that leaves this machine, and ready for a live look."""
    r = msgspec.structs.replace
    return r(
        config,
        # A recording plays on until one has seen enough.
        camera=r(config.camera, loop=True, every_frame=False),
        mqtt=Mqtt(),
        output=r(config.output, stdout="off", health_s=1.0),
        alert=Alert(),
    )


class Bystander:
    """A publisher that publishes nothing; it remembers how things are."""

    def __init__(self) -> None:
        self.health_now: Health | None = None
        self.status = "starting"
        self.line = "opening the camera"

    def configure(self, config: Config, /) -> None:
        """Nothing."""

    def publish(self, event: PipelineEvent, /) -> None:
        """Nothing."""

    def state(self, t: float, estimates: Sequence[Estimate], status: Status, /) -> None:
        """Remember."""
        self.status = status

    def health(self, health: Health, /) -> None:
        """Remember."""
        self.health_now = health

    def said(self, line: str) -> None:
        """Remember the line that a service manager would get."""
        self.line = line

    def stats(self) -> OutboxStats:
        """Return zeros: nothing waits."""
        return OutboxStats()

    def close(self, timeout_s: float, /) -> None:
        """Nothing to close."""


class RotatedCamera:
    """A camera whose pictures are turned here, so that the angle can change while it runs."""

    def __init__(self, camera: Camera, config: Config) -> None:
        """Take frames of `camera`, which must not turn them."""
        self._camera = camera
        self.rotate = config.camera.rotate

    def frames(self) -> Iterator[FromCamera]:
        """Yield the camera's frames, turned."""
        for item in self._camera.frames():
            if isinstance(item, Frame):
                item = Frame(item.seq, item.t, turned(item.luma, self.rotate))
            yield item

    def stats(self) -> CameraStats:
        """Return the camera's counts."""
        return self._camera.stats()

    def close(self) -> None:
        """Close the camera; from any thread."""
        self._camera.close()


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody at the page asks for: `verb` is set, reset or save."""

    verb: str
    changes: dict[str, object]


class Wishes:
    """Carries wishes from the page's thread to the loop's."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Wish] = queue.SimpleQueue()

    def put(self, wish: Wish) -> None:
        """Ask; from any thread."""
        self._queue.put(wish)

    def take(self) -> Iterator[Wish]:
        """Yield those that wait."""
        while not self._queue.empty():
            yield self._queue.get()
