"""Beginning with what another model has learnt: its weights, and its head where classes agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from convert.safety import KERAS_SUFFIXES, check_model_file
from convert.train.record import MODEL, labels_beside
from edge.errors import ConfigError, NoInputError
from edge.model.manifest import MANIFEST, find_model, is_shipped

Arrays = list[NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """What a training begins from: its file, weights as `get_weights` gives them, and classes."""

    path: Path
    weights: Arrays
    labels: tuple[str, ...] | None  # of the outputs; None: nobody says


def model_file(given: str) -> Path:
    """Return the Keras file that is meant: a file, a folder with `model.keras`, a shipped model.

    Raises:
        NoInputError: there is none; says what is there.
    """
    path = Path(given)
    if path.is_file() or path.suffix in KERAS_SUFFIXES:
        return path
    if path.is_dir() and not is_shipped(given):
        folder = path
    else:
        try:
            folder = find_model(given)
        except ConfigError as e:
            raise NoInputError(f"--from {given}: no such file or model folder") from e
    if not (folder / MODEL).is_file():
        what = "has the quantised file only" if (folder / MANIFEST).is_file() else "has none"
        raise NoInputError(
            f"--from {given}: {folder} {what}; allowed: a Keras file, or a folder with {MODEL}"
        )
    return folder / MODEL


def load_begun(path: Path) -> Begun:
    """Load the weights of a Keras model.

    Raises:
        EdgeError: it is missing, damaged, or would run code.
    """
    from convert.load import known_labels, load_keras

    check_model_file(path)
    network = load_keras(path)
    return Begun(path, network.get_weights(), labels_beside(path) or known_labels(path))


def head_of(network: Any) -> Any:
    """Return the layer that makes the classes: the last one with weights."""
    return next(layer for layer in reversed(network.layers) if layer.weights)


def freeze_below_head(network: Any) -> None:
    """Let nothing but the head be trained; batch normalisation below it keeps its statistics."""
    head = head_of(network)
    for layer in network.layers:
        layer.trainable = layer is head


def weights_for(network: Any, begun: Begun, labels: Sequence[str]) -> tuple[Arrays, str]:
    """Return weights for `network` out of those of `begun`, and in words what became of the head.

    The head is taken over where the classes are the same, in the same order. Where they are not,
    classes that both have keep theirs, the others stay as `network` has them.

    Args:
        network: a Keras model of as many outputs as there are `labels`.
        begun: what to begin from.
        labels: C names.

    Raises:
        ValueError: the two are not of one architecture.
    """
    own: Arrays = network.get_weights()
    head = {id(v) for v in head_of(network).weights}
    at = [i for i, v in enumerate(network.weights) if id(v) in head]
    if len(own) != len(begun.weights):
        raise ValueError("not of the same architecture")
    for i, (mine, theirs) in enumerate(zip(own, begun.weights, strict=True)):
        same = mine.shape[:-1] == theirs.shape[:-1] if i in at else mine.shape == theirs.shape
        if not same:
            raise ValueError("not of the same architecture")
    before = begun.weights[at[0]].shape[-1]
    theirs_named = begun.labels if begun.labels and len(begun.labels) == before else None
    if theirs_named == tuple(labels) or (theirs_named is None and before == len(labels)):
        unsure = "" if theirs_named else "; its classes are taken to be those of the data"
        return list(begun.weights), f"begins with {begun.path}{unsure}"
    out = [m if i in at else t for i, (m, t) in enumerate(zip(own, begun.weights, strict=True))]
    shared = [name for name in labels if theirs_named and name in theirs_named]
    for i in at:
        out[i] = own[i].copy()
        for name in shared:
            assert theirs_named is not None
            out[i][..., labels.index(name)] = begun.weights[i][..., theirs_named.index(name)]
    new = [name for name in labels if name not in shared]
    words = f"begins with {begun.path}; its head of {before} classes is replaced"
    if shared:
        words += f": {', '.join(shared)} keep theirs"
    return out, words + (f", {', '.join(new)} begin at random" if new else "")
