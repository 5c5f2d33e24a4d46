"""The training loop: composes, learns, averages weights, writes checkpoints, mines mistakes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.detector import loss
from convert.detector.compose import Composer, Picture, Recipe
from convert.detector.mine import mine
from convert.detector.network import Shape, build
from convert.detector.photos import Photo
from convert.detector.targets import encode
from convert.train.schedule import averaging, learning_rate

log = logging.getLogger(__name__)

Weights = list[NDArray[np.float32]]
STATE = "state.npz"  # of a run folder: where training goes on
BEST = "weights.npz"  # averaged weights, what is judged and quantised
HISTORY = "history.jsonl"
RECORD = "run.json"  # plan, network and recipe
EVERY = 10  # steps between two updates of the averaged weights


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. Sizes in pixels."""

    steps: int = 16_000
    minutes: float = 0.0  # 0: as long as the steps take; else the end, and the rates follow time
    batch: int = 16
    height: int = 160  # of the pictures composed
    width: int = 192
    peak_rate: float = 1.5e-3
    warmup: int = 300
    weight_decay: float = 1e-3
    averaging: float = 0.999  # a step
    mine_every: int = 1000  # steps; 0: never
    mine_looks: int = 3000  # pictures looked at
    mine_most: int = 1000  # pictures kept
    report_every: int = 200
    seed: int = 1


