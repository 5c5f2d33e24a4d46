"""The options of `train`, and the recipe that they make."""

from __future__ import annotations

import argparse
from pathlib import Path

from convert.train.augment import Augmentation
from convert.train.recipe import PRECISIONS, Recipe
from edge.errors import UsageError

USUAL = Recipe()
BACKENDS = ("tensorflow", "torch", "jax")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides a training, with the usual values as defaults."""
    targets = parser.add_argument_group("what is learnt")
    targets.add_argument(
        "--votes",
        type=float,
        metavar="WEIGHT",
        help="weight of the raters' votes against the labels, 0 to 1 "
        "(default: 1 where the data has votes, else 0)",
    )
    targets.add_argument(
        "--expected",
        type=float,
        default=USUAL.expected,
        metavar="WEIGHT",
        help="of a label that is replaced by what the raters' votes lead one to expect, "
        "which takes noise out of labels (default: %(default)s)",
    )
    targets.add_argument(
        "--smoothing",
        type=float,
        default=USUAL.smoothing,
        metavar="FRACTION",
        help="of a label that is spread over all classes (default: %(default)s)",
    )
    targets.add_argument(
        "--balance",
        type=float,
        default=USUAL.balance,
        metavar="POWER",
        help="0 weighs faces alike, 1 classes alike (default: %(default)s)",
    )
    targets.add_argument(
        "--teacher",
        action="append",
        default=[],
        metavar="MODEL",
        help="a trained model whose scores are learnt as well: a Keras file, a model folder (int8 "
        "is quickest) or the name of a shipped model; given several times, they take turns",
    )
    targets.add_argument(
        "--teacher-weight",
        type=float,
        default=0.5,
        metavar="WEIGHT",
        help="of the teacher's scores in the targets (default: %(default)s)",
    )
    begin = parser.add_argument_group("where it begins")
    begin.add_argument(
        "--from",
        dest="begin",
        type=Path,
        metavar="MODEL",
        help="a trained model of the same architecture to go on from",
    )
    begin.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="Keras weights for the backbone of a transfer architecture",
    )
    begin.add_argument("--seed", type=int, default=USUAL.seed, help="default: %(default)s")
    course = parser.add_argument_group("how it goes")
    course.add_argument("--epochs", type=int, default=USUAL.epochs, help="default: %(default)s")
    course.add_argument(
        "--batch", type=int, default=USUAL.batch, help="faces a step (default: %(default)s)"
    )
    course.add_argument(
        "--rate", type=float, default=USUAL.rate, help="peak learning rate (default: %(default)s)"
    )
    course.add_argument(
        "--warmup",
        type=float,
        default=USUAL.warmup_epochs,
        metavar="EPOCHS",
        help="until the peak (default: %(default)s)",
    )
    course.add_argument(
        "--weight-decay", type=float, default=USUAL.weight_decay, help="default: %(default)s"
    )
    course.add_argument(
        "--averaging",
        type=float,
        default=USUAL.averaging,
        metavar="DECAY",
        help="of the averaged weights a step, 0 for none (default: %(default)s)",
    )
    course.add_argument(
        "--augment",
        type=float,
        default=1.0,
        metavar="STRENGTH",
        help="how far faces are changed, of the usual; 0: not at all (default: %(default)s)",
    )
    course.add_argument(
        "--holdout",
        type=float,
        default=USUAL.holdout,
        metavar="FRACTION",
        help="of the training faces kept to choose by, where the data has no "
        "validation split (default: %(default)s)",
    )
    course.add_argument("--limit", type=int, metavar="FACES", help="train on so many only")
    course.add_argument(
        "--size", default="48x48", metavar="WxH", help="of a face in pixels (default: %(default)s)"
    )
    course.add_argument(
        "--precision", choices=PRECISIONS, default=USUAL.precision, help="default: %(default)s"
    )
    course.add_argument(
        "--backend", choices=BACKENDS, help="of Keras (default: what Keras is set to)"
    )
    course.add_argument(
        "--test",
        action="store_true",
        help="report on the test split, once, when all choices are made",
    )


def size_of(text: str) -> tuple[int, int]:
    """Return height and width from `WxH`.

    Raises:
        UsageError: it is not two whole numbers from 16 to 512.
    """
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise UsageError(f"--size: got {text!r}; allowed: WIDTHxHEIGHT, such as 48x48")
    if not all(16 <= int(v) <= 512 for v in (width, height)):
        raise UsageError(f"--size: got {text!r}; allowed: 16 to 512 pixels each")
    return int(height), int(width)


def recipe_from(args: argparse.Namespace) -> Recipe:
    """Return the recipe of these options; without `--votes`, it depends on the data.

    Raises:
        UsageError: one or more values are out of range; all are named.
    """
    checks = (
        ("--votes", args.votes, args.votes is None or 0 <= args.votes <= 1, "0 to 1"),
        ("--expected", args.expected, 0 <= args.expected <= 1, "0 to 1"),
        ("--smoothing", args.smoothing, 0 <= args.smoothing < 1, "0 to below 1"),
        ("--balance", args.balance, 0 <= args.balance <= 1, "0 to 1"),
        ("--teacher-weight", args.teacher_weight, 0 <= args.teacher_weight <= 1, "0 to 1"),
        ("--seed", args.seed, 0 <= args.seed < 2**31, "0 to 2147483647"),
        ("--epochs", args.epochs, 1 <= args.epochs <= 10_000, "1 to 10000"),
        ("--batch", args.batch, 1 <= args.batch <= 65_536, "1 to 65536"),
        ("--rate", args.rate, 0 < args.rate <= 10, "above 0 to 10"),
        ("--warmup", args.warmup, 0 <= args.warmup < args.epochs, "0 to below --epochs"),
        ("--weight-decay", args.weight_decay, 0 <= args.weight_decay < 1, "0 to below 1"),
        ("--averaging", args.averaging, 0 <= args.averaging < 1, "0 to below 1"),
        ("--augment", args.augment, 0 <= args.augment <= 2, "0 to 2"),
        ("--holdout", args.holdout, 0 < args.holdout < 1, "above 0, below 1"),
        ("--limit", args.limit, args.limit is None or args.limit >= 1, "1 and above"),
    )
    wrong = [
        f"{name}: got {value}; allowed: {allowed}" for name, value, ok, allowed in checks if not ok
    ]
    if wrong:
        raise UsageError("\n".join(wrong))
    return Recipe(
        arch=args.arch,
        size=size_of(args.size),
        epochs=args.epochs,
        batch=args.batch,
        rate=args.rate,
        warmup_epochs=args.warmup,
        weight_decay=args.weight_decay,
        averaging=args.averaging,
        votes=0.0 if args.votes is None else args.votes,
        expected=args.expected,
        smoothing=args.smoothing,
        balance=args.balance,
        teacher=args.teacher_weight if args.teacher else 0.0,
        holdout=args.holdout,
        seed=args.seed,
        precision=args.precision,
        augmentation=Augmentation().scaled(args.augment) if args.augment else None,
    )
