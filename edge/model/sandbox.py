"""A sandbox for native code that parses files from elsewhere: a child process loads them first."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
from collections.abc import Callable
from typing import NoReturn, TypeVar

from edge.errors import ConfigError

T = TypeVar("T")

# Not SIGKILL: that is want of memory, or somebody's wish, and says nothing about the file.
CRASHES = frozenset(
    (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP)
)
PATIENCE_S = 20  # of a child: one that hangs is killed, and says nothing about the file either


def load_in_subprocess(what: str, load: Callable[[], T]) -> T:
    """Return `load()`, unless it crashed in a child process first.

    The child is a fork: call this before threads are started, or it may wait for a lock that one
    of them held, until it is killed after `PATIENCE_S`.

    Raises:
        ConfigError: it did; the message names `what`. And whatever `load` raises.
    """
    try:
        pid = os.fork()
        if pid == 0:
            _child(load)
        number = -os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except OSError:  # no process to be had, or we were started with SIGCHLD ignored
        number = 0
    if number in CRASHES:
        raise ConfigError(
            f"{what}: the native code that reads it crashed ({signal.Signals(number).name}); "
            "the file is damaged or hostile"
        )
    return load()


def _child(load: Callable[[], object]) -> NoReturn:
    try:
        faulthandler.disable()  # the parent says it in one line
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE_S)
        with contextlib.suppress(BaseException):  # it comes again in the parent
            load()
    finally:
        os._exit(0)
