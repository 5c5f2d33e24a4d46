"""Standard streams, whatever they are: a terminal, a pipe without a reader, a full disk."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import sys
from typing import TextIO


def open_closed() -> None:
    """Open what the process was started without (`2>&-`), to nowhere.

    Otherwise the next file that is opened is standard error, and written over.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            os.set_inheritable(nowhere, True)
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            any_name = "surrogateescape" if number == 0 else "backslashreplace"
            stream = open(  # noqa: SIM115  # stays
                number, mode, encoding="utf-8", errors=any_name, closefd=False
            )
            setattr(sys, name, stream)


def allow_any_text() -> None:
    """Print a question mark for what a terminal's encoding lacks: blocks of bars, foreign names.

    Programs that read standard output get UTF-8, which JSON and CSV are.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            if stream is sys.stderr or stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="strict")


def tell(stream: TextIO, text: str) -> None:
    """Write to a person, or to nobody from then on: work never ends because nobody looks."""
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        drop(stream)


def drop(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, or the interpreter fails over it at exit."""
    with contextlib.suppress(OSError, ValueError):  # not a file, as under test
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def has_no_reader(stream: TextIO) -> bool:
    """Return whether nobody reads a stream; so too where it is closed, or no file."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):
        return True
