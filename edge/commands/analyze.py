"""`emotion-edge analyze`: what pictures and recordings show."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.commands.common import add_config_options, load_config
from edge.errors import UsageError

MOST_WORKERS = 1024


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "analyze",
        help="say what faces in pictures and recordings show",
        description="A picture is a scene of its own: every face gets its scores at once. A "
        "recording goes through the pipeline as in the daemon. Folders are walked. A file that "
        "cannot be read is listed and skipped: exit code 65, or 66 where none could be read; 65 "
        "where a recording is cut off. "
        "Pictures are written with --annotate, --crop and --html only.",
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help="pictures, recordings, folders")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json",
        action="store_true",
        help="one JSON line a picture or frame; a recording ends with its summary",
    )
    form.add_argument("--csv", action="store_true", help="one row a face: the emotion depth index")
    parser.add_argument(
        "--summary",
        action="store_true",
        help="of a recording the summary only: seconds, share and mean of each emotion, each face",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="results into FILE; begun again after any end, it goes on where it was",
    )
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="OUT",
        help="draw boxes, labels and scores: a picture for a picture, a video for a video; a "
        "folder for several",
    )
    parser.add_argument(
        "--crop", type=Path, metavar="OUT", help="faces as the model sees them, into a folder"
    )
    parser.add_argument(
        "--html", type=Path, metavar="REPORT", help="one page to look at, with small pictures"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=_workers, default=0, metavar="N", help="processes (default: all cores)"
    )
    where.add_argument(
        "--dask",
        default="",
        metavar="ADDRESS",
        help="a Dask scheduler, such as tcp://10.0.0.7:8786, whose workers see the same files",
    )
    add_config_options(parser)
    parser.set_defaults(run=run)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"got {text!r}; allowed: 1 to {MOST_WORKERS}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Analyze; results go to standard output or --output, the rest to standard error."""
    for path in args.paths:
        if "://" in path:
            raise UsageError(
                f"{path}: allowed: files and folders; a stream: emotion-edge run --set "
                "camera.source=ADDRESS"
            )
    config = load_config(args)

    from edge.service import logs
    from edge.tools.analyze.job import Format
    from edge.tools.analyze.run import Options, analyze

    logs.setup(config.log.level)
    form = Format.JSON if args.json else Format.CSV if args.csv else Format.TEXT
    options = Options(
        args.paths,
        form,
        args.summary,
        args.output,
        args.annotate,
        args.crop,
        args.html,
        # Part of a summary unless somebody says no.
        alerts=not any(s.startswith("alert.enabled=") for s in args.sets),
        workers=args.workers,
        dask=args.dask,
    )
    return analyze(config, options, logs.setup)
