"""Architectures by name; all take raw luma 0..255 and give probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from convert.arch import edge, mini_xception, plain_cnn, transfer

OWN: dict[str, Callable[..., Any]] = {
    "edge": edge.build,
    "edge_wide": partial(edge.build, shape=edge.WIDE),
    "mini_xception": mini_xception.build,
    "plain_cnn": plain_cnn.build,
}
NAMES = (*OWN, *transfer.BACKBONES)


def build(
    name: str,
    size: tuple[int, int],
    classes: int,
    *,
    fast: bool = False,
    weights: Path | None = None,
) -> Any:
    """Return the Keras network `name`: (n, *size, 1) luma 0..255 to (n, classes) probabilities.

    Args:
        name: one of `NAMES`.
        size: height and width of a face in pixels.
        classes: how many classes, at least 2.
        fast: use layers that train faster and cannot be saved; same weights, same outputs.
        weights: a Keras weights file for the backbone of a transfer architecture.

    Raises:
        ValueError: the name is not known, or weights are given to what has no backbone.
    """
    if name in transfer.BACKBONES:
        return transfer.build(name, size, classes, weights=weights)
    if name not in OWN:
        raise ValueError(f"architecture: got {name!r}; allowed: {', '.join(NAMES)}")
    if weights is not None:
        allowed = ", ".join(transfer.BACKBONES)
        raise ValueError(f"weights: {name} has no backbone; allowed with: {allowed}")
    return OWN[name](size, classes, fast=fast)
