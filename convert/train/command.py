"""`emotion-convert train`: from a data set to a Keras model with its record and curves."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convert.arch import BACKBONES
from convert.data import DataError, open_sized
from convert.data.dataset import TEST_SPLITS, Dataset
from convert.files import alone_in, replacing, write_text
from convert.labels import check_device_labels
from convert.train.begin import load_begun, model_file
from convert.train.checkpoint import STATE
from convert.train.options import Plan, add_options, plan_from
from convert.train.record import MODEL, RECORD, versions
from convert.train.runfile import CONFIG, config_text
from convert.train.teacher import described, load_teachers, taking_turns
from convert.train.tensorboard import event_files
from convert.train.unlabelled import origins, read_unlabelled, with_unlabelled
from convert.train.unused import check_used
from edge.errors import (
    ConfigError,
    NoInputError,
    StorageError,
    UnavailableError,
    UsageError,
)
from edge.model.manifest import sha256_of

if TYPE_CHECKING:
    from convert.evaluate.scorer import Scorer
    from convert.train.loop import Training
    from convert.train.prepare import Counts, Part

TABLE, PICTURE = "curves.csv", "curves.png"
# Not in `emotion-edge[convert]`: large, and one backend is enough.
INSTALL = {
    "torch": "pip install torch --index-url https://download.pytorch.org/whl/cpu",
    "jax": "pip install jax",
    "tensorflow": "pip install 'emotion-edge[convert]'",
}


def add_parser(subparsers: Any) -> None:
    """Add the command `train`."""
    parser = subparsers.add_parser(
        "train",
        help="train a model on a data set",
        description="Trains an architecture and writes model.keras, train.json, run.toml, "
        "curves.csv and curves.png into a folder. Called again with the same folder after a kill, "
        "it goes on after the last whole epoch, with the same result as if it had not been killed.",
    )
    parser.add_argument(
        "data", type=Path, nargs="?", help="a data set: folder or CSV table (default: --config's)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for all that is written")
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, write the results and return 0.

    Raises:
        EdgeError: options, data, a model file or the environment are not usable.
    """
    plan = plan_from(args)
    _check_free(plan.out)
    if plan.weights is not None and not plan.weights.is_file():
        raise NoInputError(f"--weights {plan.weights}: no such file")
    choose_backend(plan.backend)
    data = open_sized(plan.data, plan.recipe.size)
    if plan.config["votes"] is None and data.votes is not None:
        plan = replace(plan, recipe=replace(plan.recipe, votes=1.0))
    for words in check_used({**plan.config, "votes": plan.recipe.votes}, plan.given):
        print(f"--config says what does nothing: {words}", file=sys.stderr)
    for skipped in data.skipped:
        print(f"skipped {skipped.file}: {skipped.reason}", file=sys.stderr)
    check_device_labels(data.classes, str(plan.data))
    if plan.test:
        test_split(data)  # before hours of training, not after
    train, choose, counts = _prepared(plan, data)
    _warn_of_absent(data, train)
    prior = _named_prior(data, train)
    if plan.unlabelled:
        faces = read_unlabelled(plan.unlabelled, plan.recipe.size)
        print(f"{len(faces)} faces without a label", file=sys.stderr)
        train, counts = with_unlabelled(train, faces), replace(counts, unlabelled=len(faces))
    try:
        with alone_in(plan.out):
            work = _Work(
                plan, data, train, choose, counts, prior, load_teachers(plan.teachers, data.classes)
            )
            return work.run()
    except OSError as e:
        raise StorageError(f"{e.filename or plan.out}: {e.strerror or e}") from e
    except FloatingPointError as e:
        raise ConfigError(str(e)) from e


