"""The options of `train`: a named recipe, a file of an earlier run, and the command line, merged.

What is given on the command line wins over `--config`, that over `--recipe`, that over the usual.
In a file, a key is the option's name.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.arch import NAMES
from convert.train.defaults import DEFAULTS, RECIPES
from convert.train.recipe import (
    CHANGES,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    USUAL,
    Recipe,
    recipe_from,
)
from convert.train.runfile import BACKENDS, CONFIG, absolute, check_names, check_types, read_config
from convert.train.tensorboard import HELP
from convert.train.unused import check_used
from edge.errors import UsageError


@dataclass(frozen=True, slots=True)
class Plan:
    """One training: the recipe, and where everything is.

    Attributes:
        recipe: what decides the result besides the files.
        data: a data set.
        out: folder for all that is written.
        begin: model to go on from, as it was given.
        weights: of a transfer architecture's backbone.
        teachers: models whose scores are learnt, as they were given.
        unlabelled: folders and archives of more faces, of which only the teachers say anything.
        backend: of Keras, or None for the one it is set to.
        limit: train on so many faces only.
        test: report on the test split.
        tensorboard: write event files for TensorBoard.
        config: every option's value as it can be given again.
        given: names of the options that are on the command line.
    """

    recipe: Recipe
    data: Path
    out: Path
    begin: str | None
    weights: Path | None
    teachers: tuple[str, ...]
    unlabelled: tuple[Path, ...]
    backend: str | None
    limit: int | None
    test: bool
    tensorboard: bool
    config: Mapping[str, Any]
    given: frozenset[str]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides a training; an option that is not given is absent from the namespace."""

    def add(group: Any, name: str, text: str, **more: Any) -> None:
        key = name.strip("-").replace("-", "_")
        usual = DEFAULTS[key]
        if usual is not None and usual != [] and usual is not False:
            text += f" (default: {usual})"
        more.setdefault("dest", key)
        group.add_argument(name, default=argparse.SUPPRESS, help=text, **more)

    files = parser.add_argument_group("settings from elsewhere")
    files.add_argument(
        "--recipe", choices=sorted(RECIPES), help="settings of a classic project; options change it"
    )
    files.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"settings of an earlier run, its {CONFIG}; options change it",
    )
    targets = parser.add_argument_group("what is learnt")
    add(
        targets,
        "--votes",
        "weight of the raters' votes against the labels, 0 to 1 (default: 1 where the data has "
        "votes, else 0)",
        type=float,
        metavar="WEIGHT",
    )
    add(
        targets,
        "--expected",
        "of a label that is replaced by what the raters' votes lead one to expect, which takes "
        "noise out of labels",
        type=float,
        metavar="WEIGHT",
    )
    add(
        targets,
        "--smoothing",
        "of a label that is spread over all classes",
        type=float,
        metavar="FRACTION",
    )
    add(targets, "--balance", "0 weighs faces alike, 1 classes alike", type=float, metavar="POWER")
    add(
        targets,
        "--teacher",
        "a trained model whose scores are learnt as well: a Keras file, a model folder (int8 is "
        "quickest) or the name of a shipped model; given several times, they take turns",
        action="append",
        metavar="MODEL",
    )
    add(
        targets,
        "--teacher-weight",
        "of the teacher's scores in the targets",
        type=float,
        metavar="WEIGHT",
    )
    add(
        targets,
        "--unlabelled",
        "more faces, of which only the teachers say anything: a folder of pictures (the largest "
        "face of each), or an archive of photographs with boxes (.npz); several times for more",
        action="append",
        metavar="PATH",
    )
    begin = parser.add_argument_group("where it begins")
    add(
        begin,
        "--from",
        "a trained model of the same architecture to go on from: a Keras file, or a folder with "
        "model.keras; for other classes, its head is replaced",
        dest="from",
        metavar="MODEL",
    )
    add(
        begin,
        "--weights",
        "Keras weights for the backbone of a transfer architecture",
        metavar="FILE",
    )
    add(begin, "--freeze", "train the head only, on the features it began with",
        action="store_true")  # fmt: skip
    add(begin, "--seed", "of everything random", type=int)
    course = parser.add_argument_group("how it goes")
    add(course, "--arch", "what to train", choices=NAMES)
    add(course, "--epochs", "how many", type=int)
    add(course, "--batch", "faces a step", type=int)
    add(course, "--optimizer", "sgd has Nesterov momentum", choices=OPTIMIZERS)
    add(course, "--rate", "peak learning rate", type=float)
    add(course, "--schedule", "of the rate after the warm-up", choices=SCHEDULES)
    add(
        course,
        "--warmup",
        f"until the peak (default: {USUAL.warmup_epochs:g}, at most a fifth of all)",
        type=float,
        metavar="EPOCHS",
    )
    add(
        course,
        "--weight-decay",
        f"decoupled from the gradient (default: {USUAL.weight_decay}; adam has none)",
        type=float,
    )
    add(
        course,
        "--averaging",
        "of the averaged weights a step, 0 for none",
        type=float,
        metavar="DECAY",
    )
    add(
        course,
        "--augment",
        "how far faces are changed, of the usual; 0: not at all",
        type=float,
        metavar="STRENGTH",
    )
    add(
        course,
        "--changes",
        "how faces are changed: moves are mirror images, turns, shifts and sizes; all are light, "
        "noise, blur, resolution and covered parts too",
        choices=CHANGES,
    )
    add(
        course,
        "--holdout",
        "of the training faces kept to choose by, where the data has no validation split",
        type=float,
        metavar="FRACTION",
    )
    add(
        course,
        "--limit",
        "train on so many only, of each class in proportion",
        type=int,
        metavar="FACES",
    )
    add(course, "--size", "of a face in pixels", metavar="WxH")
    add(course, "--precision", "of the arithmetic", choices=PRECISIONS)
    add(course, "--backend", "of Keras (default: what Keras is set to)", choices=BACKENDS)
    add(
        course,
        "--test",
        "report on the test split, once, when all choices are made",
        action="store_true",
    )
    add(course, "--tensorboard", HELP, action="store_true")


