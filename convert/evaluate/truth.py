"""What a data set says is right, in the order of a model's labels."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset
from edge.errors import ConfigError, NoInputError

log = logging.getLogger(__name__)

TRUTHS = ("auto", "votes", "labels")
MIN_VOTES = 5  # raters who must agree at least, besides being more than half of those who voted


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Of N faces: `classes` (N,), -1 for one that does not count; votes' `distribution` (N, C)."""

    kind: str  # `votes`: the raters' majority; `labels`: the data set's own
    classes: NDArray[np.int64]
    distribution: NDArray[np.float32] | None

    @property
    def counted(self) -> NDArray[np.intp]:
        """Indices of the faces that count."""
        return np.flatnonzero(self.classes >= 0)

    @property
    def description(self) -> str:
        """For reports."""
        if self.kind == "votes":
            return (
                "the raters' majority: more than half of the votes for the model's classes and at "
                f"least {MIN_VOTES} of them; other faces do not count"
            )
        return "the data set's labels"


def add_truth_option(parser: argparse.ArgumentParser) -> None:
    """Add `--truth`."""
    parser.add_argument(
        "--truth",
        choices=TRUTHS,
        default="auto",
        help="what counts as right: the raters' majority (votes) or the labels; "
        "auto: what the model was made for, as far as that is known, else votes where the data "
        "has them",
    )


def choose_truth(data: Dataset, kind: str) -> str:
    """Return `votes` or `labels`.

    Raises:
        ConfigError: the data does not have what was asked for.
    """
    if kind == "auto":
        return "votes" if data.votes is not None else "labels"
    if kind == "votes" and data.votes is None:
        raise ConfigError(f"--truth votes: {data.source} has no raters' votes; allowed: labels")
    return kind


def truth_of(data: Dataset, labels: Sequence[str], kind: str) -> Truth | None:
    """Return the truth in the order of `labels`; None when the data knows nothing about them.

    Raises:
        ConfigError: only some of the data's classes are labels of the model.
    """
    kind = choose_truth(data, kind)
    column = class_columns(data, labels)
    if column is None or (kind == "labels" and data.labels is None):
        return None
    distribution = None
    if data.votes is not None:
        distribution = np.zeros((len(data), len(labels)), np.float32)
        distribution[:, column] = data.vote_distribution()
    own = data.majority(at_least=MIN_VOTES) if kind == "votes" else data.labels
    assert own is not None  # one of the two exists, see above
    return Truth(kind, np.where(own >= 0, column[np.maximum(own, 0)], -1), distribution)


def class_columns(data: Dataset, labels: Sequence[str]) -> NDArray[np.intp] | None:
    """Return which label each of the data's classes is; None when none of them is one.

    Raises:
        ConfigError: some are and some are not.
    """
    missing = [c for c in data.classes if c not in labels]
    if len(missing) == len(data.classes):
        return None
    if missing:
        raise ConfigError(
            f"{data.source}: classes {', '.join(missing)} are none of the model's labels "
            f"({', '.join(labels)})"
        )
    return np.array([labels.index(c) for c in data.classes], np.intp)


def part_of(data: Dataset, split: str | None) -> tuple[Dataset, str]:
    """Return the named split, by default the one figures are reported on, and its name.

    Data without a test split is warned about: a model that was trained on it knows its faces.

    Raises:
        NoInputError: there are no faces in it.
    """
    name = split or data.test_split() or "train"
    part = data if name == "all" else data.split(name)
    if not len(part):
        have = ", ".join(f"{k} ({n})" for k, n in data.split_counts().items()) or "none"
        raise NoInputError(f"{data.source}: no faces in split {name!r}; it has: {have}")
    if split is None and name == "train":
        log.warning(
            "%s has no test split: figures are of all its faces, and flatter a model that was "
            "trained on them",
            data.source,
        )
    return part, name
