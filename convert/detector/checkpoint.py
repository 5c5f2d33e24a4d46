"""What a training run keeps in its folder, and whether it may go on there."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.detector.archives import first_difference
from edge.errors import ConfigError, NoInputError
from edge.model.manifest import MANIFEST

Weights = list[NDArray[np.float32]]
STATE = "state.npz"  # of a run folder: where training goes on
BEST = "weights.npz"  # averaged weights, what is evaluated and quantised
HISTORY = "history.jsonl"
RECORD = "run.json"  # plan, network, recipe and data
FREE = ("steps", "minutes", "peak_rate", "warmup", "report_every")
"""Parts of a plan that may differ when a run of the detector, or of the state network, goes on."""


@dataclass(slots=True)
class RunState:
    """What a run has come to; kept in `STATE`."""

    step: int
    seconds: float  # of all runs together
    averaged: Weights

    def done(self, steps: int, minutes: float) -> float:
        """Return the fraction of the training that lies behind, 0 to 1.

        Args:
            steps: of the whole training.
            minutes: of the whole training; 0: the steps decide.
        """
        by_step = self.step / steps
        return max(by_step, self.seconds / (60 * minutes)) if minutes else by_step


def rows(folder: Path) -> Iterator[dict[str, float]]:
    """Yield what `note` has kept, oldest first.

    Raises:
        ConfigError: the file is damaged.
    """
    if not (folder / HISTORY).is_file():
        return
    for line in (folder / HISTORY).read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError as e:
            raise ConfigError(f"{folder / HISTORY}: {e}; allowed: a line of JSON a row") from e


def note(folder: Path, row: dict[str, float]) -> None:
    """Add a row of figures to the run's history."""
    with (folder / HISTORY).open("a") as f:
        f.write(json.dumps(row) + "\n")


def check_same_run(
    folder: Path, record: dict[str, Any], state: str = STATE, free: Collection[str] = FREE
) -> None:
    """Refuse to go on in a folder of another run.

    Args:
        folder: of the run.
        record: of the run that is to go on.
        state: what is in a folder where one can.
        free: parts of the plan that may differ.

    Raises:
        ConfigError: its record has other data, another network, plan or recipe.
    """
    if not (folder / state).exists():
        return
    try:
        before = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError) as e:
        raise ConfigError(f"{folder / RECORD}: {e}; allowed: the record of the run") from e
    now = json.loads(json.dumps(record))
    for part in ("shape", "recipe", "data", "plan"):
        may_differ = free if part == "plan" else ()
        if apart := first_difference(before.get(part, {}), now[part], may_differ):
            key, old, new = apart
            raise ConfigError(
                f"{folder}: it holds a run with {part}.{key} {old!r}; got {new!r}; allowed: the "
                "same, or another folder"
            )


def record_beside(weights: Path) -> dict[str, Any] | None:
    """Return the record of the run, or of the model folder, in which `weights` lie."""
    try:
        if (weights.parent / RECORD).is_file():
            record = json.loads((weights.parent / RECORD).read_text())
        else:
            of = json.loads((weights.parent / MANIFEST).read_text())["provenance"]
            record = {key: of[key] for key in ("training", "blend") if key in of}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if isinstance(record, dict) else None


def training_of(folder: Path) -> dict[str, Any]:
    """Return the record of a run's folder, or of the run that a model folder was made from.

    Raises:
        ConfigError: it has neither.
    """
    record = record_beside(folder / BEST)
    if record is None:
        raise ConfigError(
            f"{folder}: no {RECORD} and no {MANIFEST} in it; allowed: the folder of a training, or "
            f"a model folder with {BEST}"
        )
    training = record.pop("training", {})  # of a model folder's manifest, with `blend` beside it
    return {**record, **training} if isinstance(training, dict) else record


def save_weights(path: Path, weights: Weights) -> None:
    """Write weights in their order, at once or not at all."""
    partial = path.with_suffix(".part.npz")
    np.savez(partial, *weights)
    partial.replace(path)


def load_weights(path: Path) -> Weights:
    """Return weights in their order.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return [archive[f"arr_{i}"] for i in range(len(archive.files))]
    except FileNotFoundError as e:
        raise NoInputError(f"{path}: no such file") from e
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as e:
        raise ConfigError(f"{path}: not weights of a detector: {e}") from e


def put(model: Any, weights: Weights) -> None:
    """Set all weights of `model`.

    Raises:
        ConfigError: they are of another network.
    """
    try:
        model.set_weights(weights)
    except ValueError as e:
        raise ConfigError(f"the weights do not fit the network: {e}") from e


def save(model: Any, state: RunState, folder: Path, record: dict[str, Any]) -> None:
    """Write all that it takes to go on, and the averaged weights."""
    from keras import ops

    inner = [np.asarray(ops.convert_to_numpy(v.value)) for v in model.optimizer.variables]
    partial = folder / "state.part.npz"
    values = {f"model_{i}": w for i, w in enumerate(model.get_weights())}
    values |= {f"average_{i}": w for i, w in enumerate(state.averaged)}
    values |= {f"optimizer_{i}": w for i, w in enumerate(inner)}
    done = {"steps": state.step, "seconds": round(state.seconds)}
    partial_record = folder / "run.part.json"
    partial_record.write_text(json.dumps({"done": done, **record}, indent=1) + "\n")
    partial_record.replace(folder / RECORD)
    np.savez(partial, step=state.step, seconds=state.seconds, **values)
    partial.replace(folder / STATE)
    save_weights(folder / BEST, state.averaged)


def resume(model: Any, folder: Path) -> RunState | None:
    """Put the state of `folder` into `model`; None where there is none."""
    if not (folder / STATE).is_file():
        return None
    with np.load(folder / STATE, allow_pickle=False) as state:
        n = len(model.weights)
        model.set_weights([state[f"model_{i}"] for i in range(n)])
        model.optimizer.build(model.trainable_variables)
        for i, variable in enumerate(model.optimizer.variables):
            variable.assign(state[f"optimizer_{i}"])
        averaged = [state[f"average_{i}"].copy() for i in range(n)]
        return RunState(int(state["step"]), float(state["seconds"]), averaged)