def plan_from(args: argparse.Namespace) -> Plan:
    """Return the training that the options ask for; without `--votes`, it depends on the data.

    Raises:
        UsageError: one or more values are out of range, or do nothing; all are named.
        ConfigError: the file of `--config` is not one that a run wrote.
        NoInputError: it is not there.
    """
    given = {k: v for k, v in vars(args).items() if k in DEFAULTS}
    recipe = RECIPES.get(args.recipe, {}) if args.recipe else {}
    file = read_config(args.config) if args.config else {}
    if recipe:
        said = {k: v for k, v in file.items() if k not in given}
        _check_agree(args.recipe, recipe, args.config, said)
    config = {**DEFAULTS, **recipe, **file, **given}
    data = args.data or (Path(file["data"]) if "data" in file else None)
    if data is None:
        raise UsageError("data: missing; name a data set, or a --config that does")
    config.pop("data", None)
    check_types(config, args.config)
    if config["warmup"] is None:
        config["warmup"] = min(USUAL.warmup_epochs, config["epochs"] / 5)
    elif "warmup" in file and "epochs" in given and "warmup" not in given:
        config["warmup"] = min(config["warmup"], config["epochs"] / 5)  # the run, but shorter
    whole = {"data": str(data.resolve()), **{k: absolute(k, v) for k, v in config.items()}}
    check_names(whole)
    wanted = recipe_from(config)
    check_used(config, given)
    return Plan(
        recipe=wanted,
        data=data,
        out=args.out,
        begin=config["from"],
        weights=Path(config["weights"]) if config["weights"] else None,
        teachers=tuple(config["teacher"]),
        unlabelled=tuple(Path(v) for v in config["unlabelled"]),
        backend=config["backend"],
        limit=config["limit"],
        test=config["test"],
        tensorboard=config["tensorboard"],
        config=whole,
        given=frozenset(given),
    )


def _check_agree(
    name: str, recipe: Mapping[str, Any], path: Path | None, said: Mapping[str, Any]
) -> None:
    """Refuse a recipe that a file, which wins, makes another.

    Raises:
        UsageError: names what differs.
    """
    other = [f"{k} = {json.dumps(said[k])}" for k, v in recipe.items() if said.get(k, v) != v]
    if other:
        raise UsageError(
            f"--recipe {name}: --config {path} says {', '.join(other)}; allowed: one of the two"
        )
