"""The training loop: composes, learns, averages weights, writes checkpoints, mines mistakes.

Keras' `fit` and its callbacks are not used: pictures are composed anew for each step, the hard
negatives come from the averaged weights in the middle of an epoch that has no end, and a run may be
bounded by minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.detector import checkpoint, loss
from convert.detector.checkpoint import RunState, Weights
from convert.detector.copy_paste import Composer, Picture, Recipe
from convert.detector.hard_negatives import mine
from convert.detector.network import PARTS, STRIDES, Shape, build
from convert.detector.photos import Photo
from convert.detector.targets import encode
from convert.train.schedule import averaging, learning_rate

EVERY = 10  # steps between two updates of the averaged weights
AHEAD = 3  # batches composed while the network learns
BRAIN_FLOAT = ("avx512_bf16", "amx_bf16")  # processor flags with which bfloat16 is quicker


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. Sizes in pixels."""

    steps: int = 16_000
    minutes: float = 0.0  # 0: as long as the steps take; else the end, and the rates follow time
    batch: int = 16
    height: int = 224  # of the pictures composed
    width: int = 288
    peak_rate: float = 5e-4  # begins with trained weights
    warmup: int = 300
    weight_decay: float = 1e-3
    averaging: float = 0.999  # a step
    mine_every: int = 1000  # steps; 0: never
    mine_looks: int = 2000  # pictures looked at
    mine_most: int = 1500  # pictures kept
    mine_alarm: float = 0.35  # score from which a mistake is kept
    report_every: int = 200
    boxes_only: bool = False  # train the heads of boxes and landmarks, nothing else
    seed: int = 1


