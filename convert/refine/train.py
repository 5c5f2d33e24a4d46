"""The training of the second look: Keras' own loop, resumable, with averaged weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convert.detector.checkpoint import BEST, RECORD, check_same_run, save_weights
from convert.quantize.folder import write
from convert.refine.batches import Batches, Recipe, masked
from convert.refine.candidates import Candidates
from convert.refine.network import Shape, build
from convert.train.schedule import learning_rate
from edge.errors import ConfigError

BACKUP = "backup"  # where Keras keeps what an interrupted run goes on from


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train."""

    epochs: int = 40
    steps: int = 250  # of an epoch
    batch: int = 128
    peak_rate: float = 2e-3
    weight_decay: float = 2e-3
    averaging: float = 0.998  # of the weights, a step
    seed: int = 1


def score_loss(wanted: Any, said: Any) -> Any:
    """Return the binary cross-entropy of logits; boxes that are neither do not count."""
    from keras import ops

    known = ops.logical_not(ops.isnan(wanted))
    target = ops.where(known, wanted, ops.zeros_like(wanted))
    each = ops.softplus(said) - target * said
    return ops.mean(ops.where(known, each, ops.zeros_like(each)))


def distance_loss(wanted: Any, said: Any) -> Any:
    """Return the mean absolute distance where it is known, smooth near zero (Huber 1964)."""
    from keras import ops

    gap = ops.abs(said - masked(said, wanted))
    knee = 0.05
    each = ops.where(gap < knee, 0.5 * gap * gap / knee, gap - knee / 2)
    known = ops.cast(ops.logical_not(ops.isnan(wanted)), said.dtype)
    return ops.sum(each) / ops.maximum(ops.sum(known), 1.0)


def train(
    plan: Plan,
    shape: Shape,
    recipe: Recipe,
    candidates: Candidates,
    folder: Path,
    *,
    data: dict[str, Any],
    say: Callable[[str], None] = lambda _: None,
) -> Any:
    """Train, or go on where `folder` says that an earlier run of the same plan stopped.

    Args:
        plan: how.
        shape: of the network.
        recipe: of the crops; of the same size.
        candidates: to learn from.
        folder: for the state and the averaged weights; made when missing.
        data: what the candidates were made from, for the record.
        say: gets a line of progress an epoch.

    Returns:
        The Keras model with the averaged weights.

    Raises:
        ConfigError: there are no candidates of both kinds, or `folder` holds another run.
    """
    import keras

    faces, none = int((candidates.face == 1).sum()), int((candidates.face == 0).sum())
    if not faces or not none:
        raise ConfigError(f"{faces} faces and {none} boxes without one; allowed: some of each")
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "plan": asdict(plan),
        "shape": shape.as_dict(),
        "recipe": asdict(recipe),
        "data": data,
        "candidates": {"faces": faces, "none": none},
    }
    check_same_run(folder, record, state=BACKUP, free=())
    write(folder / RECORD, (json.dumps(record, indent=1) + "\n").encode())
    keras.utils.set_random_seed(plan.seed)
    model = build(shape, fast=True, seed=plan.seed)
    model.compile(
        keras.optimizers.AdamW(
            plan.peak_rate,
            weight_decay=plan.weight_decay,
            clipnorm=5.0,
            use_ema=True,
            ema_momentum=plan.averaging,
        ),
        loss={"score": score_loss, "box": distance_loss, "landmarks": distance_loss},
        loss_weights={"score": 1.0, "box": 1.0, "landmarks": 3.0},
        jit_compile=False,  # XLA is several times slower on a CPU
    )

    class Drawn(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
        """One epoch's batches; each is drawn by its own seed, so that a run can go on."""

        def __init__(self) -> None:
            super().__init__(workers=1, max_queue_size=4)
            self.epoch = 0
            self._batches = Batches(candidates, recipe)

        def __len__(self) -> int:
            return plan.steps

        def __getitem__(self, index: int) -> Any:
            seed = (plan.seed * 1000 + self.epoch) * 1_000_003 + index
            return self._batches.draw(plan.batch, seed)

    drawn = Drawn()

    def begin(epoch: int, logs: Any = None) -> None:
        drawn.epoch = epoch

    def rate(epoch: int, _: float) -> float:
        return learning_rate(epoch, steps=plan.epochs, warmup=1, peak=plan.peak_rate)

    def tell(epoch: int, logs: dict[str, float] | None = None) -> None:
        parts = "  ".join(f"{k.removesuffix('_loss')} {v:.4f}" for k, v in (logs or {}).items())
        say(f"epoch {epoch + 1}/{plan.epochs}  {parts}")

    model.fit(
        drawn,
        epochs=plan.epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.BackupAndRestore(folder / BACKUP, delete_checkpoint=False),
            keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=tell),
            keras.callbacks.LearningRateScheduler(rate),
            keras.callbacks.CSVLogger(folder / "history.csv", append=True),
        ],
    )
    save_weights(folder / BEST, model.get_weights())
    return model
