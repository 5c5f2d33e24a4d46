"""`emotion-edge record`: keeps what devices say in a history."""

from __future__ import annotations

import argparse
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.watch import add_broker_options, broker
from edge.errors import ConfigError, UnavailableError, UsageError

if TYPE_CHECKING:
    from edge.store.recorder import Recorder

URL_VARIABLE = "EMOTION_EDGE_HISTORY"
MAX_URL_BYTES = 4096
START_S = 30.0  # longest wait for a first answer of the broker
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
# A recorder's name is part of its MQTT client id, a group's of a topic filter.
_NAME = re.compile(r"[\w.-]{1,64}")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser(
        "record",
        help="keep what devices say in a history: SQLite or PostgreSQL",
        description="A subscriber that stores each event once, visits and hourly sums, what is "
        "missing, and who was online. The broker is told that an event arrived when the database "
        "has committed it; what comes while this or the database is away waits at the broker. "
        "Broker and database have to be there at the start and are waited for later. Needs the "
        "extra [history].",
    )
    add_broker_options(p)
    add_history_options(p, "--to", "where to keep it")
    p.add_argument(
        "--name",
        default=os.uname().nodename,
        help="of this recorder: the broker keeps events for it by this name while it is away; "
        "no two may have the same (default: the host's name)",
    )
    p.add_argument(
        "--share",
        default="",
        metavar="GROUP",
        help="share the events among all recorders of this group (MQTT 5 shared subscription)",
    )
    p.add_argument(
        "--keep",
        type=duration,
        metavar="TIME",
        help="delete events and visits that are older, such as 30d; sums stay (default: keep all)",
    )
    p.add_argument(
        "--session",
        type=duration,
        default="7d",
        metavar="TIME",
        help="how long the broker keeps events for a recorder that is away (default: %(default)s)",
    )
    p.set_defaults(run=run)


def add_history_options(p: argparse.ArgumentParser, option: str, what: str) -> None:
    """Add the options that name a history: `option` and `option`-file."""
    p.add_argument(
        option,
        dest="history",
        metavar="URL",
        help=f"{what}: a file for SQLite, or postgresql://USER@HOST/DATABASE "
        f"(default: ${URL_VARIABLE})",
    )
    p.add_argument(
        f"{option}-file",
        dest="history_file",
        type=Path,
        metavar="FILE",
        help="file that holds the URL: the place for one with a password, which `ps` would show",
    )


def history_address(args: argparse.Namespace, option: str) -> str:
    """Return the address of the history that the options or the environment name.

    Raises:
        UsageError: there is none, or more than one.
        ConfigError: the file cannot be read, or everybody can.
    """
    given = [v for v in (args.history, args.history_file) if v is not None]
    if len(given) > 1:
        raise UsageError(f"{option}, {option}-file: got both; allowed: one of them")
    if args.history_file is not None:
        return _read_url(args.history_file, f"{option}-file")
    text = args.history if given else os.environ.get(URL_VARIABLE, "")
    if not text:
        raise UsageError(
            f"{option}: got nothing; allowed: a file, postgresql://..., {option}-file FILE, or "
            f"${URL_VARIABLE}"
        )
    return str(text)


def _read_url(path: Path, option: str) -> str:
    from edge.secrets import refuse_public

    refuse_public(path, option)
    try:
        with path.open("rb") as f:
            text = f.read(MAX_URL_BYTES + 1).decode().strip()
    except OSError as e:
        raise ConfigError(f"{option}: {path}: {e.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{option}: {path}: not UTF-8 text") from None
    if not text or "\n" in text or len(text) > MAX_URL_BYTES:
        raise ConfigError(f"{option}: {path}: allowed: one line, the URL of the history")
    return text


def needs_history() -> None:
    """Check that the extra is installed.

    Raises:
        UnavailableError: it is not.
    """
    try:
        import alembic  # noqa: F401
        import psycopg  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError as e:
        raise UnavailableError(
            f"the history: {e.name} is missing: pip install 'emotion-edge[history]'"
        ) from e


def duration(text: str) -> timedelta:
    """Return a length of time such as `30d`.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    match = re.fullmatch(r"(\d{1,6})(s|min|h|d|w)", text)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(
            f"got {text!r}; allowed: a number from 1 on and s, min, h, d or w, such as 30d"
        )
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def run(args: argparse.Namespace) -> int:
    """Record until SIGTERM or SIGINT.

    Raises:
        UsageError: an option makes no sense.
        ConfigError: a file that was named cannot be used, or the history's address.
        UnavailableError: database or broker are not there or refuse at the start, or the extra is
            not installed.
    """
    for option, value in (("--name", args.name), ("--share", args.share)):
        if (value or option == "--name") and not _NAME.fullmatch(value):
            raise UsageError(f"{option}: got {value!r}; allowed: letters, digits, '_', '.', '-'")
    mqtt = broker(args)
    address = history_address(args, "--to")
    needs_history()

    import logging
    import signal

    from edge.publish.reasons import where
    from edge.redact import secrets_in
    from edge.service import logs
    from edge.store import open_store, parse_address
    from edge.store.recorder import Recorder, Settings

    url = parse_address(address)
    logs.setup("info")
    log = logging.getLogger(__name__)
    if args.history and secrets_in([args.history]) and url.password:
        log.warning("--to: holds a password, which `ps` shows; better: --to-file")
    settings = Settings(
        name=args.name,
        group=args.share,
        keep=args.keep,
        session_s=int(args.session.total_seconds()),
    )
    with open_store(url) as store:
        recorder = Recorder(mqtt, store, settings)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: recorder.stop())
        recorder.start(START_S)
        log.info("recording %s/ of broker %s into %s", mqtt.base, where(mqtt), store.name)
        recorder.run()
        log.info("stopped: %s", _said(recorder))
    return 0


def _said(recorder: Recorder) -> str:
    c = recorder.counts
    words = [f"{c.stored} events stored", f"{c.duplicates} known already"]
    rare = {
        "not understood": c.invalid,
        "refused by the database": c.refused,
        "of QoS 0 dropped": c.dropped,
    }
    return ", ".join([*words, *(f"{n} {what}" for what, n in rare.items() if n)])