def batch_of(pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Return the network's input (n, h, w, 1) and its targets by output."""
    h, w = pictures[0].luma.shape
    maps = [encode(p.faces, p.ignored, h, w) for p in pictures]
    x = np.stack([p.luma for p in pictures])[..., None].astype(np.float32)
    return x, {
        f"{part}{stride}": np.stack([getattr(m[stride], part) for m in maps])
        for stride in STRIDES
        for part in PARTS
    }


def _quick_precision() -> str:
    """Return the Keras policy that trains fastest here; weights stay float32 in both."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        flags = ""
    return "mixed_bfloat16" if any(flag in flags for flag in BRAIN_FLOAT) else "float32"


def _learner(plan: Plan, shape: Shape) -> Any:
    import keras

    keras.utils.set_random_seed(plan.seed)  # of the first weights
    keras.mixed_precision.set_dtype_policy(_quick_precision())
    try:
        model = build(plan.height, plan.width, shape, fast=True)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    if plan.boxes_only:
        for layer in model.layers:
            layer.trainable = layer.name.startswith(("box", "landmarks"))
    kinds = {"score": loss.score_loss, "box": loss.distance_loss, "landmarks": loss.distance_loss}
    weights = {"score": 1.0, "box": 2.0, "landmarks": 1.0}
    model.compile(
        keras.optimizers.AdamW(plan.peak_rate, weight_decay=plan.weight_decay, clipnorm=10.0),
        loss={f"{p}{s}": kinds[p] for s in STRIDES for p in PARTS},
        loss_weights={f"{p}{s}": weights[p] for s in STRIDES for p in PARTS},
        jit_compile=False,
    )
    return model


class _Batches:
    """Composes batches in a thread beside the training."""

    def __init__(self, composer: Composer, size: int) -> None:
        self._composer, self._size = composer, size
        self._pool = ThreadPoolExecutor(1)
        self._waiting: list[Future[Any]] = []

    def _batch(self) -> Any:
        return batch_of([self._composer.picture() for _ in range(self._size)])

    def __iter__(self) -> Iterator[Any]:
        while True:
            while len(self._waiting) < AHEAD:
                self._waiting.append(self._pool.submit(self._batch))
            yield self._waiting.pop(0).result()

    def close(self) -> None:
        """End the thread; what it has composed ahead is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def train(
    plan: Plan,
    shape: Shape,
    recipe: Recipe,
    portraits: Sequence[Photo],
    scenes: Sequence[Photo],
    folder: Path,
    *,
    data: dict[str, Any],
    start: Weights | None = None,
    before: dict[str, Any] | None = None,
    say: Callable[[str], None],
    log: Callable[[Mapping[str, float]], None] = lambda row: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Weights:
    """Train, or go on where `folder` says that an earlier run of the same plan stopped.

    Args:
        plan: how; a run goes on under its `steps`, `minutes` and rates of now.
        shape: of the network.
        recipe: of the pictures.
        portraits: photographs whose faces are pasted.
        scenes: photographs to paste on and to mine.
        folder: for the state, the averaged weights and the history; made when missing.
        data: what the photographs were read from, for the record.
        start: weights of an earlier run to begin with; default: random ones.
        before: record of the run that `start` comes from.
        say: gets a line of progress.
        log: gets each row of the history.
        stopping: asked after each step; a stopped run can go on later.

    Returns:
        The averaged weights, as `keras.Model.get_weights` orders them.

    Raises:
        ConfigError: `folder` holds a run of other data, another network or another recipe; `start`
            does not fit the network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "plan": asdict(plan),
        "shape": shape.as_dict(),
        "recipe": asdict(recipe),
        "data": data,
        **({"before": before} if before else {}),
    }
    checkpoint.check_same_run(folder, record)
    model = _learner(plan, shape)
    if start is not None:
        checkpoint.put(model, start)
    state = checkpoint.resume(model, folder) or RunState(0, 0.0, model.get_weights())

    def composed(seed: int) -> Composer:
        return Composer(
            portraits, scenes, height=plan.height, width=plan.width, seed=seed, recipe=recipe
        )

    seed = plan.seed * 1_000_003 + state.step
    composer = composed(seed)
    batches = _Batches(composer, plan.batch)
    sums: dict[str, float] = {}
    began, count = time.perf_counter(), 0
    mine_now = state.step >= plan.mine_every > 0
    last = began
    try:
        for x, y in batches:
            if state.done(plan.steps, plan.minutes) >= 1 or stopping():
                break
            if plan.mine_every and (mine_now or (state.step and state.step % plan.mine_every == 0)):
                mine_now = False
                ema_model = build(plan.height, plan.width, shape, fast=True)
                ema_model.set_weights(state.averaged)
                places = composed(seed + 7 * state.step).faceless
                composer.mined = mine(
                    ema_model, places, plan.mine_looks, plan.mine_most, plan.mine_alarm
                )
                say(f"step {state.step}: {len(composer.mined)} false alarms mined")
            warm = min(1.0, (state.step + 1) / plan.warmup)
            model.optimizer.learning_rate = warm * learning_rate(
                round(state.done(plan.steps, plan.minutes) * plan.steps),
                steps=plan.steps,
                warmup=0,
                peak=plan.peak_rate,
            )
            losses = model.train_on_batch(x, y, return_dict=True)
            state.step += 1
            now = time.perf_counter()
            state.seconds, last = state.seconds + now - last, now
            count += 1
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value)
            if state.step % EVERY == 0:
                keep = averaging(state.step, decay=plan.averaging, every=EVERY)
                for a, w in zip(state.averaged, model.get_weights(), strict=True):
                    a *= keep
                    a += (1 - keep) * w
            done = state.done(plan.steps, plan.minutes)
            if state.step % plan.report_every == 0 or done >= 1:
                took = time.perf_counter() - began
                means = {k: v / count for k, v in sums.items()}
                checkpoint.save(model, state, folder, record)
                row = {"step": state.step, "seconds": round(took, 1), **means}
                checkpoint.note(folder, row)
                log(row)
                parts = " ".join(f"{k.removesuffix('_loss')} {v:.3f}" for k, v in means.items())
                each = 1000 * took / count / plan.batch
                say(f"step {state.step}, {done:.1%}: {parts} ({each:.1f} ms a picture)")
                sums, count, began = {}, 0, time.perf_counter()
    finally:
        batches.close()
    checkpoint.save(model, state, folder, record)
    return state.averaged