def choose_backend(name: str | None) -> None:
    """Let Keras run on `name`, or on what it is set to.

    Raises:
        EdgeError: there is no Keras or no such backend, or Keras already runs on something else.
    """
    if name is not None:
        if importlib.util.find_spec(name) is None:
            raise UnavailableError(
                f"--backend {name}: {name} is not installed; install it with: {INSTALL[name]}"
            )
        os.environ["KERAS_BACKEND"] = name
    try:
        import keras
    except ImportError as e:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        raise UnavailableError(
            f"Keras cannot be used ({e}); install it with: pip install keras, and its backend "
            f"with: {INSTALL.get(backend, INSTALL['tensorflow'])}"
        ) from e
    if name is not None and keras.backend.backend() != name:
        raise UsageError(f"--backend {name}: Keras already runs on {keras.backend.backend()}")


def _check_free(out: Path) -> None:
    """Refuse a folder with a model that no training here can go on with.

    Raises:
        DataError: it has one.
    """
    if (out / MODEL).exists() and not (out / STATE).exists():
        words = f"is there without {STATE} of a training, and would be replaced; use another --out"
        raise DataError(out / MODEL, f"{words}, or remove it to begin anew")


def test_split(data: Dataset) -> str:
    """Return the split that `--test` reports on.

    Raises:
        UsageError: there is none.
    """
    name = next((s for s in TEST_SPLITS if s in data.splits and s != "validation"), None)
    if name is None:
        have = ", ".join(data.split_counts())
        raise UsageError(f"--test: the data has no test split; it has: {have}")
    return name


def _prepared(plan: Plan, data: Dataset) -> tuple[Part, Part, Counts]:
    from convert.train.prepare import prepare

    recipe = plan.recipe
    try:
        return prepare(
            data,
            votes=recipe.votes,
            expected=recipe.expected,
            smoothing=recipe.smoothing,
            balance=recipe.balance,
            holdout=recipe.holdout,
            limit=plan.limit,
            seed=recipe.seed,
        )
    except ValueError as e:
        raise ConfigError(f"{plan.data}: {e}") from e


def _named_prior(data: Dataset, train: Part) -> dict[str, float]:
    return {n: round(float(p), 6) for n, p in zip(data.classes, train.prior(), strict=True)}


