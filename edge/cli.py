"""`emotion-edge`: the daemon and its operator's commands."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from edge import __version__
from edge.errors import EdgeError, StorageError
from edge.redact import redact, remember, secrets_in
from edge.streams import allow_any_text, drop, has_no_reader, open_closed, tell

COMMANDS = (
    "run",
    "replay",
    "analyze",
    "check",
    "doctor",
    "watch",
    "demo",
    "bench",
    "schema",
    "preview",
    "dashboard",
    "homeassistant",
    "fleet",
    "exporter",
    "record",
    "report",
)


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line without the secrets in it: a journal may keep it."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the mistake, and exit."""
        super().error(redact(message))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, all commands included."""
    top = Parser(
        prog="emotion-edge",
        description="Turns a camera into emotion events over MQTT.",
        epilog="Exit codes are those of sysexits.h: 64 usage, 65 bad data, 66 no input, "
        "69 unavailable, 70 internal, 74 I/O, 78 configuration.",
    )
    top.add_argument("--version", action="version", version=f"emotion-edge {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"edge.commands.{name}").add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    open_closed()
    allow_any_text()
    try:
        code = _run(argv)
        if not sys.stdout.closed:  # `run` closes it when its reader is gone
            sys.stdout.flush()
    except BrokenPipeError as e:
        enough = has_no_reader(sys.stdout)  # `| head`
        drop(sys.stdout)
        if enough:
            return 0
        _say(f"a pipe beside standard output: {e.strerror}")
        return StorageError.exit_code
    except OSError as e:  # what a command opens or writes elsewhere has errors of its own
        drop(sys.stdout)
        _say(f"{e.filename or 'standard output'}: {e.strerror or e}")
        return StorageError.exit_code
    return code


def _run(argv: Sequence[str] | None) -> int:
    try:
        try:
            remember(secrets_in(sys.argv[1:] if argv is None else argv))
            args = parser().parse_args(argv)
        except SystemExit as e:  # argparse has said why; its 2 is not of sysexits
            return 64 if e.code not in (0, None) else 0
        return int(args.run(args))
    except EdgeError as e:
        _say(str(e))
        return e.exit_code
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells say it


def _say(text: str) -> None:
    for line in redact(text).splitlines():  # where nobody reads it, the exit code says it
        tell(sys.stderr, f"emotion-edge: {line}\n")


def enter() -> NoReturn:
    """Run a command as a process of its own, and end with its exit code.

    A driver or library may still hold the camera's thread, for as long as its time limit. Python
    (before 3.14) would end that thread by unwinding it through C++ code, which aborts the process.
    """
    code = main()
    for number in (signal.SIGTERM, signal.SIGINT):  # not by a signal, once the work is done
        if signal.getsignal(number) is not signal.SIG_DFL:
            signal.signal(number, signal.SIG_IGN)
    if any(t.name == "camera" for t in threading.enumerate()):
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    enter()
