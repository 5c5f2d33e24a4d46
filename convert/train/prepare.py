"""What goes into training: which faces, held out from which, with which targets and weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.data.dataset import TEST_SPLITS, Dataset, Faces
from convert.train.expected import expected_labels
from convert.train.holdout import SPLIT, held_out_by, hold_out

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Part:
    """Faces (n, height, width) with targets (n, classes), weights (n,) and true classes (n,).

    `truth` is what accuracy is counted against: the label, or the raters' majority; -1 for a face
    that does not count because the raters do not agree. A face whose targets are all 0 is without
    a label: it learns from teachers alone.
    """

    faces: Faces
    targets: Floats
    weights: Floats
    truth: NDArray[np.int64]
    distribution: Floats | None  # of raters, where there are votes

    def prior(self) -> NDArray[np.float64]:
        """Return how probable each class is in what is learnt, weights included, (classes,)."""
        mean = (self.targets * self.weights[:, None]).sum(axis=0, dtype=np.float64)
        result: NDArray[np.float64] = mean / mean.sum()
        return result

    def digest(self) -> str:
        """Return a digest of all that is learnt from: faces, targets and weights."""
        digest = hashlib.sha256()
        for array in (self.faces, self.targets, self.weights):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many faces were used and left out, for the record."""

    train: int
    validation: int
    identical_to_test: int
    identical_to_validation: int  # to a face that is chosen by, and to no test face
    without_target: int
    held_out_by: str  # `face` or `person`; `split`: none were, for there is a split
    unlabelled: int = 0  # faces more, of which only teachers say anything


def pixel_keys(faces: Faces) -> list[bytes]:
    """Return a digest of each face's pixels, equal only for identical faces."""
    return [hashlib.sha1(f.tobytes(), usedforsecurity=False).digest() for f in faces]