def _warn_of_absent(data: Dataset, train: Part) -> None:
    seen = set(train.targets.argmax(axis=1).tolist())
    absent = [name for c, name in enumerate(data.classes) if c not in seen]
    if absent:
        print(f"no training face shows most of all: {', '.join(absent)}", file=sys.stderr)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """One call of `train`, all its inputs at hand."""

    plan: Plan
    data: Dataset
    train: Part
    choose: Part
    counts: Counts
    prior: dict[str, float]
    teachers: Sequence[Scorer]

    def run(self) -> int:
        plan = self.plan
        begin = model_file(plan.begin) if plan.begin else None
        training = self._training(self._origin(begin))
        if training.resume(plan.out, self.train, self.choose):
            done = len(training.history)
            if _epochs_of(plan.out / RECORD) == plan.recipe.epochs == done:
                return self._already_done(training)
            print(f"going on after epoch {done} of {plan.recipe.epochs}", file=sys.stderr)
        elif begin is not None:
            begun = load_begun(begin)
            try:
                print(training.begin_from(begun, self.data.classes), file=sys.stderr)
            except ValueError as e:
                words = f"{plan.begin}: its weights do not fit {plan.recipe.arch}: {e}"
                raise ConfigError(words) from e
        elif plan.recipe.arch in BACKBONES and plan.weights is None:
            print(
                f"{plan.recipe.arch}: without --weights its backbone starts at random, not from "
                "ImageNet",
                file=sys.stderr,
            )
        write_text(plan.out / CONFIG, config_text(plan.config))
        teacher = taking_turns(self.teachers) if self.teachers else None
        with event_files(plan.tensorboard, plan.out, training.history, "epoch") as log:
            training.run(self.train, self.choose, plan.out, teacher=teacher, log=log)
        return self._finish(training, begin)

    def _origin(self, begin: Path | None) -> dict[str, Any]:
        """Return what a training must have in common with the state that it goes on from."""
        import keras

        weights = self.plan.weights
        return {
            "teachers": [described(t.path)["sha256"] for t in self.teachers],
            "begun_from": sha256_of(begin) if begin and begin.is_file() else None,
            "weights": sha256_of(weights) if weights and weights.is_file() else None,
            "backend": keras.backend.backend(),
            "classes": list(self.data.classes),
        }

    def _training(self, origin: dict[str, Any]) -> Training:
        from convert.train.loop import Training

        plan = self.plan
        try:
            return Training(
                plan.recipe, len(self.data.classes), weights=plan.weights, origin=origin
            )
        except ValueError as e:
            raise UsageError(str(e)) from e
        except OSError as e:  # of the backbone's weights, the only file that is read here
            raise ConfigError(f"--weights {e}") from e

    def _finish(self, training: Training, begin: Path | None) -> int:
        from convert.train import curves

        plan, history, out = self.plan, training.history, self.plan.out
        save_whole(training.kept, out / MODEL)
        curves.write_table(history, out / TABLE)
        try:
            curves.draw(history, out / PICTURE)
        except UnavailableError as e:
            print(f"no {PICTURE}: {e}", file=sys.stderr)
        record: dict[str, Any] = {
            "command": shlex.join(["emotion-convert", *sys.argv[1:]]),
            "architecture": plan.recipe.arch,
            "parameters": int(training.kept.count_params()),
            "labels": list(self.data.classes),
            "model_sha256": sha256_of(out / MODEL),
            "prior": self.prior,
            "seed": plan.recipe.seed,
            "recipe": asdict(plan.recipe),
            "begun_from": described(begin) if begin else None,
            "weights": described(plan.weights) if plan.weights else None,
            "teachers": [described(t.path) for t in self.teachers],
            "data": {
                "source": Path(self.data.source).name,
                "faces": self.data.split_counts(),
                "unreadable": len(self.data.skipped),
                **asdict(self.counts),
                **origins(plan.unlabelled),
            },
            "validation": {k: v for k, v in history[-1].items() if k.startswith("validation_")},
            "seconds": round(sum(row["seconds"] for row in history)),
            "versions": versions(),
        }
        if plan.test:
            record["test"] = self._tested(training)
        write_text(out / RECORD, json.dumps(record, indent=2) + "\n")
        print(f"{out / MODEL}")
        return 0

    def _already_done(self, training: Training) -> int:
        """Leave a finished training as it is, but for test or curves that are asked for now."""
        path = self.plan.out / RECORD
        with event_files(self.plan.tensorboard, self.plan.out, training.history, "epoch"):
            pass
        if self.plan.test:
            record = json.loads(path.read_text(encoding="utf-8"))
            record["test"] = self._tested(training)
            write_text(path, json.dumps(record, indent=2) + "\n")
        print(f"{self.plan.out}: already finished", file=sys.stderr)
        print(f"{self.plan.out / MODEL}")
        return 0

    def _tested(self, training: Training) -> dict[str, Any]:
        from convert.train.loop import evaluate
        from convert.train.prepare import evaluation_part

        name = test_split(self.data)
        part = evaluation_part(self.data.split(name), votes=self.plan.recipe.votes)
        found = {"split": name, **evaluate(training.kept, part)}
        said = ", ".join(f"{k} {v:.4f}" for k, v in found.items() if isinstance(v, float))
        print(f"{name}: {said}", file=sys.stderr)
        return found


def _epochs_of(record: Path) -> int | None:
    """Return how long the training was that ended with this record, or None where none did."""
    try:
        epochs: int = json.loads(record.read_text(encoding="utf-8"))["recipe"]["epochs"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return epochs


def save_whole(model: Any, path: Path) -> None:
    """Save a Keras model so that there is either all of it or what was there before."""
    with replacing(path) as partial:
        model.save(partial)