def batch_of(pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Return the network's input (n, h, w, 1) and its targets."""
    h, w = pictures[0].luma.shape
    maps = [encode(p.faces, p.ignored, h, w) for p in pictures]
    x = np.stack([p.luma for p in pictures])[..., None].astype(np.float32)
    return x, {
        name: np.stack([getattr(m, name) for m in maps]) for name in ("score", "box", "marks")
    }


def _learner(plan: Plan, shape: Shape) -> Any:
    import keras

    keras.utils.set_random_seed(plan.seed)  # of the first weights
    # bfloat16 halves the time where the processor has it; weights stay float32.
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = build(plan.height, plan.width, shape, fast=True)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    model.compile(
        keras.optimizers.AdamW(plan.peak_rate, weight_decay=plan.weight_decay, clipnorm=5.0),
        loss={"score": loss.score_loss, "box": loss.distance_loss, "marks": loss.distance_loss},
        loss_weights={"score": 1.0, "box": 2.0, "marks": 0.5},
        jit_compile=False,
    )
    return model


@dataclass(slots=True)
class Progress:
    """What a run has come to; kept in `STATE`."""

    step: int
    seconds: float  # of all runs together
    averaged: Weights

    def done(self, plan: Plan) -> float:
        """Return the share of the training that lies behind, 0 to 1."""
        by_step = self.step / plan.steps
        return max(by_step, self.seconds / (60 * plan.minutes)) if plan.minutes else by_step


def train(
    plan: Plan,
    shape: Shape,
    recipe: Recipe,
    portraits: Sequence[Photo],
    scenes: Sequence[Photo],
    folder: Path,
    *,
    say: Callable[[str], None],
    stopping: Callable[[], bool] = lambda: False,
) -> Weights:
    """Train, or go on where `folder` says that an earlier run of the same plan stopped.

    Args:
        plan: how; a run goes on under its `steps` and rates of now.
        shape: of the network.
        recipe: of the pictures.
        portraits: photographs whose faces are pasted.
        scenes: photographs to paste on and to mine.
        folder: for the state, the averaged weights and the history; made when missing.
        say: gets a line of progress.
        stopping: asked after each step; a stopped run can go on later.

    Returns:
        The averaged weights, as `keras.Model.get_weights` orders them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = _learner(plan, shape)
    progress = _resume(model, folder) or Progress(0, 0.0, model.get_weights())
    record = {"plan": asdict(plan), "shape": shape.as_dict(), "recipe": asdict(recipe)}
    composer = Composer(
        portraits,
        scenes,
        height=plan.height,
        width=plan.width,
        seed=plan.seed * 1_000_003 + progress.step,
        recipe=recipe,
    )
    sums: dict[str, float] = {}
    began, count = time.perf_counter(), 0
    mine_now = progress.step >= plan.mine_every > 0
    last = began
    while progress.done(plan) < 1 and not stopping():
        if plan.mine_every and (
            mine_now or (progress.step and progress.step % plan.mine_every == 0)
        ):
            mine_now = False
            judge = build(plan.height, plan.width, shape, fast=True)
            judge.set_weights(progress.averaged)
            composer.mined = mine(judge, composer.faceless, plan.mine_looks, plan.mine_most)
            say(f"step {progress.step}: {len(composer.mined)} false alarms mined")
        warm = min(1.0, (progress.step + 1) / plan.warmup)
        model.optimizer.learning_rate = warm * learning_rate(
            round(progress.done(plan) * plan.steps), steps=plan.steps, warmup=0, peak=plan.peak_rate
        )
        x, y = batch_of([composer.picture() for _ in range(plan.batch)])
        losses = model.train_on_batch(x, y, return_dict=True)
        progress.step += 1
        now = time.perf_counter()
        progress.seconds, last = progress.seconds + now - last, now
        count += 1
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value)
        if progress.step % EVERY == 0:
            keep = averaging(progress.step, decay=plan.averaging, every=EVERY)
            for a, w in zip(progress.averaged, model.get_weights(), strict=True):
                a *= keep
                a += (1 - keep) * w
        if progress.step % plan.report_every == 0 or progress.done(plan) >= 1:
            took = time.perf_counter() - began
            means = {k: v / count for k, v in sums.items()}
            _save(model, progress, folder, record)
            row = {"step": progress.step, "seconds": round(took, 1), **means}
            with (folder / HISTORY).open("a") as f:
                f.write(json.dumps(row) + "\n")
            parts = " ".join(f"{k} {v:.3f}" for k, v in means.items())
            each = 1000 * took / count / plan.batch
            share = f"{progress.done(plan):.1%}"
            say(f"step {progress.step}, {share}: {parts} ({each:.1f} ms a picture)")
            sums, count, began = {}, 0, time.perf_counter()
    _save(model, progress, folder, record)
    return progress.averaged


def save_weights(path: Path, weights: Weights) -> None:
    """Write weights in their order, at once or not at all."""
    partial = path.with_suffix(".part.npz")
    np.savez(partial, *weights)
    partial.replace(path)


def load_weights(path: Path) -> Weights:
    """Return weights in their order."""
    with np.load(path, allow_pickle=False) as archive:
        return [archive[f"arr_{i}"] for i in range(len(archive.files))]


def _save(model: Any, progress: Progress, folder: Path, record: dict[str, Any]) -> None:
    from keras import ops

    inner = [np.asarray(ops.convert_to_numpy(v.value)) for v in model.optimizer.variables]
    partial = folder / "state.part.npz"
    values = {f"model_{i}": w for i, w in enumerate(model.get_weights())}
    values |= {f"average_{i}": w for i, w in enumerate(progress.averaged)}
    values |= {f"optimizer_{i}": w for i, w in enumerate(inner)}
    np.savez(partial, step=progress.step, seconds=progress.seconds, **values)
    partial.replace(folder / STATE)
    save_weights(folder / BEST, progress.averaged)
    done = {"steps": progress.step, "seconds": round(progress.seconds)}
    (folder / RECORD).write_text(json.dumps({"done": done, **record}, indent=1) + "\n")


def _resume(model: Any, folder: Path) -> Progress | None:
    if not (folder / STATE).is_file():
        return None
    with np.load(folder / STATE, allow_pickle=False) as state:
        n = len(model.weights)
        model.set_weights([state[f"model_{i}"] for i in range(n)])
        model.optimizer.build(model.trainable_variables)
        for i, variable in enumerate(model.optimizer.variables):
            variable.assign(state[f"optimizer_{i}"])
        averaged = [state[f"average_{i}"].copy() for i in range(n)]
        return Progress(int(state["step"]), float(state["seconds"]), averaged)
