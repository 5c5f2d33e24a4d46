"""Batches of a training: shuffled, changed, taught, and made ahead of time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from convert.train.augment import augment
from convert.train.prepare import Part
from convert.train.recipe import Recipe
from convert.train.teacher import Teacher

Floats = NDArray[np.float32]
Batch = tuple[Floats, Floats, Floats]  # (n, h, w, 1) luma, (n, classes) targets, (n,) weights


def steps_of(part: Part, recipe: Recipe) -> int:
    """Return how many steps an epoch has, at least one."""
    return max(1, len(part.faces) // recipe.batch)


def batches(part: Part, recipe: Recipe, epoch: int) -> Iterator[Batch]:
    """Yield one epoch, shuffled and augmented; the same for the same seed and epoch."""
    rng = np.random.default_rng([recipe.seed, epoch])
    order = rng.permutation(len(part.faces))
    for k in range(steps_of(part, recipe)):  # the odd faces at the end wait for another epoch
        chosen = order[k * recipe.batch : (k + 1) * recipe.batch]
        faces = part.faces[chosen]
        if recipe.augmentation is not None:
            faces = augment(faces, recipe.augmentation, rng)
        x = faces[..., None].astype(np.float32)
        yield x, part.targets[chosen], part.weights[chosen]


def taught(
    source: Iterator[Batch], teacher: Teacher | None, weight: float, first_step: int
) -> Iterator[Batch]:
    """Yield the batches with the teacher's scores mixed into their targets.

    A face without a target of its own gets the teacher's scores alone.

    Args:
        source: batches.
        teacher: None: they stay as they are.
        weight: of the teacher's scores, 0 to 1.
        first_step: of the training, which the first batch belongs to.
    """
    for step, (x, y, w) in enumerate(source, first_step):
        labelled = y.sum(axis=1, keepdims=True) > 0
        if teacher is not None and (weight > 0 or not labelled.all()):
            said = teacher(x[..., 0].astype(np.uint8), step)
            y = np.where(labelled, (1 - weight) * y + weight * said, said)
        yield x, y, w


def ahead(source: Iterator[Batch], depth: int = 3) -> Iterator[Batch]:
    """Yield from `source`, which runs in a thread of its own, `depth` batches ahead."""
    slots: queue.Queue[Batch | BaseException | None] = queue.Queue(depth)
    stopping = threading.Event()

    def put(item: Batch | BaseException | None) -> bool:
        while not stopping.is_set():
            try:
                slots.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def fill() -> None:
        try:
            for batch in source:
                if not put(batch):
                    return
            put(None)
        except BaseException as e:  # handed to the thread that waits for it
            put(e)

    threading.Thread(target=fill, daemon=True).start()
    try:
        while (item := slots.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopping.set()
