"""The training loop: batches in, averaged weights out, a checkpoint after every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from convert import arch
from convert.data.errors import DataError
from convert.train import checkpoint
from convert.train.batches import ahead, batches, steps_of, taught
from convert.train.begin import Begun, freeze_below_head, weights_for
from convert.train.prepare import Part
from convert.train.progress import Progress
from convert.train.recipe import Recipe
from convert.train.schedule import averaging, learning_rate
from convert.train.teacher import Teacher

AVERAGE_EVERY = 8  # steps; an average of thousands of steps does not need each


def evaluate(model: Any, part: Part, batch: int = 256) -> dict[str, float]:
    """Return loss, accuracy and, with votes, the mean absolute error against the raters' votes."""
    scores = np.concatenate(
        [
            np.asarray(model.predict_on_batch(part.faces[i : i + batch, ..., None].astype("f4")))
            for i in range(0, len(part.faces), batch)
        ]
    )
    counted = part.truth >= 0
    usable = part.weights > 0
    cross = -(part.targets * np.log(np.clip(scores, 1e-7, 1.0))).sum(axis=1)
    out = {
        "loss": float(cross[usable].mean()),
        "accuracy": float((scores.argmax(axis=1) == part.truth)[counted].mean()),
    }
    if part.distribution is not None:
        voted = part.distribution.sum(axis=1) > 0
        out["mae"] = float(np.abs(scores - part.distribution)[voted].mean())
    return out


def _distribute(batch: int, devices: Sequence[str] | None) -> None:
    """Spread each batch over several devices, where Keras' distribution exists: on JAX.

    Raises:
        ValueError: the devices cannot share a batch evenly.
    """
    import keras

    if keras.backend.backend() != "jax":
        return
    if devices is None:
        devices = [d for d in keras.distribution.list_devices() if "cpu" not in d.lower()]
    n = len(devices)
    if n < 2:
        return
    if batch % n:
        raise ValueError(f"--batch: got {batch}; allowed on {n} devices: multiples of {n}")
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=list(devices)))


