"""Keeps what native libraries print to themselves, unless it is needed to explain a failure."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet(tail: int = 4000) -> Iterator[None]:
    """Capture file descriptors 1 and 2; the last `tail` bytes are shown when the body raises.

    The TensorFlow Lite converter prints from C++, past `sys.stdout`, so only descriptors help.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 1)
        os.dup2(noise.fileno(), 2)
        # Python's own streams may write elsewhere than to descriptors 1 and 2. Never closed here:
        # a logging handler that is made meanwhile keeps it.
        words = io.TextIOWrapper(io.FileIO(os.dup(noise.fileno()), "w"), write_through=True)
        try:
            with redirect_stdout(words), redirect_stderr(words):
                yield
        except BaseException:
            _restore(saved)
            noise.seek(max(0, noise.seek(0, os.SEEK_END) - tail))
            sys.stderr.write(noise.read().decode(errors="replace"))
            raise
        else:
            _restore(saved)


def _restore(saved: tuple[int, int]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    for number, copy in zip((1, 2), saved, strict=True):
        os.dup2(copy, number)
        os.close(copy)
