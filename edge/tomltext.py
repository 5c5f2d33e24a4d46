"""TOML within bounds: what `tomllib` takes can still be too large to print or too deep to walk."""

from __future__ import annotations

import tomllib
from typing import Any

MAX_DEPTH = 50  # tables and lists in each other; a configuration has four
INTEGERS = range(-(2**63), 2**63)  # what TOML 1.0 asks of a reader


def loads(text: str) -> dict[str, Any]:
    """Return what a TOML text says.

    Raises:
        ValueError: it is not TOML, nests deeper than `MAX_DEPTH`, or has an integer beyond 64 bits.
    """
    try:
        content = tomllib.loads(text)
    except RecursionError as e:
        raise ValueError("nested too deep") from e
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, int) and value not in INTEGERS:
                raise ValueError("an integer beyond 64 bits")
        if not below:
            return content
        level = below
    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
