"""Everything that decides what a training does, so that it can be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convert.train.augment import Augmentation
from edge.errors import UsageError

OPTIMIZERS = ("sgd", "adam", "adamw")
SCHEDULES = ("cosine", "constant", "plateau")
CHANGES = ("all", "moves")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training; two with the same recipe, data and backend on one CPU thread are equal.

    The usual optimiser is stochastic gradient descent with Nesterov momentum: on small picture sets
    it ends at a better network than the adaptive ones, given the time to get there.
    """

    arch: str = "edge"
    size: tuple[int, int] = (48, 48)  # height, width in pixels
    epochs: int = 60
    batch: int = 128
    optimizer: str = "sgd"
    rate: float = 0.1  # peak learning rate
    schedule: str = "cosine"
    warmup_epochs: float = 2.0
    momentum: float = 0.9
    weight_decay: float = 5e-3  # decoupled: a step shrinks a kernel by rate times this
    averaging: float = 0.999  # decay of the averaged weights a step; 0 turns averaging off
    votes: float = 0.0  # weight of the raters' votes in the targets, 0 to 1
    expected: float = 0.0  # fraction of a label replaced by what the votes lead one to expect
    smoothing: float = 0.0
    balance: float = 0.0
    teacher: float = 0.0  # weight of the teacher's scores in the targets, 0 to 1
    holdout: float = 0.05
    freeze: bool = False  # train the head only
    seed: int = 1
    precision: str = "float32"
    augmentation: Augmentation | None = field(default_factory=Augmentation)


USUAL = Recipe()


def size_of(text: str) -> tuple[int, int]:
    """Return height and width from `WxH`.

    Raises:
        UsageError: it is not two whole numbers from 16 to 512.
    """
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--size: got {text!r}; allowed: WIDTHxHEIGHT, such as 48x48")
    if not all(16 <= int(v) <= 512 for v in (width, height)):
        raise UsageError(f"--size: got {text!r}; allowed: 16 to 512 pixels each")
    return int(height), int(width)


def recipe_from(config: Mapping[str, Any]) -> Recipe:
    """Return the recipe of these options; without `votes`, it depends on the data.

    Raises:
        UsageError: one or more values are out of range; all are named.
    """
    c = config
    decay, adam = c["weight_decay"], c["optimizer"] == "adam"
    checks = (
        ("--votes", c["votes"], c["votes"] is None or 0 <= c["votes"] <= 1, "0 to 1"),
        ("--expected", c["expected"], 0 <= c["expected"] <= 1, "0 to 1"),
        ("--smoothing", c["smoothing"], 0 <= c["smoothing"] < 1, "0 to below 1"),
        ("--balance", c["balance"], 0 <= c["balance"] <= 1, "0 to 1"),
        ("--teacher-weight", c["teacher_weight"], 0 <= c["teacher_weight"] <= 1, "0 to 1"),
        ("--seed", c["seed"], 0 <= c["seed"] < 2**31, "0 to 2147483647"),
        ("--epochs", c["epochs"], 1 <= c["epochs"] <= 10_000, "1 to 10000"),
        ("--batch", c["batch"], 1 <= c["batch"] <= 65_536, "1 to 65536"),
        ("--rate", c["rate"], 0 < c["rate"] <= 10, "above 0 to 10"),
        ("--warmup", c["warmup"], 0 <= c["warmup"] < max(c["epochs"], 1), "0 to below --epochs"),
        ("--weight-decay", decay, decay is None or 0 <= decay < 1, "0 to below 1"),
        ("--weight-decay", decay, not (adam and decay), "none with adam; adamw has it"),
        ("--averaging", c["averaging"], 0 <= c["averaging"] < 1, "0 to below 1"),
        ("--augment", c["augment"], 0 <= c["augment"] <= 2, "0 to 2"),
        ("--holdout", c["holdout"], 0 < c["holdout"] < 1, "above 0, below 1"),
        ("--limit", c["limit"], c["limit"] is None or c["limit"] >= 2, "2 and above"),
        (
            "--unlabelled",
            "no --teacher",
            not c["unlabelled"] or bool(c["teacher"]),
            "with one: nobody else says anything of these faces",
        ),
        (
            "--freeze",
            "neither --from nor --weights",
            not c["freeze"] or bool(c["from"] or c["weights"]),
            "with one of them: a head alone learns nothing from random features",
        ),
    )
    wrong = [
        f"{name}: got {value}; allowed: {allowed}" for name, value, ok, allowed in checks if not ok
    ]
    if wrong:
        raise UsageError("\n".join(wrong))
    return Recipe(
        arch=c["arch"],
        size=size_of(c["size"]),
        epochs=c["epochs"],
        batch=c["batch"],
        optimizer=c["optimizer"],
        rate=c["rate"],
        schedule=c["schedule"],
        warmup_epochs=c["warmup"],
        weight_decay=(0.0 if adam else USUAL.weight_decay) if decay is None else decay,
        averaging=c["averaging"],
        votes=0.0 if c["votes"] is None else c["votes"],
        expected=c["expected"],
        smoothing=c["smoothing"],
        balance=c["balance"],
        teacher=c["teacher_weight"] if c["teacher"] else 0.0,
        holdout=c["holdout"],
        freeze=c["freeze"],
        seed=c["seed"],
        precision=c["precision"],
        augmentation=_augmentation(c["augment"], c["changes"]),
    )


def _augmentation(strength: float, changes: str) -> Augmentation | None:
    if not strength:
        return None
    usual = Augmentation() if changes == "all" else Augmentation().moves()
    return usual.scaled(strength)
