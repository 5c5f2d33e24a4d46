"""Which faces the quantiser and the temperature get to see: training faces, never test faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset
from convert.train.prepare import prepare
from edge.errors import NoInputError


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Faces (n, height, width) uint8 for calibration; held-out ones with targets and truth.

    The held-out faces are those that training with the same `holdout` holds out.
    """

    calibration: NDArray[np.uint8]
    per_class: dict[str, int]
    held_out: NDArray[np.uint8]
    targets: NDArray[np.float32]  # (n, C): labels, or distributions of votes
    truth: NDArray[np.int64]  # (n,): the label, or the raters' majority, -1 where they disagree


def material(data: Dataset, *, votes: bool, count: int, seed: int, holdout: float) -> Material:
    """Choose about `count` training faces, as many of each class, and the held-out part.

    Args:
        data: with a `train` split and labels or votes.
        votes: targets are distributions of votes, not labels.
        count: calibration faces; a class with fewer than its part gives all it has.
        seed: of the choice.
        holdout: fraction of the training faces that was held out of training.

    Raises:
        NoInputError: there are not enough training faces.
    """
    try:
        used, held, _ = prepare(data, votes=1.0 if votes else 0.0, holdout=holdout)
    except ValueError as e:
        raise NoInputError(f"{data.source}: {e}") from e
    rng = np.random.default_rng(seed)
    classes = used.targets.argmax(axis=1)
    each = max(1, count // len(data.classes))
    chosen: list[NDArray[np.intp]] = []
    per_class = {}
    for c, name in enumerate(data.classes):
        here = np.flatnonzero(classes == c)
        picked = rng.permutation(here)[:each]
        per_class[name] = len(picked)
        chosen.append(picked)
    indices = rng.permutation(np.concatenate(chosen))
    return Material(used.faces[indices], per_class, held.faces, held.targets, held.truth)
