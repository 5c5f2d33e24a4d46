"""`emotion-edge report`: how many came, how long they stayed, how they looked, what is missing."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import NoInputError, StorageError, UnavailableError, UsageError

if TYPE_CHECKING:
    from edge.report.period import Period
    from edge.store import Store

K = 5  # people: sums of fewer are not given out
K_MOST = 1000


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser(
        "report",
        help="answer from what `record` has kept: visitors, dwell, attention, emotions, losses",
        description="Visitors, dwell time, attention and emotions of whole days, by hour and by "
        "weekday, beside the time before; how far each device was online and what is missing. "
        "Sums of few people are not given out. Needs the extra [history].",
    )
    add_store_option(p)
    p.add_argument(
        "--from",
        dest="first",
        metavar="DAY",
        help="first day: 2026-11-16, 'today', 'yesterday', or '7d' for seven days ago (default: "
        "six days before the last one)",
    )
    p.add_argument(
        "--to",
        dest="last",
        metavar="DAY",
        help="last day, which belongs to the report (default: yesterday)",
    )
    p.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="NAME",
        help="only this device; may be given several times",
    )
    add_reading_options(p)
    form = p.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print it as JSON")
    form.add_argument("--csv", action="store_true", help="print it as CSV")
    form.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write it as a page with pictures, in one file; - prints it",
    )
    form.add_argument(
        "--export",
        nargs=2,
        metavar=("parquet", "FOLDER"),
        help="instead of a report: write single visits and events as Parquet files, one a device "
        "and day, into a folder. Needs the extra [parquet]",
    )
    p.set_defaults(run=run)


def add_store_option(p: argparse.ArgumentParser) -> None:
    """Add `--store`."""
    p.add_argument(
        "--store",
        metavar="URL",
        help="the history: a file of SQLite, or postgresql://USER@HOST/DATABASE (default: "
        "$EMOTION_EDGE_HISTORY)",
    )


def add_reading_options(p: argparse.ArgumentParser) -> None:
    """Add whose days are meant, and how few people are too few."""
    p.add_argument(
        "--zone",
        metavar="NAME",
        help="whose days and hours, such as Europe/Berlin (default: this machine's)",
    )
    p.add_argument(
        "--few",
        type=int,
        default=K,
        metavar="K",
        help="sums of fewer than K people are not given out (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Read the store once, and print.

    Raises:
        UsageError: an option makes no sense.
        NoInputError: there is no history there.
        ConfigError: the address is wrong, or the history is of another version.
        UnavailableError: the database is away, or an extra is not installed.
        StorageError: a file cannot be written.
    """
    import time
    from datetime import datetime

    check_few(args.few)
    if args.export and args.export[0] != "parquet":
        raise UsageError(f"--export: got {args.export[0]!r}; allowed: parquet FOLDER")
    from edge.report import period as periods

    zone, name = periods.zone(args.zone)
    wall = time.time()
    today = datetime.fromtimestamp(wall, zone).date()
    period = periods.parse(args.first, args.last, zone, today)
    with open_history(args) as store:
        if args.html is not None:
            _refuse_the_history(args.html, store)
        if args.export:
            return _export(store, args, period)
        from edge.report.figures import report
        from edge.report.query import read

        found = report(
            period,
            name,
            lambda days, until: read(store, args.device, days, until),
            k=args.few,
            asked=args.device,
            wall=wall,
        )
    if args.json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    elif args.csv:
        from edge.report.table import table

        sys.stdout.write(table(found))
    elif args.html:
        from edge.report.page import document

        _write(args.html, document(found))
    else:
        from edge.report.terminal import lines

        for line in lines(found):
            print(line)
    return 0


def check_few(few: int) -> None:
    """Check `--few`.

    Raises:
        UsageError: it is out of range.
    """
    if not 1 <= few <= K_MOST:
        raise UsageError(f"--few: got {few}; allowed: 1 to {K_MOST}, 1 gives every sum out")


def named_history(args: argparse.Namespace) -> str:
    """Return the address that `--store` or the environment names; empty: none."""
    return args.store or os.environ.get("EMOTION_EDGE_HISTORY", "")


def open_history(args: argparse.Namespace) -> Store:
    """Open the history that `--store` or the environment names, to read it.

    Raises:
        UsageError: none is named.
        NoInputError: there is no such file.
        ConfigError: the address is wrong, or the history is of a newer version.
        UnavailableError: the database is away, its tables are not made or not brought up to date
            yet, or the extra is not installed.
    """
    address = named_history(args)
    if not address:
        raise UsageError("--store: got nothing; allowed: a file, or postgresql://HOST/DATABASE")
    try:
        from edge.store import open_store, parse_address
    except ImportError as e:
        raise UnavailableError(
            f"the history needs {e.name}: pip install 'emotion-edge[history]'"
        ) from e
    url = parse_address(address)
    if url.drivername == "sqlite" and not Path(url.database or "").is_file():
        raise NoInputError(f"--store: {url.database}: no such file; `emotion-edge record` makes it")
    return open_store(url, migrate=False)


def _export(store: Store, args: argparse.Namespace, period: Period) -> int:
    try:
        from edge.report.parquet import export
    except ImportError as e:
        raise UnavailableError(
            f"--export needs {e.name}: pip install 'emotion-edge[parquet]'"
        ) from e
    done = export(store, Path(args.export[1]), args.device, period)
    print(
        f"{args.export[1]}: {done.events:,} events and {done.visits:,} visits in {done.files} files"
    )
    return 0


def _refuse_the_history(page: Path, store: Store) -> None:
    """Check that the page does not take the place of the history that it is made from."""
    url = store.engine.url
    here = os.path.realpath(page)  # Path.resolve() fails over a loop of links
    if url.drivername == "sqlite" and here == os.path.realpath(url.database or ""):
        raise UsageError(f"--html: got {page}, which is the history; allowed: another file")


def _write(path: Path, text: str) -> None:
    if str(path) == "-":
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, "utf-8")
    except OSError as e:
        raise StorageError(f"--html: {path}: {e.strerror or e}") from e
