"""A child whose output is pictures: started, told what to do, and read without waiting."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
from collections.abc import Mapping

import numpy as np

from edge.camera.opencv import Luma

PIPE_BYTES = 1 << 20  # asked for, so that a frame takes few reads; unprivileged maximum


def start(
    command: list[str], env: Mapping[str, str], order: Mapping[str, object], stderr: int
) -> subprocess.Popen[bytes]:
    """Start a module of `edge.child` with an order on its standard input.

    Args:
        command: of the child.
        env: its whole environment.
        order: what it reads, as JSON.
        stderr: `subprocess.PIPE` or `subprocess.DEVNULL`; pipes are read without waiting.

    Raises:
        OSError: it cannot be started, or did not take the order.
    """
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        bufsize=0,
        env=dict(env),
        start_new_session=True,  # a terminal's Ctrl-C is for the daemon
    )
    try:
        assert child.stdin is not None and child.stdout is not None
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        with contextlib.suppress(OSError):  # the pipe stays at its default size
            fcntl.fcntl(child.stdout.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        with child.stdin as told:
            told.write(json.dumps(order).encode())
    except OSError:
        end(child)
        raise
    return child


def end(child: subprocess.Popen[bytes]) -> None:
    """Kill and reap a child, and close its pipes."""
    child.kill()
    child.wait()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


class Awaited:
    """So many bytes of a pipe, which come in as many reads as it takes.

    A new one each time, because whoever got the last picture still holds its bytes.
    """

    def __init__(self, count: int) -> None:
        self.data: Luma = np.empty(count, np.uint8)
        self.filled = 0  # bytes of `data` that are there

    def fill(self, fd: int) -> bool:
        """Read what is there; return whether all came.

        Raises:
            EOFError: the pipe was closed at its other end.
        """
        view = self.data.data
        while self.filled < len(view):
            try:
                got = os.readv(fd, [view[self.filled :]])
            except BlockingIOError:
                return False
            if got == 0:
                raise EOFError
            self.filled += got
        return True