def targets_of(
    data: Dataset, *, votes: float, expected: float = 0.0, smoothing: float = 0.0
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the targets (n, classes) and which faces have one (n,).

    Args:
        data: labels, votes or both.
        votes: weight of the raters' votes against the label, 0 (label only) to 1 (votes only).
        expected: fraction of a label that is replaced by what the votes lead one to expect.
        smoothing: fraction of a target that is spread evenly over all classes.

    Raises:
        ValueError: what the weight asks for is not in the data.
    """
    n, c = len(data), len(data.classes)
    out = np.zeros((n, c), np.float32)
    usable = np.ones(n, bool)
    if votes < 1:
        if data.labels is None:
            raise ValueError("targets: the data has no labels")
        usable &= data.labels >= 0
        label = np.eye(c, dtype=np.float32)[np.maximum(data.labels, 0)]
        if expected > 0:
            label = (1 - expected) * label + expected * expected_labels(data)
        out += (1 - votes) * label
    if votes > 0:
        distribution = data.vote_distribution()
        usable &= distribution.sum(axis=1) > 0
        out += votes * distribution
    return (1 - smoothing) * out + smoothing / c, usable


def class_weights(targets: Floats, power: float) -> Floats:
    """Return one weight a class, inverse to its frequency to `power`; 1 on average over faces."""
    frequency = np.maximum(targets.mean(axis=0), 1e-6)
    weight = frequency ** (-power)
    result: Floats = (weight / (weight * frequency).sum()).astype(np.float32)
    return result


def prepare(
    data: Dataset,
    *,
    votes: float = 0.0,
    expected: float = 0.0,
    smoothing: float = 0.0,
    balance: float = 0.0,
    holdout: float = 0.05,
    limit: int | None = None,
    seed: int = 1,
) -> tuple[Part, Part, Counts]:
    """Split training faces into a part to train on and a part to choose by.

    A training face that is pixel-identical to one of a test split, or to one that is chosen by, is
    left out. People are held out by a digest of their names, faces of nobody known by a digest of
    their pixels: identical ones go to the same side, whatever their order. Where the data has a
    `validation` split, that is the part to choose by.

    Args:
        data: any data set with a `train` split.
        votes: see `targets_of`.
        expected: see `targets_of`.
        smoothing: see `targets_of`.
        balance: 0 weighs faces alike, 1 classes alike.
        holdout: fraction of the training faces to choose by, above 0 and below 1.
        limit: use only so many training faces (for a trial run), of each class in proportion.
        seed: of their choice.

    Raises:
        ValueError: there is nothing to train on or to choose by, only one class, or no targets of
            that kind.
    """
    train = data.split("train")
    keys = pixel_keys(train.faces())
    tested = _among(keys, data, [s for s in TEST_SPLITS if s != "validation"])
    chosen_by = _among(keys, data, ["validation"]) & ~tested
    fresh = ~(tested | chosen_by)
    targets, usable = targets_of(train, votes=votes, expected=expected, smoothing=smoothing)
    without = int((fresh & ~usable).sum())
    keep = np.flatnonzero(fresh & usable)
    identical = int(chosen_by.sum())
    if "validation" in data.splits:
        choose, used, by = data.split("validation"), keep, SPLIT
    else:
        people = None if train.groups is None else [train.groups[i] for i in keep]
        held = hold_out([keys[i] for i in keep], people, holdout)
        choose, used, by = train.select(keep[held]), keep[~held], held_out_by(people)
        known = {keys[i] for i in keep[held]}
        also = np.array([keys[i] in known for i in used], bool)  # of another person
        used, identical = used[~also], int(also.sum())
    if limit is not None:
        used = used[stratified(targets[used].argmax(axis=1), limit, seed)]
    if not len(used) or not len(choose):
        held_out = "" if "validation" in data.splits else f" (--holdout {holdout:g} of them)"
        raise ValueError(
            f"data: {len(used)} faces to train on and {len(choose)} to choose by{held_out}; "
            "allowed: at least 1 of each"
        )
    present = np.flatnonzero((targets[used] > 1.01 * smoothing / len(data.classes)).any(axis=0))
    if len(present) < 2:
        only = ", ".join(data.classes[c] for c in present)
        raise ValueError(f"data: all training faces are {only}; allowed: at least 2 classes")
    weight = _weights(train, targets, votes, balance)
    learnt = train.select(used)
    return (
        Part(
            learnt.faces(),
            targets[used],
            weight[used],
            _truth(learnt, votes),
            _votes(learnt),
        ),
        evaluation_part(choose, votes=votes),
        Counts(len(used), len(choose), int(tested.sum()), identical, without, by),
    )


def _among(keys: list[bytes], data: Dataset, splits: list[str]) -> NDArray[np.bool_]:
    """Return which of the keys are those of a face in one of these splits."""
    known = {key for name in splits for key in pixel_keys(data.split(name).faces())}
    return np.array([key in known for key in keys], bool)


def stratified(classes: NDArray[np.integer], count: int, seed: int) -> NDArray[np.intp]:
    """Return the sorted indices of a random sample, of each class in proportion to its size.

    Each class keeps at least one, as far as `count` goes.

    Args:
        classes: (n,) class of each.
        count: how many to keep at most.
        seed: of the sample.
    """
    if count >= len(classes):
        return np.arange(len(classes))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(classes))
    # Rank within its class, as a fraction of it: taking the smallest takes classes evenly.
    rank = np.empty(len(classes))
    for c in np.unique(classes):
        here = order[classes[order] == c]
        rank[here] = np.arange(len(here)) / len(here)
    shuffled = order[np.argsort(rank[order], kind="stable")]
    return np.sort(shuffled[:count])


def evaluation_part(data: Dataset, *, votes: float) -> Part:
    """Return all faces of `data` to evaluate on; a face without a target weighs nothing.

    What learns from votes alone is evaluated by the raters' votes, anything else by the labels.

    Raises:
        ValueError: what it is to be evaluated by is not in the data.
    """
    targets, usable = targets_of(data, votes=1.0 if votes == 1 else 0.0)
    weights = usable.astype(np.float32)
    return Part(data.faces(), targets, weights, _truth(data, votes), _votes(data))


def _truth(data: Dataset, votes: float) -> NDArray[np.int64]:
    if votes == 1:
        return data.majority()
    assert data.labels is not None  # else `targets_of` had refused
    return data.labels


def _votes(data: Dataset) -> Floats | None:
    return None if data.votes is None else data.vote_distribution()


def _weights(data: Dataset, targets: Floats, votes: float, balance: float) -> Floats:
    weight = targets @ class_weights(targets, balance)
    if votes > 0 and data.votes is not None:
        # Three votes say less than ten.
        total = data.votes.sum(axis=1)
        known = 1 - votes + votes * total / max(float(total.max()), 1.0)
        weight = weight * known.astype(np.float32)
    result: Floats = (weight / weight.mean()).astype(np.float32)
    return result
