"""The state of a training on disk: after a kill it goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.data.errors import DataError

STATE = "state.npz"
Arrays = list[NDArray[Any]]


def variables(model: Any, optimizer: Any) -> list[Any]:
    """Return all that a step changes: weights, states of random layers, optimiser slots."""
    return [v for layer in model.layers for v in layer.variables] + list(optimizer.variables)


def save(folder: Path, live: list[Any], averaged: Arrays, record: dict[str, Any]) -> None:
    """Write the state so that a kill at any moment leaves the old or the new one whole."""
    arrays = {f"live_{i}": np.asarray(_numpy(v)) for i, v in enumerate(live)}
    arrays.update({f"averaged_{i}": a for i, a in enumerate(averaged)})
    arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    partial = folder / (STATE + ".partial.npz")
    with partial.open("wb") as f:
        np.savez(f, **arrays)  # type: ignore[arg-type]
        f.flush()
        os.fsync(f.fileno())
    partial.replace(folder / STATE)


def load(folder: Path, live: list[Any], averaged: Arrays) -> tuple[Arrays, dict[str, Any]]:
    """Set `live` to the saved state; return the averaged weights and the record.

    Raises:
        DataError: the file is damaged or belongs to another network.
    """
    path = folder / STATE
    try:
        with np.load(path, allow_pickle=False) as saved:
            record: dict[str, Any] = json.loads(saved["record"].tobytes())
            values = [saved[f"live_{i}"] for i in range(len(live))]
            means = [saved[f"averaged_{i}"] for i in range(len(averaged))]
            extra = f"live_{len(live)}" in saved
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as e:
        raise DataError(path, f"not a usable training state ({e}); remove it to begin anew") from e
    wrong = extra or any(tuple(v.shape) != a.shape for v, a in zip(live, values, strict=True))
    if wrong:
        raise DataError(path, "belongs to another network; remove it to begin anew")
    for v, a in zip(live, values, strict=True):
        v.assign(a)
    return means, record


def _numpy(v: Any) -> Any:
    import keras

    return keras.ops.convert_to_numpy(v.value if hasattr(v, "value") else v)
