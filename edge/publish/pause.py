"""A pause that was asked for, kept beside the outbox: it holds over a restart, until `resume`."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from edge.stages import Control

log = logging.getLogger(__name__)

SUFFIX = ".paused"  # after the outbox's name; the file is empty, that it is there says all
WAIT_S = 1.0  # for the disk, before a request is answered; a disk that hangs stops no answer


class Pause:
    """Sets `control.paused`, and keeps it. For any thread; never raises for a disk.

    A pause counts from the instant it is asked for. That it cannot be kept is logged.
    """

    def __init__(self, control: Control, outbox: Path | None) -> None:
        """Go on with the pause that is kept beside the file `outbox`; None: nowhere."""
        self._control = control
        self._path = outbox.with_name(outbox.name + SUFFIX) if outbox is not None else None
        self._lock = threading.Lock()
        self._asked = False  # in this run
        self._wanted = False  # on the disk
        self._kept: bool | None = None  # on the disk; None: it is not known
        self._writing = False
        self._told = False  # that it cannot be kept
        self.look()

    def look(self) -> None:
        """Hold to a pause of an earlier run; again, when a disk is there that was not at start."""
        with self._lock:
            if self._path is None or self._asked or self._control.paused:
                return
            try:
                self._path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return
            except OSError as e:
                log.warning("%s: %s; a pause of the last run may be over", self._path, e.strerror)
                return
            self._wanted = self._kept = self._control.paused = True
        log.info("still paused: %s is kept over restarts until `request/resume`", self._path)

    def set(self, on: bool) -> None:
        """Pause or resume now, and keep that."""
        if self._control.paused != on:
            log.info("request: %s", "pause" if on else "resume")
        with self._lock:
            self._asked, self._wanted = True, on
            self._control.paused = on
            self._told = False
        writer = self._write_aside()
        if writer is not None:
            writer.join(WAIT_S)

    def keep(self) -> None:
        """Try again to keep what could not be kept."""
        self._write_aside()

    def _write_aside(self) -> threading.Thread | None:
        with self._lock:
            if not self._asked or self._wanted == self._kept or self._writing:
                return None
            if self._path is None:
                if self._wanted:
                    log.warning("the pause ends with this run: the outbox is in memory")
                self._kept = self._wanted
                return None
            writer = threading.Thread(
                target=self._write, args=(self._path,), name="pause", daemon=True
            )
            self._writing = True
        writer.start()
        return writer

    def _write(self, path: Path) -> None:
        while True:
            wanted, failure = self._wanted, ""
            try:
                _set(path, there=wanted)
            except OSError as e:
                failure = e.strerror or str(e)
            with self._lock:
                self._kept = None if failure else wanted
                again = wanted != self._wanted
                first, self._told = bool(failure) and not self._told, bool(failure)
                self._writing = again
            if first:
                end = "a restart would end the pause" if wanted else "a restart would pause again"
                log.warning("%s: %s; %s", path, failure, end)
            if not again:
                return


def _set(path: Path, *, there: bool) -> None:
    """Make or remove an empty file, and wait until the disk has that: for a pulled cable."""
    if there:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644))
    else:
        path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
