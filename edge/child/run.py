"""Runs a camera's program with few rights; what it started ends when it or the daemon ends.

`python -m edge.child.run`, told what to run on standard input, so that no argument is in the
process list that the program does not have itself. This process stays beside the program: as the
parent of all that it leaves behind, in whatever session, it can end and reap it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn, TypedDict

from edge.child import confine

TERM_GRACE_S = 0.4  # s between SIGTERM and SIGKILL
KILL_S = 0.5  # s of killing what forks faster than it dies
CANNOT_START = 127  # exit status, as shells have it

_WAKING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}


class Order(TypedDict):
    """What standard input holds, as JSON."""

    argv: list[str]
    env: dict[str, str]
    families: list[int]  # see `confine`
    hidden: list[str]
    parent: int  # id of the daemon


def main() -> NoReturn:
    """Start the program, wait for it or for a signal, and leave nothing behind."""
    order: Order = json.load(sys.stdin)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAKING)
    confine.die_with_parent(signal.SIGTERM, order["parent"])
    confine.adopt_orphans()
    confine.limit()
    program = os.fork()
    if program == 0:
        _start(order)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # the program's output ends when the program's own copies are closed
        os.dup2(null, fd)
    status = None
    while status is None:
        if signal.sigwait(_WAKING) != signal.SIGCHLD:
            break
        status = _reap().get(program)
    _end_all()
    _end_like(status)


def _start(order: Order) -> NoReturn:
    supervisor = os.getppid()
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAKING)
        confine.die_with_parent(signal.SIGKILL, supervisor)
        confine.confine(
            families=order["families"], hidden=[Path(p) for p in order["hidden"]], execute=True
        )
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.execvpe(order["argv"][0], order["argv"], order["env"])
    except OSError as e:
        os.write(2, f"cannot be started: {e.strerror}\n".encode())
    finally:
        os._exit(CANNOT_START)


def _reap() -> dict[int, int]:
    """Return the wait status of each child that ended."""
    ended = {}
    try:
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = found[1]
    except ChildProcessError:
        pass
    return ended


def _end_all() -> None:
    """End all descendants: gently, then not; the orphans among them have become children."""
    for pid in _descendants():
        _send(pid, signal.SIGTERM)
        _send(pid, signal.SIGCONT)  # a stopped process ends only after it went on
    until = time.monotonic() + TERM_GRACE_S
    while _descendants() and (left := until - time.monotonic()) > 0:
        signal.sigtimedwait({signal.SIGCHLD}, left)
    until = time.monotonic() + KILL_S
    while (left_over := _descendants()) and time.monotonic() < until:
        for pid in left_over:
            _send(pid, signal.SIGKILL)
        signal.sigtimedwait({signal.SIGCHLD}, 0.01)


def _descendants() -> set[int]:
    """Reap what ended; return what is left, with the dead that cannot be reaped yet.

    A process of several threads is called a zombie when its first has ended. Who left before all
    are reaped would leave them to a first process that, in a container, may reap nothing.
    """
    _reap()
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_bytes().rpartition(b") ")[2].split()[1]
        except (OSError, IndexError):  # ended meanwhile
            continue
        parents[int(folder.name)] = int(parent)
    found: set[int] = set()
    new = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in new and pid not in found}:
        found |= new
    return found


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # gone, or became another user's
        return


def _end_like(status: int | None) -> NoReturn:
    """End as the program did, so that the daemon sees how."""
    if status is not None and os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAKING)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if status is not None else 0)


if __name__ == "__main__":
    main()