class Training:
    """A network being trained and the average of its weights, which is what is kept."""

    def __init__(
        self,
        recipe: Recipe,
        classes: int,
        *,
        weights: Path | None = None,
        devices: Sequence[str] | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        """Build the network.

        Args:
            recipe: what to train and how.
            classes: how many there are.
            weights: of a transfer architecture's backbone.
            devices: Keras' names of those that share each batch, on JAX; None: all accelerators.
            origin: what else makes this training another than any other, such as who teaches and
                what it began from; it does not go on with other values.

        Raises:
            ValueError: the architecture has no backbone, or the devices cannot share a batch.
        """
        import keras

        self.recipe = recipe
        self.origin = dict(origin or {})
        _distribute(recipe.batch, devices)
        keras.utils.set_random_seed(recipe.seed)
        keras.config.set_dtype_policy(recipe.precision)
        self.model = arch.build(
            recipe.arch, recipe.size, classes, fast=True, weights=weights, seed=recipe.seed
        )
        keras.config.set_dtype_policy("float32")
        self.kept = arch.build(recipe.arch, recipe.size, classes, seed=recipe.seed)
        self.kept.set_weights(self.model.get_weights())
        if recipe.freeze:
            freeze_below_head(self.model)
        self.optimizer = optimizer_of(recipe)
        self.model.compile(
            self.optimizer,
            "categorical_crossentropy",
            metrics=["categorical_accuracy"],
            jit_compile=_compiled(),
        )
        self.model.optimizer.build(self.model.trainable_variables)  # in float16, around ours
        self.history: list[dict[str, float]] = []

    def begin_from(self, begun: Begun, labels: Sequence[str]) -> str:
        """Take the weights of a trained network of the same architecture; return what was done.

        Raises:
            ValueError: they are of another architecture.
        """
        weights, words = weights_for(self.model, begun, labels)
        self.model.set_weights(weights)
        self.kept.set_weights(weights)
        return words

    def resume(self, folder: Path, train: Part, choose: Part) -> bool:
        """Take up the state in `folder`; return whether there was one.

        Args:
            folder: where it is kept.
            train: what is learnt.
            choose: what the epochs are evaluated on.

        Raises:
            DataError: the state is damaged, belongs to another recipe or other faces, or has more
                epochs than the recipe.
        """
        if not (folder / checkpoint.STATE).exists():
            return False
        live = checkpoint.variables(self.model, self.optimizer)
        purpose = self._purpose(train, choose)
        means, self.history = checkpoint.load(folder, live, self.kept.get_weights(), purpose)
        self.kept.set_weights(means)
        if (done := len(self.history)) > self.recipe.epochs:
            words = f"has {done} epochs; --epochs: at least as many, or another --out"
            raise DataError(folder / checkpoint.STATE, words)
        return True

    def _purpose(self, train: Part, choose: Part) -> dict[str, Any]:
        recipe = asdict(self.recipe)
        if self.recipe.schedule != "cosine":
            del recipe["epochs"]  # the first epochs are the same, however many follow
        faces = {"faces": train.digest(), "validation_faces": choose.digest()}
        return {**faces, **self.origin, **recipe}

    def run(
        self,
        train: Part,
        choose: Part,
        folder: Path,
        *,
        teacher: Teacher | None = None,
        log: Callable[[Mapping[str, float]], None] = lambda row: None,
    ) -> list[dict[str, float]]:
        """Train to the end of the recipe; return one dictionary of figures an epoch.

        Each is handed to `log` as soon as the epoch is kept.
        """
        recipe = self.recipe
        per_epoch = steps_of(train, recipe)
        steps = per_epoch * recipe.epochs
        bar = Progress(steps, len(self.history) * per_epoch)
        purpose = self._purpose(train, choose)
        for epoch in range(len(self.history), recipe.epochs):
            began = time.monotonic()
            loss, right = self._epoch(train, epoch, per_epoch, steps, bar, teacher)
            figures = {"epoch": float(epoch + 1), "train_loss": loss, "train_accuracy": right}
            figures |= {f"validation_{k}": v for k, v in evaluate(self.kept, choose).items()}
            figures["seconds"] = time.monotonic() - began
            self.history.append(figures)
            live = checkpoint.variables(self.model, self.optimizer)
            checkpoint.save(folder, live, self.kept.get_weights(), self.history, purpose)
            log(figures)
            text = "  ".join(f"{k} {v:.4g}" for k, v in figures.items() if k != "epoch")
            left = bar.left((epoch + 1) * per_epoch)
            bar.line(f"epoch {epoch + 1}/{recipe.epochs}  {text}  {left} left")
        return self.history

    def _epoch(
        self,
        train: Part,
        epoch: int,
        per_epoch: int,
        steps: int,
        bar: Progress,
        teacher: Teacher | None,
    ) -> tuple[float, float]:
        """Train one epoch; return loss and accuracy on the changed faces, means over steps."""
        recipe = self.recipe
        warmup = round(recipe.warmup_epochs * per_epoch)
        losses = [row["validation_loss"] for row in self.history]
        total = right = 0.0
        first = epoch * per_epoch
        source = taught(batches(train, recipe, epoch), teacher, recipe.teacher, first)
        for i, (x, y, w) in enumerate(ahead(source)):
            step = first + i
            self.optimizer.learning_rate = learning_rate(
                step,
                steps=steps,
                warmup=warmup,
                peak=recipe.rate,
                schedule=recipe.schedule,
                losses=losses,
            )
            self.model.reset_metrics()  # some versions of Keras else return a running mean
            loss, accuracy = map(float, self.model.train_on_batch(x, y, sample_weight=w))
            total, right = total + loss, right + accuracy
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"loss became {loss} in epoch {epoch + 1}: lower the rate ({recipe.rate})"
                )
            if (step + 1) % AVERAGE_EVERY == 0 or i + 1 == per_epoch:
                self._average(step)
            bar.step(step + 1, f"epoch {epoch + 1}/{recipe.epochs} loss {loss:.3f}")
        return total / per_epoch, right / per_epoch

    def _average(self, step: int) -> None:
        stay = averaging(step, decay=self.recipe.averaging, every=AVERAGE_EVERY)
        live = self.model.get_weights()
        self.kept.set_weights(
            [stay * k + (1 - stay) * v for k, v in zip(self.kept.get_weights(), live, strict=True)]
        )


def optimizer_of(recipe: Recipe) -> Any:
    """Return the recipe's optimiser; weight decay leaves out biases and batch normalisation."""
    import keras

    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(recipe.rate)
    if recipe.optimizer == "adamw":
        chosen = keras.optimizers.AdamW(recipe.rate, weight_decay=recipe.weight_decay)
    else:
        chosen = keras.optimizers.SGD(
            recipe.rate,
            momentum=recipe.momentum,
            nesterov=True,
            weight_decay=recipe.weight_decay,
        )
    chosen.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return chosen


def _compiled() -> bool:
    """Return Keras' `jit_compile`: only JAX gains; elsewhere depthwise layers lose on a CPU."""
    import keras

    return bool(keras.backend.backend() == "jax")
