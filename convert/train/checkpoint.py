"""The state of a training on disk: after a kill it goes on as if nothing had happened."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.data.errors import DataError
from convert.files import replacing

STATE = "state.npz"
LATER = ("classes", "validation_faces")  # a state that was saved before these were is believed
LACKING = (
    "lacks a part of what a step changes (of mixed_float16, earlier versions did not save the "
    "scale of the loss); remove it to begin anew"
)
Arrays = list[NDArray[Any]]
History = list[dict[str, float]]


def variables(model: Any, optimizer: Any) -> list[Any]:
    """Return all that a step changes: weights, states of random layers, optimiser slots.

    In float16 that is the scale of the loss too, which Keras wraps around the optimiser.
    """
    found = [v for layer in model.layers for v in layer.variables] + list(optimizer.variables)
    scaling = model.optimizer
    return found if scaling is optimizer else [*found, scaling.step_counter, scaling.dynamic_scale]


def save(
    folder: Path, live: list[Any], averaged: Arrays, history: History, purpose: dict[str, Any]
) -> None:
    """Write the state so that a kill at any moment leaves the old or the new one whole.

    Args:
        folder: where `STATE` is kept.
        live: what `variables` returned.
        averaged: the averaged weights.
        history: figures of the epochs so far.
        purpose: what makes this training another than any other; compared when it is loaded.
    """
    arrays = {f"live_{i}": _numpy(v) for i, v in enumerate(live)}
    arrays.update({f"averaged_{i}": a for i, a in enumerate(averaged)})
    record = json.dumps({"history": history, "purpose": purpose})
    arrays["record"] = np.frombuffer(record.encode(), np.uint8)
    with replacing(folder / STATE) as partial, partial.open("wb") as f:
        np.savez(f, **arrays)  # type: ignore[arg-type]


def load(
    folder: Path, live: list[Any], averaged: Arrays, purpose: dict[str, Any]
) -> tuple[Arrays, History]:
    """Set `live` to the saved state; return the averaged weights and the history.

    Raises:
        DataError: the file is damaged or was saved for another purpose.
    """
    path = folder / STATE
    try:
        with np.load(path, allow_pickle=False) as saved:
            record: dict[str, Any] = json.loads(saved["record"].tobytes())
            _compare(path, record["purpose"], json.loads(json.dumps(purpose)))
            if any(f"live_{i}" not in saved for i in range(len(live))):
                raise DataError(path, LACKING)
            values = [saved[f"live_{i}"] for i in range(len(live))]
            means = [saved[f"averaged_{i}"] for i in range(len(averaged))]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as e:
        raise DataError(path, f"not a usable training state ({e}); remove it to begin anew") from e
    for v, a in zip(live, values, strict=True):
        if tuple(v.shape) != a.shape:
            raise DataError(path, "belongs to another network; remove it to begin anew")
        v.assign(a)
    history: History = record["history"]
    return means, history


def _compare(path: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    for key, value in wanted.items():
        if key not in saved and key in LATER:
            continue
        if saved.get(key) != value:
            reason = (
                f"was made with {key} = {saved.get(key)}, not {value}; "
                "use another --out, or remove it to begin anew"
            )
            raise DataError(path, reason)


def _numpy(v: Any) -> NDArray[Any]:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(v.value))
