"""The training loop of the state network: draws crops, learns, averages weights, can go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convert.detector import checkpoint
from convert.detector.checkpoint import RunState, Weights
from convert.state.augment import Batches, Recipe
from convert.state.faces import Faces
from convert.state.loss import likelihood_loss
from convert.state.network import Shape, build
from convert.train.schedule import averaging, learning_rate
from edge.errors import ConfigError

EVERY = 10  # steps between two updates of the averaged weights
AHEAD = 3  # batches drawn while the network learns


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train."""

    steps: int = 8_000
    minutes: float = 0.0  # 0: as long as the steps take; else the end, and the rates follow time
    batch: int = 96
    peak_rate: float = 2e-3
    warmup: int = 200
    weight_decay: float = 2e-3
    averaging: float = 0.998  # a step
    report_every: int = 100
    seed: int = 1


class _Ahead:
    """Draws batches in a thread beside the training."""

    def __init__(self, batches: Batches, size: int) -> None:
        self._batches, self._size = batches, size
        self._pool = ThreadPoolExecutor(1)
        self._waiting: list[Future[Any]] = []

    def __iter__(self) -> Iterator[Any]:
        while True:
            while len(self._waiting) < AHEAD:
                self._waiting.append(self._pool.submit(self._batches.draw, self._size))
            yield self._waiting.pop(0).result()

    def close(self) -> None:
        """End the thread; what it has drawn ahead is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _learner(plan: Plan, shape: Shape) -> Any:
    import keras

    keras.utils.set_random_seed(plan.seed)  # of the first weights
    model = build(shape, fast=True, seed=plan.seed)
    model.compile(
        keras.optimizers.AdamW(plan.peak_rate, weight_decay=plan.weight_decay, clipnorm=5.0),
        loss=likelihood_loss,
        jit_compile=False,  # XLA is several times slower on a CPU
    )
    return model


def train(
    plan: Plan,
    shape: Shape,
    recipe: Recipe,
    faces: Faces,
    folder: Path,
    *,
    data: dict[str, str],
    start: Weights | None = None,
    say: Callable[[str], None],
    log: Callable[[Mapping[str, float]], None] = lambda row: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Weights:
    """Train, or go on where `folder` says that an earlier run of the same plan stopped.

    Args:
        plan: how; a run goes on under its `steps`, `minutes` and rates of now.
        shape: of the network.
        recipe: of the crops; of the same size.
        faces: to train on.
        folder: for the state, the averaged weights and the history; made when missing.
        data: what the faces were read from: names and their SHA-256, for the record.
        start: weights of an earlier run to begin with; default: random ones.
        say: gets a line of state.
        log: gets each row of the history.
        stopping: asked after each step; a stopped run can go on later.

    Returns:
        The averaged weights, as `keras.Model.get_weights` orders them.

    Raises:
        ConfigError: there are no faces, or `folder` holds a run of other data, another network or
            another recipe; `start` does not fit the network.
    """
    if not len(faces):
        raise ConfigError("no faces to train on")
    if recipe.size != shape.size:
        raise ConfigError(f"crops of {recipe.size} pixels; allowed: {shape.size}, as the network")
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "plan": asdict(plan),
        "shape": shape.as_dict(),
        "recipe": asdict(recipe),
        "data": data,
        "faces": len(faces),
    }
    checkpoint.check_same_run(folder, record)
    model = _learner(plan, shape)
    if start is not None:
        checkpoint.put(model, start)
    state = checkpoint.resume(model, folder) or RunState(0, 0.0, model.get_weights())
    ahead = _Ahead(Batches(faces, recipe, plan.seed * 1_000_003 + state.step), plan.batch)
    total, count, began = 0.0, 0, time.perf_counter()
    last = began
    try:
        for x, y in ahead:
            if state.done(plan.steps, plan.minutes) >= 1 or stopping():
                break
            done = state.done(plan.steps, plan.minutes)
            warm = min(1.0, (state.step + 1) / plan.warmup)
            model.optimizer.learning_rate = warm * learning_rate(
                round(done * plan.steps), steps=plan.steps, warmup=0, peak=plan.peak_rate
            )
            total += float(model.train_on_batch(x, y))
            count += 1
            state.step += 1
            now = time.perf_counter()
            state.seconds, last = state.seconds + now - last, now
            if state.step % EVERY == 0:
                keep = averaging(state.step, decay=plan.averaging, every=EVERY)
                for a, w in zip(state.averaged, model.get_weights(), strict=True):
                    a *= keep
                    a += (1 - keep) * w
            done = state.done(plan.steps, plan.minutes)
            if state.step % plan.report_every == 0 or done >= 1:
                took = time.perf_counter() - began
                checkpoint.save(model, state, folder, record)
                row = {"step": state.step, "seconds": round(took, 1), "loss": total / count}
                checkpoint.note(folder, row)
                log(row)
                each = 1000 * took / count / plan.batch
                say(
                    f"step {state.step}, {done:.1%}: loss {total / count:.3f} "
                    f"({each:.1f} ms a face)"
                )
                total, count, began = 0.0, 0, time.perf_counter()
    finally:
        ahead.close()
    checkpoint.save(model, state, folder, record)
    return state.averaged
