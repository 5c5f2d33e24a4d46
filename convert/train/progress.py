"""How far a training is and how long it will take, on a terminal or in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 24  # characters of the bar


def duration(seconds: float) -> str:
    """Return seconds as `1:02:03` or `2:03`."""
    s = max(0, round(seconds))
    minutes, rest = divmod(s, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """A bar that is redrawn on a terminal; elsewhere only whole lines, one an epoch."""

    def __init__(self, total: int, done: int = 0, out: TextIO | None = None) -> None:
        self._out = sys.stderr if out is None else out
        self._total = total
        self._first = done
        self._began = time.monotonic()
        self._drawn = 0.0
        self._tty = self._out.isatty()

    def left(self, done: int) -> str:
        """Return the time left by the speed so far, or `?` before there is one."""
        made = done - self._first
        if made <= 0:
            return "?"
        return duration((time.monotonic() - self._began) / made * (self._total - done))

    def step(self, done: int, text: str) -> None:
        """Redraw the bar, at most five times a second."""
        now = time.monotonic()
        if not self._tty or now - self._drawn < 0.2:
            return
        self._drawn = now
        full = round(WIDTH * done / max(1, self._total))
        bar = "#" * full + "." * (WIDTH - full)
        self._out.write(f"\r[{bar}] {text} {self.left(done)} left\x1b[K")
        self._out.flush()

    def clear(self) -> None:
        """Take the bar away."""
        if self._tty:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def line(self, text: str) -> None:
        """Write a line that stays."""
        self._out.write(("\r\x1b[K" if self._tty else "") + text + "\n")
        self._out.flush()
