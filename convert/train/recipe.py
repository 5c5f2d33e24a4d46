"""Everything that decides what a training does, so that it can be repeated."""

from __future__ import annotations

from dataclasses import dataclass, field

from convert.train.augment import Augmentation

OPTIMIZERS = ("sgd", "adam", "adamw")
SCHEDULES = ("cosine", "constant")
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
