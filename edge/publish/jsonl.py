"""Events as JSON Lines on a stream: the sink where no broker is configured."""

from __future__ import annotations

import contextlib
import logging
import random
import sys
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from edge.contract import Health, encode
from edge.messages import Change, Mood
from edge.publish.identity import Identity
from edge.publish.stamp import Stamper
from edge.stages import Clock, Control, OutboxStats

log = logging.getLogger(__name__)


class JsonLines:
    """Writes one line an event, at once. A reader that went away ends the program quietly."""

    def __init__(self, control: Control, stream: BinaryIO | None = None) -> None:
        self._control = control
        self._stream = stream if stream is not None else sys.stdout.buffer
        self._broken = False

    def write(self, payload: bytes) -> None:
        """Write one event; waits where the reader does."""
        if self._broken:
            return
        try:
            self._stream.write(payload + b"\n")
            self._stream.flush()
        except (BrokenPipeError, ValueError):  # ValueError: the stream was closed
            self._broken = True
            self._control.stopping = True
            with contextlib.suppress(OSError, ValueError):
                self._stream.close()  # or the interpreter complains when it flushes at exit
        except OSError as e:
            self._broken = True
            self._control.stopping = True
            log.error("standard output: %s", e.strerror)


class JsonLinesPublisher:
    """A `Publisher` of events only. `seq` begins at 1 in each run: nothing is kept."""

    def __init__(
        self, identity: Identity, clock: Clock, rng: random.Random, lines: JsonLines | None
    ) -> None:
        self._lines = lines  # None: nobody listens, not even here
        self._stamper = Stamper(identity, clock, rng)
        self._seq = 0

    def publish(self, change: Change, /) -> None:
        """Write the event; a slow reader slows the loop down, which is what a pipe is for."""
        if self._lines is None:
            return
        self._seq += 1
        event = self._stamper.event(change)
        data = msgspec.structs.replace(event.data, seq=self._seq)
        self._lines.write(encode(msgspec.structs.replace(event, data=data)))

    def state(self, t: float, moods: Sequence[Mood], status: str, /) -> None:
        """Nothing: the stream has events only."""

    def health(self, health: Health, /) -> None:
        """Nothing: the stream has events only."""

    def stats(self) -> OutboxStats:
        """Nothing ever waits."""
        return OutboxStats()

    def close(self, timeout_s: float, /) -> None:
        """Nothing is left to write: each line was flushed."""
