"""A camera that plays files: at their own rate, or every frame as fast as it goes."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator

import edge.config
from edge.camera.opencv import turned
from edge.camera.reader import Reader
from edge.errors import NoInputError
from edge.messages import Frame
from edge.stages import CameraStats, Clock

log = logging.getLogger(__name__)

NAP_S = 0.5  # longest sleep, so that a close is noticed between pictures of seconds


class FileCamera:
    """Frames of a recording.

    Paced, a frame comes when it is due and carries that time on the clock; frames that would
    come when their successor is already due are dropped. With `every_frame` none is dropped, and
    `t` is the time in the recording, from 0, going on over loops. With `warn` the log says so where
    a recording ends before its end.
    """

    def __init__(
        self, reader: Reader, config: edge.config.Camera, clock: Clock, *, warn: bool = True
    ) -> None:
        self._warn = warn
        self._reader = reader
        self._config = config
        self._clock = clock
        self._closed = threading.Event()
        self._dropped = 0

    def frames(self) -> Iterator[Frame]:
        """Yield the frames; ends with the file unless it loops, or after `close()`.

        Raises:
            NoInputError: nothing can be read, naming the file.
        """
        return self._replayed() if self._config.every_frame else self._paced()

    def stats(self) -> CameraStats:
        """Return the counts so far."""
        return CameraStats(dropped=self._dropped, description=self._reader.description)

    def close(self) -> None:
        """End `frames()` after the frame in hand."""
        self._closed.set()

    def _replayed(self) -> Iterator[Frame]:
        for frame in self._recorded():
            yield Frame(frame.seq, frame.t, turned(frame.luma, self._config.rotate))

    def _paced(self) -> Iterator[Frame]:
        frames = self._recorded()
        held = next(frames, None)  # waits for its successor: if that is due too, it is dropped
        started = self._clock.now()
        while held is not None and not self._closed.is_set():
            asked, due = self._clock.now(), started + held.t
            following = next(frames, None)
            took = self._clock.now() - asked
            stale = following is not None and started + following.t <= asked
            if following is not None:
                # A decoder slower than the recording slows it down; only a slow taker loses frames.
                started += max(0.0, took - (following.t - held.t))
            if stale:
                self._dropped += 1
            else:
                yield from self._due(held, due)
            held = following

    def _due(self, frame: Frame, due: float) -> Iterator[Frame]:
        while (wait := due - self._clock.now()) > 0 and not self._closed.is_set():
            self._clock.sleep(min(wait, NAP_S))
        if not self._closed.is_set():
            yield Frame(frame.seq, due, turned(frame.luma, self._config.rotate))

    def _recorded(self) -> Iterator[Frame]:
        """Yield all frames with their time in the recording, over loops."""
        offset = 0.0
        seq = itertools.count()
        while True:
            readable = False
            for t, luma in self._reader.pictures():
                if self._closed.is_set():
                    return
                n = next(seq)
                if luma is None:
                    self._dropped += 1
                    continue
                readable = True
                yield Frame(n, offset + t, luma)
            if self._reader.cut and self._warn:
                log.warning("%s: %s", self._reader.description.partition(",")[0], self._reader.cut)
                self._warn = False  # not at each loop
            if not self._config.loop:
                return
            if not readable:
                raise NoInputError(f"{self._reader.description}: nothing to loop over")
            offset += self._reader.length_s
