"""SIGTERM and SIGINT become the end of the loop, or of a wait."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from edge.stages import Control


def stop_signal() -> Callable[[], None]:
    """Take SIGTERM and SIGINT from now on; return a function that waits for the first of them."""
    asked, ask = os.pipe()
    os.set_blocking(ask, False)

    def handle(_number: int, _frame: FrameType | None) -> None:
        # Not an Event: the thread that is interrupted may hold its lock.
        with contextlib.suppress(OSError):  # full of earlier signals
            os.write(ask, b"!")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)

    def wait() -> None:
        os.read(asked, 1)

    return wait


class Stopper:
    """Turns SIGTERM and SIGINT into the end of the loop, also while it waits for a frame."""

    def __init__(self, control: Control, close_camera: Callable[[], None]) -> None:
        """On a signal set `control.stopping` and call `close_camera`."""
        self._control = control
        self._close_camera = close_camera
        self._asked, self._ask = os.pipe()  # read and written end
        os.set_blocking(self._ask, False)
        self._over = False

    def __enter__(self) -> Stopper:
        # In a thread: the one that a handler interrupts may hold the camera's lock.
        threading.Thread(target=self._wait, name="stopper", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._wake()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        # Nothing here may take a lock: another signal may come at any line, and would wait for it.
        self._control.stopping = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full of earlier signals, or gone
            os.write(self._ask, b"!")

    def _wait(self) -> None:
        # The pipe stays open as long as the process: a late signal must not write elsewhere.
        os.read(self._asked, 1)
        if not self._over:
            self._close_camera()
