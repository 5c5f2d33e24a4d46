"""`emotion-edge schema`: the contract and the configuration, as machines read them."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.errors import StorageError, UsageError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "schema",
        help="print JSON Schemas, the AsyncAPI document or the configuration reference",
        description="Without a name: list the names.",
    )
    parser.add_argument("name", nargs="?", help="event, state, ..., config, asyncapi")
    parser.add_argument("--write", type=Path, metavar="DIR", help="write every document under DIR")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one document, or write all.

    Raises:
        UsageError: there is no such document, or a file of which parts are to stay is not UTF-8.
        StorageError: a file cannot be written.
    """
    from edge.schema.documents import documents

    made = documents()
    if args.write is not None:
        for d in made.values():
            path = args.write / d.path
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                present = path.read_text("utf-8") if d.part and path.exists() else ""
                path.write_text(d.file(present), "utf-8")
            except UnicodeDecodeError as e:
                raise UsageError(
                    f"schema: got {path}, which is not UTF-8; allowed: text, or another folder"
                ) from e
            except OSError as e:
                raise StorageError(f"{path}: {e.strerror}") from e
            print(path)
    elif args.name is None:
        for name, d in made.items():
            print(f"{name:<14} {d.what}")
    elif args.name in made:
        print(made[args.name].text, end="")
    else:
        raise UsageError(f"schema: got {args.name!r}; allowed: {', '.join(made)}")
    return 0
