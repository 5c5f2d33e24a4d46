"""The gate: is the quantised model still the same model?"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from convert.judge.metrics import accuracy, confusion, macro_f1, per_class

Scores = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Bars:
    """What may be lost at most (`max_*`) or must be kept at least (`min_*`)."""

    max_accuracy_drop: float = 0.005  # shares, so 0.005 is half a point
    max_f1_drop: float = 0.02
    max_recall_drop: float = 0.02  # of any class; one face is always allowed
    min_agreement: float = 0.95  # share of faces with the same best class
    max_shift: float = 0.25  # of any score of any face
    max_moved: float = 0.04  # share of a face's score that went to other classes, mean


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
    recall_float: tuple[float, ...] = ()
    recall_quantised: tuple[float, ...] = ()
    support: tuple[int, ...] = ()


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
        tuple(per_class(before).recall.tolist()),
        tuple(per_class(after).recall.tolist()),
        tuple(per_class(before).support.tolist()),
    )


def failures(parity: Parity, bars: Bars, labels: tuple[str, ...]) -> list[str]:
    """Return what is below the bar, one sentence each; empty when the model passes."""
    found = []

    def hold(what: str, value: float, bar: float, *, at_least: bool = False) -> None:
        if not (value >= bar if at_least else value <= bar):  # so that nan fails
            word = "at least" if at_least else "at most"
            found.append(f"{what}: got {value:.4f}; allowed: {word} {bar:g}")

    hold("agreement of the predicted class", parity.agreement, bars.min_agreement, at_least=True)
    hold("largest shift of a score", parity.largest_shift, bars.max_shift)
    hold("share of the scores that moved", parity.moved, bars.max_moved)
    if parity.accuracy_float is not None and parity.accuracy_quantised is not None:
        drop = parity.accuracy_float - parity.accuracy_quantised
        hold("drop of accuracy", drop, bars.max_accuracy_drop)
    if parity.f1_float is not None and parity.f1_quantised is not None:
        hold("drop of macro-F1", parity.f1_float - parity.f1_quantised, bars.max_f1_drop)
    rows = zip(labels, parity.recall_float, parity.recall_quantised, parity.support, strict=False)
    for label, before, after, n in rows:
        if n:  # one face of a rare class is more than two points, and no evidence
            bar = max(bars.max_recall_drop, 1 / n + 1e-9)
            hold(f"drop of recall of {label}", before - after, bar)
    return found


def add_bar_options(parser: argparse.ArgumentParser) -> None:
    """Add one option a bar."""
    group = parser.add_argument_group("the gate: float against quantised on real faces")
    helps = {
        "max_accuracy_drop": "share of faces",
        "max_f1_drop": "macro-F1",
        "max_recall_drop": "of any class; one face is always allowed",
        "min_agreement": "share of faces with the same predicted class",
        "max_shift": "of any score of any face",
        "max_moved": "share of a face's score that went to other classes, mean over faces",
    }
    for field in fields(Bars):
        name = "--" + field.name.replace("_", "-")
        text = f"{helps[field.name]} (default %(default)s)"
        group.add_argument(name, type=float, default=field.default, metavar="X", help=text)


def bars_from(args: argparse.Namespace) -> Bars:
    """Return the bars that the options set."""
    return Bars(**{field.name: getattr(args, field.name) for field in fields(Bars)})
