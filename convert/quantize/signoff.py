"""The manifest of a model: what it is, what it can, where it came from."""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.evaluate.figures import headline, rounded
from convert.evaluate.truth import Truth
from convert.load import FloatModel, model_digest
from convert.quantize.calibrate import Material
from convert.quantize.card import card
from convert.quantize.folder import write
from convert.quantize.parity import Parity
from convert.train.record import Record
from edge.errors import ConfigError
from edge.model.manifest import MANIFEST, MODEL, Manifest


def describe(args: argparse.Namespace, model: FloatModel) -> Manifest:
    """Return the manifest without figures, origin and sha256.

    Raises:
        ConfigError: labels, margin or size are not such as a manifest may have.
    """
    try:
        return msgspec.convert(
            {
                "name": args.out.name,
                "task": model.task,
                "labels": list(model.labels),
                "input": msgspec.to_builtins(model.input),
                "quantisation": args.mode,
                "sha256": "0" * 64,
            },
            type=Manifest,
        )
    except msgspec.ValidationError as e:
        raise ConfigError(f"{args.model}: does not fit a manifest: {e}") from e


def write_folder(
    folder: Path, manifest: Manifest, tflite: bytes, data_name: str, notes: str
) -> None:
    """Write model, manifest and card into a folder."""
    write(folder / MODEL, tflite)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    write(folder / MANIFEST, text + b"\n")
    write(folder / "README.md", card(manifest, data_name=data_name, notes=notes).encode())


def metrics_of(
    model: FloatModel,
    parity: Parity,
    truth: Truth | None,
    reference: NDArray[np.float32],
    quantised: NDArray[np.float32],
    data: Path,
    split: str,
) -> dict[str, object]:
    """Return the figures of float and quantised, scores (n, C) each, for the manifest."""
    out: dict[str, Any] = {
        "data": data.resolve().name,
        "split": split,
        "faces": parity.faces,
        "agreement": parity.agreement,
        "largest_shift": parity.largest_shift,
        "moved": parity.moved,
    }
    if truth is not None and len(truth.counted):
        out["truth_kind"] = truth.kind
        out["truth"] = truth.description
        out["counted"] = len(truth.counted)
        out["float"] = headline(reference, truth, model.labels)
        out["quantised"] = headline(quantised, truth, model.labels)
    result: dict[str, object] = rounded(out)
    return result


def provenance_of(
    args: argparse.Namespace,
    model: FloatModel,
    seen: Material,
    temperature: float,
    tflite: bytes,
    raw_luma: bool,
    record: Record,
) -> dict[str, object]:
    """Return where the model came from and how it was made, for the manifest."""
    parameters = int(model.network.count_params()) if model.keras else None
    return {
        "source": args.model.name,
        "source_sha256": model_digest(args.model),
        "parameters": parameters,
        "bytes": len(tflite),
        "temperature": temperature,
        "temperature_fitted_on": (
            f"{args.calibrate_to} of {len(seen.held_out)} held-out training faces"
            if args.temperature == "auto"
            else None
        ),
        "raw_luma": raw_luma,
        "flip": args.flip,
        "calibration_faces": seen.per_class,
        "calibration_seed": args.seed,
        "training": record.kept or None,
        "tools": {
            name: _version(name) for name in ("tensorflow", "keras", "numpy", "emotion-edge")
        },
    }


def _version(name: str) -> str | None:
    for distribution in (name, f"{name}-cpu"):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return None
