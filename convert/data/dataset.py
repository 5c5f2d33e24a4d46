"""One type for every data set: grey faces that are decoded only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edge.image import resize

Faces = NDArray[np.uint8]  # (n, height, width), luma 0-255
Indices = NDArray[np.intp]
Loader = Callable[[Indices], Faces]

# FER2013's order (Goodfellow et al. 2013), which every model of this project outputs.
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

# Where figures are reported, the first of these that a data set has.
TEST_SPLITS = ("public_test", "test", "private_test", "validation")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture that could not be read and is therefore not in the data set."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Dataset:
    """N faces of one size with what is known about them.

    Attributes:
        classes: the C class names, in label order.
        names: N names, unique as far as the source's are (usually a file name).
        splits: N split names: `train`, `validation`, `test`, `public_test` or `private_test`.
        size: height and width in pixels of the faces that `faces()` returns.
        loader: decodes the faces at the given indices, shape (n, height, width), uint8 luma.
        labels: N class indices, -1 where there is none; None for an unlabelled data set.
        votes: (N, C) counts of raters who chose each class, or None.
        groups: N names of who is shown, `""` where nobody knows, or None: a person is either learnt
            from or held out.
        attributes: slices such as `{"sex": N values}`, to evaluate groups separately.
        skipped: the pictures that were listed but could not be read.
        source: where the data came from, for reports.
    """

    classes: tuple[str, ...]
    names: tuple[str, ...]
    splits: tuple[str, ...]
    size: tuple[int, int]
    loader: Loader
    labels: NDArray[np.int64] | None = None
    votes: NDArray[np.float32] | None = None
    groups: tuple[str, ...] | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        n, c = len(self.names), len(self.classes)
        lengths = {"splits": len(self.splits)}
        if self.labels is not None:
            lengths["labels"] = len(self.labels)
        if self.groups is not None:
            lengths["groups"] = len(self.groups)
        lengths.update({f"attribute {k!r}": len(v) for k, v in self.attributes.items()})
        for what, length in lengths.items():
            if length != n:
                raise ValueError(f"{what}: got {length} values for {n} names")
        if self.votes is not None and self.votes.shape != (n, c):
            raise ValueError(f"votes: got shape {self.votes.shape}; allowed: {(n, c)}")

    def __len__(self) -> int:
        return len(self.names)

    def faces(self, indices: Indices | None = None) -> Faces:
        """Return the faces at `indices` (all when None), shape (n, height, width), uint8.

        Raises:
            DataError: a picture that was readable when the data set was opened no longer is.
        """
        wanted = np.arange(len(self), dtype=np.intp) if indices is None else indices
        return self.loader(np.asarray(wanted, dtype=np.intp))

    def select(self, indices: Indices) -> Dataset:
        """Return the data set of only these indices, in their order; decodes nothing."""
        idx = np.asarray(indices, dtype=np.intp)

        def load(wanted: Indices) -> Faces:
            return self.loader(idx[wanted])

        return Dataset(
            classes=self.classes,
            names=tuple(self.names[i] for i in idx),
            splits=tuple(self.splits[i] for i in idx),
            size=self.size,
            loader=load,
            labels=None if self.labels is None else self.labels[idx],
            votes=None if self.votes is None else self.votes[idx],
            groups=None if self.groups is None else tuple(self.groups[i] for i in idx),
            attributes={k: tuple(v[i] for i in idx) for k, v in self.attributes.items()},
            skipped=self.skipped,
            source=self.source,
        )

    def resized(self, size: tuple[int, int]) -> Dataset:
        """Return the data set with faces of `size` (height, width), resized as the device does."""
        height, width = size

        def load(wanted: Indices) -> Faces:
            faces = self.loader(wanted)
            out = np.empty((len(faces), height, width), np.uint8)
            for i, face in enumerate(faces):
                out[i] = resize(face, width, height)
            return out

        return replace(self, size=size, loader=load)

    def split(self, name: str) -> Dataset:
        """Return the part whose split is `name`; empty when there is none."""
        return self.select(np.flatnonzero(np.asarray(self.splits, dtype=object) == name))

    def split_counts(self) -> dict[str, int]:
        """Return how many faces each split has, in order of appearance."""
        counts: dict[str, int] = {}
        for name in self.splits:
            counts[name] = counts.get(name, 0) + 1
        return counts

    def test_split(self) -> str | None:
        """Return the split that figures are reported on, or None when there is only training."""
        present = set(self.splits)
        return next((s for s in TEST_SPLITS if s in present), None)

    def vote_distribution(self) -> NDArray[np.float32]:
        """Return how each face's votes are distributed, (N, C); rows add up to 1, or 0 without any.

        Raises:
            ValueError: the data set has no votes.
        """
        if self.votes is None:
            raise ValueError("this data set has no raters' votes")
        total = self.votes.sum(axis=1, keepdims=True)
        distribution: NDArray[np.float32] = self.votes / np.maximum(total, 1.0)
        return distribution

    def majority(self, *, at_least: int = 5) -> NDArray[np.int64]:
        """Return the class that more than half of the votes went to, or -1, shape (N,).

        Args:
            at_least: how many raters must have chosen it.

        Raises:
            ValueError: the data set has no votes.
        """
        if self.votes is None:
            raise ValueError("this data set has no raters' votes")
        best = self.votes.argmax(axis=1).astype(np.int64)
        count = self.votes.max(axis=1)
        sure = (count * 2 > self.votes.sum(axis=1)) & (count >= at_least)
        return np.where(sure, best, -1)
