"""`emotion-convert train`: from a data set to a Keras model with its record and curves."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convert.arch import NAMES
from convert.data import open_dataset
from convert.data.dataset import TEST_SPLITS, Dataset
from convert.train.options import add_options, recipe_from, size_of
from convert.train.recipe import Recipe
from convert.train.record import RECORD, versions
from convert.train.teacher import described, load_teachers, taking_turns
from edge.errors import ConfigError, StorageError, UnavailableError, UsageError

if TYPE_CHECKING:
    from convert.evaluate.scorer import Scorer
    from convert.train.loop import Training
    from convert.train.prepare import Counts, Part

MODEL, TABLE, PICTURE = "model.keras", "curves.csv", "curves.png"


def add_parser(subparsers: Any) -> None:
    """Add the command `train`."""
    parser = subparsers.add_parser(
        "train",
        help="train a model on a data set",
        description="Trains an architecture and writes model.keras, train.json, curves.csv and "
        "curves.png into a folder. Called again with the same folder after a kill, it goes on "
        "after the last whole epoch, with the same result as if it had not been killed.",
    )
    parser.add_argument("data", type=Path, help="a data set: folder or CSV table")
    parser.add_argument("--out", type=Path, required=True, help="folder for all that is written")
    parser.add_argument("--arch", choices=NAMES, default="edge", help="default: %(default)s")
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, write the results and return 0.

    Raises:
        EdgeError: options, data, a model file or the environment are not usable.
    """
    recipe = recipe_from(args)
    choose_backend(args.backend)
    data = open_dataset(args.data, size_of(args.size))
    if args.votes is None and data.votes is not None:
        recipe = replace(recipe, votes=1.0)
    if data.size != recipe.size:
        raise UsageError(
            f"--size: got {recipe.size[1]}x{recipe.size[0]}; this data is "
            f"{data.size[1]}x{data.size[0]}"
        )
    for skipped in data.skipped:
        print(f"skipped {skipped.file}: {skipped.reason}", file=sys.stderr)
    train, choose, counts = _prepared(args, recipe, data)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        teachers = load_teachers(args.teacher, data.classes)
        training = _training(args, recipe, data, train, teachers)
        teacher = taking_turns(teachers) if teachers else None
        training.run(train, choose, args.out, teacher=teacher)
        return _finish(args, recipe, data, counts, training, teachers)
    except OSError as e:
        raise StorageError(f"{e.filename or args.out}: {e.strerror or e}") from e
    except FloatingPointError as e:
        raise ConfigError(str(e)) from e


def choose_backend(name: str | None) -> None:
    """Let Keras run on `name`, or on what it is set to.

    Raises:
        EdgeError: there is no Keras, or it already runs on something else.
    """
    if name is not None:
        os.environ["KERAS_BACKEND"] = name
    try:
        import keras
    except ImportError as e:
        raise UnavailableError(
            f"Keras cannot be used ({e}); install it with: pip install 'emotion-edge[convert]'"
        ) from e
    if name is not None and keras.backend.backend() != name:
        raise UsageError(f"--backend {name}: Keras already runs on {keras.backend.backend()}")


def _prepared(args: argparse.Namespace, recipe: Recipe, data: Dataset) -> tuple[Part, Part, Counts]:
    from convert.train.prepare import prepare

    try:
        return prepare(
            data,
            votes=recipe.votes,
            expected=recipe.expected,
            smoothing=recipe.smoothing,
            balance=recipe.balance,
            holdout=recipe.holdout,
            limit=args.limit,
        )
    except ValueError as e:
        raise ConfigError(f"{args.data}: {e}") from e


def _training(
    args: argparse.Namespace,
    recipe: Recipe,
    data: Dataset,
    train: Part,
    teachers: Sequence[Scorer],
) -> Training:
    from convert.train.loop import Training

    try:
        digests = [described(t.path)["sha256"] for t in teachers]
        training = Training(recipe, len(data.classes), weights=args.weights, teachers=digests)
    except ValueError as e:
        raise UsageError(str(e)) from e
    if training.resume(args.out, train):
        done = len(training.history)
        print(f"going on after epoch {done} of {recipe.epochs}", file=sys.stderr)
    elif args.begin is not None:
        from convert.load import load_float

        begun = load_float(args.begin, classes=data.classes)
        try:
            training.begin_from(begun.network.get_weights())
        except ValueError as e:
            raise ConfigError(f"{args.begin}: its weights do not fit {recipe.arch}") from e
    return training


def _finish(
    args: argparse.Namespace,
    recipe: Recipe,
    data: Dataset,
    counts: Counts,
    training: Training,
    teachers: Sequence[Scorer],
) -> int:
    from convert.train import curves

    history = training.history
    save_whole(training.kept, args.out / MODEL)
    curves.write_table(history, args.out / TABLE)
    record: dict[str, Any] = {
        "command": shlex.join(["emotion-convert", *sys.argv[1:]]),
        "architecture": recipe.arch,
        "parameters": int(training.kept.count_params()),
        "labels": list(data.classes),
        "seed": recipe.seed,
        "recipe": asdict(recipe),
        "begun_from": described(args.begin) if args.begin else None,
        "teachers": [described(t.path) for t in teachers],
        "data": {
            "source": Path(data.source).name,
            "faces": data.split_counts(),
            "unreadable": len(data.skipped),
            **asdict(counts),
        },
        "validation": {k: v for k, v in history[-1].items() if k.startswith("validation_")},
        "seconds": round(sum(row["seconds"] for row in history)),
        "versions": versions(),
    }
    if args.test:
        record["test"] = _tested(training, recipe, data)
    text = json.dumps(record, indent=2) + "\n"
    (args.out / RECORD).write_text(text, encoding="utf-8")
    try:
        curves.draw(history, args.out / PICTURE)
    except UnavailableError as e:
        print(f"no {PICTURE}: {e}", file=sys.stderr)
    print(f"{args.out / MODEL}")
    return 0


def save_whole(model: Any, path: Path) -> None:
    """Save a Keras model so that there is either all of it or what was there before."""
    partial = path.with_name("partial-" + path.name)
    model.save(partial)
    partial.replace(path)


def _tested(training: Training, recipe: Recipe, data: Dataset) -> dict[str, Any]:
    from convert.train.loop import evaluate
    from convert.train.prepare import evaluation_part

    name = next((s for s in TEST_SPLITS if s in data.splits and s != "validation"), None)
    if name is None:
        raise UsageError("--test: the data has no test split")
    figures = evaluate(training.kept, evaluation_part(data.split(name), votes=recipe.votes))
    return {"split": name, **figures}
