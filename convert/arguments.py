"""Values of options that several commands share, checked before any work is done."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edge.errors import UsageError


def seed(text: str) -> int:
    """Return a seed of NumPy's generators.

    Raises:
        argparse.ArgumentTypeError: it is no whole number, or negative.
    """
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"got {text}; allowed: 0 and above")
    return value


def new_file(text: str) -> Path:
    """Return the path of a file to write.

    Raises:
        argparse.ArgumentTypeError: its folder is not there, or it is a folder.
    """
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"got {text}; there is no folder {path.parent}")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"got {text}, a folder; allowed: a file")
    return path


def told_apart(names: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return what each is called: its name, or what was given where another has that name."""
    own = [n if names.count(n) == 1 else g for n, g in zip(names, given, strict=True)]
    return own if len(set(own)) == len(own) else list(given)


def check_once(option: str, given: Sequence[str]) -> None:
    """Refuse an option's values of which one is there twice.

    Raises:
        UsageError: one is.
    """
    for value in given:
        if given.count(value) > 1:
            raise UsageError(f"{option}: got {value} twice; allowed: each once")
