"""The manifest of a model: what it is, what it can, where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.evaluate.charts import risk_chart
from convert.evaluate.figures import headline, rounded
from convert.evaluate.prior import under_each_prior
from convert.evaluate.selective import risk_coverage
from convert.evaluate.truth import Truth
from convert.load import FloatModel, model_digest
from convert.quantize.calibrate import Material
from convert.quantize.card import RISK, card
from convert.quantize.folder import write
from convert.quantize.options import Quantisation
from convert.quantize.parity import Parity
from convert.train.record import Record
from edge.errors import ConfigError
from edge.model.manifest import MANIFEST, MODEL, Manifest


@dataclass(frozen=True, slots=True)
class Fit:
    """The temperature, and in words what it was fitted on; None when it was not."""

    temperature: float
    fitted_on: str | None = None


def describe(wanted: Quantisation, model: FloatModel, record: Record) -> Manifest:
    """Return the manifest without figures, origin and sha256.

    Raises:
        ConfigError: labels, margin or size are not such as a manifest may have.
    """
    try:
        return msgspec.convert(
            {
                "name": wanted.out.name,
                "task": model.task,
                "labels": list(model.labels),
                "input": msgspec.to_builtins(model.input),
                "quantisation": wanted.mode,
                "sha256": "0" * 64,
                "prior": _prior(record, model.labels),
            },
            type=Manifest,
        )
    except msgspec.ValidationError as e:
        raise ConfigError(f"{wanted.model}: does not fit a manifest: {e}") from e


def _prior(record: Record, labels: tuple[str, ...]) -> dict[str, float]:
    """Return the training's class probabilities where they are those of these labels."""
    found = record.prior or {}
    known = set(found) == set(labels) and all(0 < p < 1 for p in found.values())
    return {name: found[name] for name in labels} if known else {}


def write_folder(
    folder: Path, manifest: Manifest, tflite: bytes, data_name: str, notes: str
) -> None:
    """Write model, manifest and card into a folder."""
    write(folder / MODEL, tflite)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    write(folder / MANIFEST, text + b"\n")
    risk = manifest.metrics.get("risk")
    if isinstance(risk, dict):
        write(folder / RISK, risk_chart(risk))
    write(folder / "README.md", card(manifest, data_name=data_name, notes=notes).encode())


def metrics_of(
    model: FloatModel,
    parity: Parity,
    truth: Truth | None,
    reference: NDArray[np.float32],
    quantised: NDArray[np.float32],
    data: Path,
    split: str,
    prior: Mapping[str, float],
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
        out["risk"] = risks(quantised, truth, model.labels, prior)
    result: dict[str, object] = rounded(out)
    return result


def risks(
    scores: NDArray[np.float32], truth: Truth, labels: tuple[str, ...], prior: Mapping[str, float]
) -> dict[str, Any]:
    """Return curves of risk over coverage of scores (n, C): under each prior where it is known."""
    each = under_each_prior(scores, truth, labels, dict(prior))
    if each:
        return {name: figures["risk"] for name, figures in each.items()}
    chosen = scores[truth.counted].astype(np.float64)
    hit = (chosen.argmax(axis=1) == truth.classes[truth.counted]).astype(float)
    return {"scores": risk_coverage(chosen.max(axis=1), hit)}


def provenance_of(
    wanted: Quantisation,
    model: FloatModel,
    seen: Material,
    fit: Fit,
    tflite: bytes,
    raw_luma: bool,
    record: Record,
) -> dict[str, object]:
    """Return where the model came from and how it was made, for the manifest."""
    parameters = int(model.network.count_params()) if model.keras else None
    return {
        "source": wanted.model.name,
        "source_sha256": model_digest(wanted.model),
        "parameters": parameters,
        "bytes": len(tflite),
        "temperature": fit.temperature,
        "temperature_fitted_on": fit.fitted_on,
        "raw_luma": raw_luma,
        "flip": wanted.flip,
        "calibration_faces": seen.per_class,
        "calibration_seed": wanted.seed,
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
