"""The pipeline of `run` with nobody to publish to, and settings that change while it looks."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from edge.camera.opencv import turned
from edge.config import Config, Mqtt
from edge.contract import Health
from edge.messages import CameraLost, Estimate, Frame, PipelineEvent
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
        alert=r(config.alert, enabled=False),
    )


class Bystander:
    """A publisher that publishes nothing; it remembers how things are."""

    def __init__(self) -> None:
        self.health_now: Health | None = None
        self.status = "starting"
        self.line = "opening the camera"

    def publish(self, event: PipelineEvent, /) -> None:
        """Nothing."""

    def state(self, t: float, estimates: Sequence[Estimate], status: str, /) -> None:
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


class SharedCamera:
    """One camera under several pipelines, one after the other; turns the pictures itself.

    `frames()` ends whenever `interrupt` was called, and the next one goes on where it ended: the
    camera stays open while a new pipeline takes over.
    """

    def __init__(self, camera: Camera, config: Config) -> None:
        """Take frames of `camera`, which must not turn them."""
        self._camera = camera
        self._items = camera.frames()
        self._interrupted = threading.Event()
        self.rotate = config.camera.rotate
        self.ended = False

    def frames(self) -> Iterator[Frame | CameraLost]:
        """Yield frames until interrupted, or until the camera has no more."""
        while not self._interrupted.is_set():
            item = next(self._items, None)
            if item is None:
                self.ended = True
                return
            if isinstance(item, Frame):
                item = Frame(item.seq, item.t, turned(item.luma, self.rotate))
            yield item
        self._interrupted.clear()

    def interrupt(self) -> None:
        """End `frames()` at the next frame; from any thread."""
        self._interrupted.set()

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

    def __init__(self, interrupt: Callable[[], None]) -> None:
        """Call `interrupt` whenever there is one."""
        self._queue: queue.SimpleQueue[Wish] = queue.SimpleQueue()
        self._interrupt = interrupt

    def put(self, wish: Wish) -> None:
        """Ask; from any thread."""
        self._queue.put(wish)
        self._interrupt()

    def take(self) -> Iterator[Wish]:
        """Yield those that wait."""
        while not self._queue.empty():
            yield self._queue.get()
