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
BACKBONES = transfer.BACKBONES
NAMES = (*OWN, *BACKBONES)


def build(
    name: str,
    size: tuple[int, int],
    classes: int,
    *,
    fast: bool = False,
    weights: Path | None = None,
    seed: int = 1,
) -> Any:
    """Return the Keras network `name`: (n, *size, 1) luma 0..255 to (n, classes) probabilities.

    Args:
        name: one of `NAMES`.
        size: height and width of a face in pixels.
        classes: how many classes, at least 2.
        fast: use layers that train faster and cannot be saved; same weights, same outputs.
        weights: a Keras weights file for the backbone of a transfer architecture.
        seed: of what dropout leaves out. Without one, Keras on torch draws from a global state that
            a checkpoint does not hold.

    Raises:
        ValueError: the name is not known, or weights are given to what has no backbone.
    """
    if name in BACKBONES:
        return transfer.build(name, size, classes, weights=weights, seed=seed)
    if name not in OWN:
        raise ValueError(f"architecture: got {name!r}; allowed: {', '.join(NAMES)}")
    if weights is not None:
        allowed = ", ".join(BACKBONES)
        raise ValueError(f"weights: {name} has no backbone; allowed with: {allowed}")
    return OWN[name](size, classes, fast=fast, seed=seed)
