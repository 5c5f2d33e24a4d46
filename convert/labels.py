"""What a model's outputs are called, and whether that can be true."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.data.names import class_name
from edge.errors import ConfigError
from edge.model.manifest import Label

log = logging.getLogger(__name__)

GIVEN, PUBLISHED, DATA = "--labels", "its publisher", "the data"
RECORDED = "the record beside it (train.json or manifest.json)"

# When another order of the labels is believed: a permutation of labels turns a good model into a
# bad one, so the order that fits has to be good, and much better than the one assumed.
MIN_FACES = 30
MIN_GAIN = 0.15  # of accuracy, over the order assumed
MIN_SKILL = 0.15  # of accuracy, over always answering the most frequent class


@dataclass(frozen=True, slots=True)
class Names:
    """The C output names in order, and who says so: one of the constants above."""

    labels: tuple[str, ...]
    origin: str


def output_names(
    path: Path,
    outputs: int,
    *,
    given: str | None,
    recorded: Sequence[str] | None,
    published: Sequence[str] | None,
    classes: Sequence[str],
) -> Names:
    """Return the names of a model's outputs.

    The first of `--labels`, the training's record, the publisher and the data that says anything
    decides; another that contradicts it is an error, because one of the two must be wrong.

    Args:
        path: of the model, for messages.
        outputs: how many it has.
        given: names with commas between, as a data set's classes may be written; or None.
        recorded: by the training's record, or None.
        published: known of a published file, or None.
        classes: of the data, used only where nothing else names the outputs.

    Raises:
        ConfigError: the names contradict each other or the outputs, or are no names.
    """
    sources = [
        (GIVEN, None if given is None else tuple(class_name(n) for n in given.split(","))),
        (RECORDED, None if recorded is None else tuple(recorded)),
        (PUBLISHED, None if published is None else tuple(published)),
    ]
    said = [Names(names, origin) for origin, names in sources if names is not None]
    for other in said[1:]:
        if other.labels != said[0].labels:
            raise ConfigError(
                f"{path}: {said[0].origin} names its outputs {', '.join(said[0].labels)}; "
                f"{other.origin}: {', '.join(other.labels)}; allowed: the same names in both"
            )
    found = said[0] if said else Names(tuple(classes), DATA)
    if len(found.labels) != outputs:
        hint = "" if found.origin == GIVEN else "; name the outputs with --labels A,B,..."
        raise ConfigError(
            f"{path}: {outputs} outputs, but {len(found.labels)} labels from {found.origin} "
            f"({', '.join(found.labels) or 'none'}){hint}"
        )
    if len(set(found.labels)) != len(found.labels) or not all(found.labels):
        raise ConfigError(f"{found.origin}: got {','.join(found.labels)}; allowed: different names")
    if found.origin == DATA:
        log.warning(
            "%s does not name its outputs; taken to be %s, in the data's order; "
            "if that is wrong, name them with --labels A,B,...",
            path,
            ", ".join(found.labels),
        )
    return found


def check_device_labels(labels: Sequence[str], where: str) -> None:
    """Refuse class names that a manifest cannot hold, before any work is done.

    Raises:
        ConfigError: names the first one that cannot.
    """
    for name in labels:
        try:
            msgspec.convert(name, Label)
        except msgspec.ValidationError as e:
            raise ConfigError(
                f"{where}: class {name!r}; allowed on the device: a letter a to z, then up to 31 "
                "of a to z, 0 to 9, space, _ and -; rename the class"
            ) from e


def likelier_order(
    confusion: NDArray[np.integer], labels: Sequence[str]
) -> tuple[tuple[str, ...], float, float] | None:
    """Return an order of labels that fits much better, with both accuracies; None without one.

    The order is the assignment of outputs to classes with the most right answers (Kuhn 1955).

    Args:
        confusion: (C, C) counts; rows are the truth, columns the outputs as they are named now.
        labels: C names.
    """
    from scipy.optimize import linear_sum_assignment

    n = int(confusion.sum())
    if n < MIN_FACES:
        return None
    rows, columns = linear_sum_assignment(confusion, maximize=True)
    now, then = np.trace(confusion) / n, confusion[rows, columns].sum() / n
    skill = then - confusion.sum(axis=1).max() / n
    if then - now < MIN_GAIN or skill < MIN_SKILL:
        return None
    order = list(labels)
    for row, column in zip(rows, columns, strict=True):
        order[column] = labels[row]
    return tuple(order), float(now), float(then)


def order_message(name: str, found: tuple[tuple[str, ...], float, float]) -> str:
    """Return what to say about an order that fits much better."""
    order, now, then = found
    return (
        f"{name}: its outputs seem to be in another order: named as they are, {now:.1%} are right; "
        f"as --labels {','.join(order)}, {then:.1%}"
    )
