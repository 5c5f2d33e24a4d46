"""The gate: is the quantised model still the same model?"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from convert.evaluate.metrics import accuracy, confusion, macro_f1, per_class

Scores = NDArray[np.floating]


Z95 = 1.645  # one-sided 95 % quantile of the normal distribution


@dataclass(frozen=True, slots=True)
class Bars:
    """What may be lost at most (`max_*`) or must be kept at least (`min_*`).

    A drop of accuracy or recall fails when it is beyond the bar with 95 % confidence, as a paired
    test says: quantising flips faces near a tie both ways, and few faces prove little. With
    `strict`, the drop itself counts, only that one face of a class is never too many.
    """

    max_accuracy_drop: float = 0.005  # of 1, so 0.005 is half a point
    max_f1_drop: float = 0.02
    max_recall_drop: float = 0.02  # of any class
    min_agreement: float = 0.95  # fraction of faces with the same best class
    max_shift: float = 0.25  # of any score of any face
    max_moved: float = 0.04  # fraction of a face's score that went to other classes, mean
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Parity:
    """Float against quantised on the same faces. Drops are positive when something was lost."""

    faces: int
    agreement: float
    largest_shift: float
    moved: float  # half the sum of |shift| over classes, mean over faces: total variation
    accuracy_float: float | None = None  # None throughout: the data has no truth for these labels
    accuracy_quantised: float | None = None
    f1_float: float | None = None
    f1_quantised: float | None = None
    support: tuple[int, ...] = ()  # faces of each class
    lost: tuple[int, ...] = ()  # of these, right as float and wrong now
    won: tuple[int, ...] = ()  # and the other way round


def measure(reference: Scores, quantised: Scores, truth: NDArray[np.int64] | None) -> Parity:
    """Compare scores, (n, C) each; `truth` (n,) has -1 where a face does not count, or is None."""
    shift = np.abs(reference.astype(np.float64) - quantised)
    a, b = reference.argmax(axis=1), quantised.argmax(axis=1)
    moved = float(shift.sum(axis=1).mean() / 2)
    plain = Parity(len(a), float((a == b).mean()), float(shift.max()), moved)
    known = None if truth is None else np.flatnonzero(truth >= 0)
    if truth is None or known is None or not known.size:
        return plain
    classes = reference.shape[1]
    before = confusion(truth[known], a[known], classes)
    after = confusion(truth[known], b[known], classes)
    return Parity(
        plain.faces,
        plain.agreement,
        plain.largest_shift,
        plain.moved,
        accuracy(before),
        accuracy(after),
        macro_f1(before),
        macro_f1(after),
        tuple(per_class(before).support.tolist()),
        _count(truth[known], (a[known] == truth[known]) & (b[known] != truth[known]), classes),
        _count(truth[known], (a[known] != truth[known]) & (b[known] == truth[known]), classes),
    )


def _count(truth: NDArray[np.int64], which: NDArray[np.bool_], classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(truth[which], minlength=classes).tolist())


def failures(parity: Parity, bars: Bars, labels: tuple[str, ...]) -> list[str]:
    """Return what is below the bar, one sentence each; empty when the model passes."""
    found = []

    def hold(what: str, value: float, bar: float, *, at_least: bool = False) -> None:
        if not (value >= bar if at_least else value <= bar):  # so that nan fails
            word = "at least" if at_least else "at most"
            found.append(f"{what}: got {value:.4f}; allowed: {word} {bar:g}")

    hold("agreement of the predicted class", parity.agreement, bars.min_agreement, at_least=True)
    hold("largest shift of a score", parity.largest_shift, bars.max_shift)
    hold("mean fraction of a face's score that moved", parity.moved, bars.max_moved)

    def hold_drop(what: str, lost: int, won: int, n: int, bar: float, *, spared: int) -> None:
        by_chance = 0.0 if bars.strict else Z95 * math.sqrt(lost + won) / n
        drop = (lost - won) / n
        if drop - by_chance > max(bar, spared / n + 1e-9):
            found.append(f"{what}: got {drop:.4f}; allowed: at most {bar:g}")

    if parity.accuracy_float is not None:
        n = sum(parity.support)
        lost, won = sum(parity.lost), sum(parity.won)
        hold_drop("drop of accuracy", lost, won, n, bars.max_accuracy_drop, spared=0)
    if parity.f1_float is not None and parity.f1_quantised is not None:
        drop = parity.f1_float - parity.f1_quantised
        if not drop - _f1_by_chance(parity, bars) <= bars.max_f1_drop:
            found.append(f"drop of macro-F1: got {drop:.4f}; allowed: at most {bars.max_f1_drop:g}")
    rows = zip(labels, parity.lost, parity.won, parity.support, strict=False)
    for label, lost, won, n in rows:
        if n:
            what = f"drop of recall of {label}"
            hold_drop(what, lost, won, n, bars.max_recall_drop, spared=1)
    return found


def _f1_by_chance(parity: Parity, bars: Bars) -> float:
    """Return how far macro-F1 falls by chance: as the mean of the recalls does, near enough."""
    if bars.strict:
        return 0.0
    flips = zip(parity.lost, parity.won, parity.support, strict=True)
    variances = [(lost + won) / n**2 for lost, won, n in flips if n]
    return Z95 * math.sqrt(sum(variances)) / max(len(variances), 1)


def add_bar_options(parser: argparse.ArgumentParser) -> None:
    """Add one option a bar."""
    group = parser.add_argument_group("the gate: float against quantised on real faces")
    group.add_argument(
        "--strict",
        action="store_true",
        help="drops count as measured, not only when chance cannot explain them (95 %%)",
    )
    helps = {
        "max_accuracy_drop": "fraction of faces",
        "max_f1_drop": "macro-F1",
        "max_recall_drop": "of any class",
        "min_agreement": "fraction of faces with the same predicted class",
        "max_shift": "of any score of any face",
        "max_moved": "fraction of a face's score that went to other classes, mean over faces",
    }
    for field in fields(Bars):
        if field.name == "strict":
            continue
        name = "--" + field.name.replace("_", "-")
        text = f"{helps[field.name]} (default %(default)s)"
        group.add_argument(name, type=float, default=field.default, metavar="X", help=text)


def bars_from(args: argparse.Namespace) -> Bars:
    """Return the bars that the options set."""
    return Bars(**{field.name: getattr(args, field.name) for field in fields(Bars)})
