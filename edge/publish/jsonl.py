"""Events as JSON Lines on a stream: the sink where no broker is configured."""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO

import msgspec

from edge.config import Config
from edge.contract import Event, Health, encode
from edge.errors import StorageError
from edge.messages import Estimate, PipelineEvent, Status
from edge.publish.event_builder import EventBuilder
from edge.stages import Control, OutboxStats

log = logging.getLogger(__name__)

WAITING_MOST = 1000  # lines for a reader that stalls; about 1 MB


def lines_wanted(config: Config) -> bool:
    """Return whether events are written to standard output, as `output.stdout` says."""
    return config.output.stdout == "on" or (config.output.stdout == "auto" and not config.mqtt.host)


class JsonLines:
    """Writes one line an event, at once.

    Where that is all there is, a reader that went away ends the program quietly, and a disk that is
    full with exit code 74. Beside a broker, the lines are dropped and the daemon goes on.
    """

    def __init__(
        self, control: Control, stream: BinaryIO | None = None, *, alone: bool = True
    ) -> None:
        """Write to `stream`, or to standard output; `alone`: events go nowhere else."""
        self._control = control
        self._stream = stream if stream is not None else sys.stdout.buffer
        self._alone = alone
        self._broken = False

    def event(self, event: Event) -> None:
        """Write one event; waits where the reader does."""
        self.write(encode(event))

    def write(self, payload: bytes) -> None:
        """Write one encoded event; waits where the reader does."""
        if self._broken:
            return
        try:
            self._stream.write(payload + b"\n")
            self._stream.flush()
        except (BrokenPipeError, ValueError):  # ValueError: the stream was closed
            self._give_up("its reader is gone")
        except OSError as e:
            if self._alone:
                self._control.failure = StorageError(f"standard output: {e.strerror}")
            self._give_up(e.strerror or str(e))

    def _give_up(self, why: str) -> None:
        self._broken = True
        with contextlib.suppress(OSError, ValueError):
            self._stream.close()  # or the interpreter complains when it flushes at exit
        if self._alone:
            self._control.stopping = True
        else:
            log.warning("standard output: %s; events go to the broker only", why)


class LinesAside:
    """Writes lines in a thread of its own, so that a stalled reader stalls nothing else."""

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines
        self._queue: queue.Queue[bytes | None] = queue.Queue(WAITING_MOST)
        self._full = False
        self._thread = threading.Thread(target=self._run, name="stdout", daemon=True)
        self._thread.start()

    def write(self, payload: bytes) -> None:
        """Hand over one event; dropped (the broker still gets it) when the reader is far behind."""
        try:
            if self._queue.empty():
                self._full = False
            self._queue.put_nowait(payload)
        except queue.Full:
            if not self._full:
                log.warning("standard output: its reader stalls; events are not written to it")
            self._full = True

    def close(self, timeout_s: float) -> None:
        """Write what waits, as far as the reader takes it in time."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=timeout_s)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (payload := self._queue.get()) is not None:
            self._lines.write(payload)


class EventsOnly:
    """A `Publisher` that hands events on, numbered from 1 in each run, and keeps nothing."""

    def __init__(self, builder: EventBuilder, write: Callable[[Event], None] | None) -> None:
        self._builder = builder
        self._write = write  # None: nobody listens, not even here
        self._seq = 0

    def configure(self, config: Config, /) -> None:
        """Nothing: whoever made it chose where events go."""

    def publish(self, event: PipelineEvent, /) -> None:
        """Write the event; a slow reader slows the loop down, which is what a pipe is for."""
        if self._write is None:
            return
        self._seq += 1
        made = self._builder.event(event)
        data = msgspec.structs.replace(made.data, seq=self._seq)
        self._write(msgspec.structs.replace(made, data=data))

    def state(self, t: float, estimates: Sequence[Estimate], status: Status, /) -> None:
        """Nothing: the stream has events only."""

    def health(self, health: Health, /) -> None:
        """Nothing: the stream has events only."""

    def stats(self) -> OutboxStats:
        """Nothing ever waits."""
        return OutboxStats()

    def close(self, timeout_s: float, /) -> None:
        """Nothing is left to write."""


class StandardOutput(EventsOnly):
    """The publisher where no broker is configured."""

    def __init__(self, builder: EventBuilder, lines: JsonLines, config: Config) -> None:
        super().__init__(builder, None)
        self._lines = lines
        self.configure(config)

    def configure(self, config: Config, /) -> None:
        """Write lines, or nothing, as `output.stdout` says."""
        self._write = self._lines.event if lines_wanted(config) else None
