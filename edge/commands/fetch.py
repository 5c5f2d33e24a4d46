"""`emotion-edge fetch`: downloads an optional model from its project's own address."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    from edge.model.fetch import DOWNLOADS

    parser = commands.add_parser(
        "fetch",
        help="download an optional model: yunet",
        description="Downloads a file, checks its sha256 and puts it where the configuration "
        "expects it: " + "; ".join(f"{k}: {d.about}" for k, d in DOWNLOADS.items()) + ".",
    )
    parser.add_argument("what", choices=sorted(DOWNLOADS), help="what to download")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="default: /usr/local/share/emotion-edge for root, else ~/.local/share/emotion-edge",
    )
    parser.add_argument("--url", help="a mirror; the checksum stays the same")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Download, print the path, return 0."""
    from edge.model.fetch import DOWNLOADS, fetch, stores

    folder = args.to or stores(os.environ, root=os.geteuid() == 0)[0]
    print(fetch(DOWNLOADS[args.what], folder, url=args.url))
    return 0
