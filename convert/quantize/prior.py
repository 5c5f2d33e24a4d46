"""`emotion-convert prior`: how frequent the classes were in training, into a manifest."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset, open_dataset, open_sized
from convert.files import write_text
from convert.train.holdout import as_trained
from convert.train.prepare import prepare
from edge.errors import ConfigError, UsageError
from edge.model.manifest import MANIFEST, Manifest, find_model, is_shipped, load_manifest

log = logging.getLogger(__name__)

DIGITS = 6


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "prior",
        help="write into a manifest how frequent the classes were in training",
        description="Works out the class probabilities of what a model was trained on, as its own "
        "record says (labels or raters' votes, weights, faces left out), and writes them into its "
        "manifest as `prior`: what --prior and the daemon's classify.prior start from. Models that "
        "`train` and `quantize` make have it already.",
    )
    p.add_argument("model", help="model folder, or the name of a shipped model")
    p.add_argument("data", type=Path, help="the data set that it was trained on")
    p.add_argument("--dry-run", action="store_true", help="print it, write nothing")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Work it out, print it, write it.

    Raises:
        EdgeError: the model or the data cannot be read, or do not belong together.
        OSError: the manifest cannot be written.
    """
    folder = find_model(args.model)
    if is_shipped(args.model) and Path(args.model).exists():  # which of them would be written to?
        raise UsageError(
            f"{args.model}: a shipped model, and ./{args.model} is here too; allowed: "
            f"./{args.model}, or {folder}"
        )
    manifest = load_manifest(folder)
    found = prior_of(manifest, args.data, str(folder))
    if not args.dry_run:
        content = msgspec.structs.replace(manifest, prior=found)
        text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
        write_text(folder / MANIFEST, text + "\n")
    print(json.dumps(found, indent=1))
    return 0


def prior_of(manifest: Manifest, data_path: Path, where: str) -> dict[str, float]:
    """Return the class probabilities of a model's training data by label.

    Args:
        manifest: of the model; its `provenance.training` says what it learnt from; without one,
            it is taken to have learnt from the labels of `train`, all alike.
        data_path: the data set.
        where: the model's place, for messages.

    Raises:
        ConfigError: the manifest does not say, or the data has other classes.
    """
    training: Any = manifest.provenance.get("training")
    if training:
        data, values = _learnt(training, data_path, where)
    else:
        log.warning("%s: no record of training; taken to have learnt from all labels alike", where)
        data = open_dataset(data_path)
        labels = data.split("train").labels
        known = np.array([], np.int64) if labels is None else labels[labels >= 0]
        counts = np.bincount(known, minlength=len(data.classes))
        values = counts / max(int(counts.sum()), 1)
    if set(data.classes) != set(manifest.labels):
        raise ConfigError(
            f"{data_path}: has {', '.join(data.classes)}; allowed: the model's labels, "
            f"{', '.join(manifest.labels)}"
        )
    if not (values > 0).all():
        missing = [data.classes[c] for c in np.flatnonzero(values <= 0)]
        raise ConfigError(f"{data_path}: nothing to learn about {', '.join(missing)}")
    by_class = dict(zip(data.classes, values.tolist(), strict=True))
    return {name: round(by_class[name], DIGITS) for name in manifest.labels}


def _learnt(training: Any, data_path: Path, where: str) -> tuple[Dataset, NDArray[np.float64]]:
    """Return the data, and how probable each of its classes is in what a training learnt."""
    try:
        record = (training.get("averaged") or [training])[0]
        recipe = record["recipe"]
        votes, balance = float(recipe["votes"]), float(recipe.get("balance", 0.0))
        holdout = float(recipe["holdout"])
        size = (int(recipe["size"][0]), int(recipe["size"][1]))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as e:
        raise ConfigError(
            f"{where}: its manifest has no record of training: {type(e).__name__} {e}"
        ) from e
    data = as_trained(open_sized(data_path, size), record)
    try:
        train, _, _ = prepare(data, votes=votes, balance=balance, holdout=holdout)
    except ValueError as e:
        raise ConfigError(f"{data_path}: {e}") from e
    return data, train.prior()
