"""Values of options that several commands share, checked before any work is done."""

from __future__ import annotations

import argparse
from pathlib import Path


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
