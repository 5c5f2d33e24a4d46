"""Where the log goes and how a line looks: standard error, for the journal or for a person.

Whatever is logged, by us, a library or an exception that nobody caught, passes through `redact`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from edge.redact import redact

log = logging.getLogger("edge")

# sd-daemon(3): a line that begins with <N> has the syslog priority N.
PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
CRITICAL = 2


class JournalFormatter(logging.Formatter):
    """`<N>logger: message`, without a time: the journal keeps its own."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record; each of its lines has the prefix, as the journal splits them."""
        prefix = f"<{PRIORITY.get(record.levelno, CRITICAL)}>"
        return "\n".join(prefix + line for line in redact(super().format(record)).splitlines())


class TerminalFormatter(logging.Formatter):
    """`2026-11-20 12:00:00.123 WARNING logger: message`, in local time."""

    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record without secrets."""
        return redact(super().format(record))


def to_journal(stream: TextIO, env: Mapping[str, str]) -> bool:
    """Say whether `stream` is the journal's own, by systemd.exec(5)'s `$JOURNAL_STREAM`.

    The variable is inherited by children whose output goes elsewhere, hence the comparison.
    """
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or not a file at all
        return False
    return env.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def setup(
    level: str = "info", stream: TextIO | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Send all logs to `stream`; call it again to change the level.

    Args:
        level: least severity shown: debug, info, warning or error.
        stream: None: standard error.
        env: None: this process's environment.
    """
    stream = sys.stderr if stream is None else stream
    handler: logging.Handler = logging.NullHandler()  # started with standard error closed
    if stream is not None:
        journal = to_journal(stream, os.environ if env is None else env)
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JournalFormatter() if journal else TerminalFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    # Alembic tells of each plugin and step; the store says what matters.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    logging.raiseExceptions = False  # a log that cannot be written must not end the daemon


def _uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """Log what nobody caught: a message may hold an address."""
    if error is not None and not issubclass(kind, SystemExit):
        log.critical("%s", kind.__name__, exc_info=(kind, error, trace))
