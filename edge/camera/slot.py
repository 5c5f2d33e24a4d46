"""A place for one frame: whoever takes gets the newest, whoever puts never waits."""

from __future__ import annotations

import threading

from edge.messages import Frame


class Slot:
    """Hands the newest frame from one thread to another and counts those never taken."""

    def __init__(self) -> None:
        # The default, a re-entrant lock: `close` may run in a signal handler of the taking thread.
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._interruption: str | None = None
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Frames that were put and never taken."""
        return self._dropped

    def put(self, frame: Frame) -> None:
        """Offer a frame in place of the one still waiting, if any."""
        with self._changed:
            self._drop()
            self._frame = frame
            self._changed.notify()

    def interrupt(self, why: str) -> None:
        """Drop what waits and make the current or next `take` return `why` at once."""
        with self._changed:
            self._drop()
            self._interruption = why
            self._changed.notify()

    def take(self, timeout_s: float) -> Frame | str | None:
        """Return the newest frame, or why there was an interruption; None after the timeout."""
        with self._changed:
            if self._frame is None and self._interruption is None and not self._closed:
                self._changed.wait(timeout_s)
            if self._interruption is not None:  # before a frame that came after it
                why, self._interruption = self._interruption, None
                return why
            frame, self._frame = self._frame, None
            return frame

    def close(self) -> None:
        """Wake the taker; from any thread and from signal handlers, any number of times."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _drop(self) -> None:
        if self._frame is not None:
            self._dropped += 1
            self._frame = None
