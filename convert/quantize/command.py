"""`emotion-convert quantize`: describe, convert, compare, and only then sign off."""

from __future__ import annotations

import argparse
import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset, open_dataset, open_sized
from convert.evaluate.metrics import confusion
from convert.evaluate.truth import Truth, choose_truth, class_columns, part_of, truth_of
from convert.labels import DATA, GIVEN, likelier_order, order_message
from convert.load import FloatModel, load_float, use_tensorflow
from convert.quantize.calibrate import Material, material
from convert.quantize.fit import fit_of, holdout_of, origin_of
from convert.quantize.flip import with_flip
from convert.quantize.folder import GateError, check_free, staged, write
from convert.quantize.onnx import FILE as ONNX
from convert.quantize.onnx_classifier import checked_classifier
from convert.quantize.options import Quantisation, add_options, options_from
from convert.quantize.parity import Parity, failures, measure
from convert.quantize.signoff import describe, metrics_of, provenance_of, write_folder
from convert.quantize.temperature import cross_entropy, fold_temperature
from convert.quantize.tflite import SLOW_MODES, to_tflite
from convert.train.holdout import as_trained
from convert.train.record import Record, record_beside
from edge.errors import ConfigError
from edge.model.manifest import MANIFEST, MODEL, Manifest

log = logging.getLogger(__name__)


def add_parser(subparsers: Any) -> None:
    """Add `quantize` to the command line."""
    p = subparsers.add_parser(
        "quantize",
        help="turn a Keras model into a model folder for the device",
        description="Convert a Keras model or SavedModel to TFLite, compare both on real faces, "
        "and write the model folder only when they agree.",
    )
    add_options(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the folder; raises an `EdgeError` with nothing left behind when it cannot."""
    wanted = options_from(args)
    check_free(wanted.out)
    record = record_beside(wanted.model)
    holdout = holdout_of(record, wanted.holdout)
    data = _data(wanted, record)
    if wanted.truth == "auto" and (record.truth == "labels" or data.votes is not None):
        wanted = replace(wanted, truth=record.truth or "votes")
    use_tensorflow()
    model = load_float(wanted.model, wanted.how, data.classes)
    data = as_trained(_as_seen(wanted, record, data, model), record.kept)
    manifest = describe(wanted, model, record)
    seen = material(
        data,
        votes=choose_truth(data, wanted.truth) == "votes",
        count=wanted.calibration,
        seed=wanted.seed,
        holdout=holdout,
    )
    columns = class_columns(data, model.labels)
    part, split = part_of(data, wanted.split)
    truth = truth_of(part, model.labels, wanted.truth)
    faces = part.faces()
    _check_order(model, model.predict(faces), truth)
    whose = origin_of(data, record, wanted.holdout)
    fit = fit_of(wanted, model, seen, columns, whose)
    fold_temperature(model, fit.temperature)
    if wanted.flip:
        tflite = to_tflite(with_flip(model, batch=1), wanted.mode, seen.calibration)
        model = with_flip(model)
    else:
        tflite = to_tflite(model, wanted.mode, seen.calibration)
    held_out = _held_out(model, seen, columns)
    reference = model.predict(faces)
    with staged(wanted.out) as folder:
        digest = hashlib.sha256(tflite).hexdigest()
        manifest = msgspec.structs.replace(manifest, sha256=digest)
        quantised = _device_scores(folder, manifest, tflite, faces)
        raw_luma = _check_input(folder / MODEL, model, wanted.mode)
        parity = measure(reference, quantised, None if truth is None else truth.classes)
        below = failures(parity, wanted.bars, model.labels)
        if below:
            raise GateError(
                f"{wanted.mode} is not the same model as {wanted.model.name}, nothing was "
                "written:\n  " + "\n  ".join([*below, _summary(parity)])
            )
        more: dict[str, object] = {"held_out": held_out}
        if wanted.onnx:
            content, more["onnx"] = checked_classifier(model, manifest, faces, reference)
            write(folder / ONNX, content)
        manifest = msgspec.structs.replace(
            manifest,
            metrics=metrics_of(
                model, parity, truth, reference, quantised, wanted.data, split, manifest.prior
            ),
            provenance=provenance_of(wanted, model, seen, fit, tflite, raw_luma, record) | more,
        )
        write_folder(folder, manifest, tflite, wanted.data.resolve().name, wanted.notes)
    _report(wanted.out, parity, fit.temperature, len(tflite), held_out, whose)
    if wanted.mode in SLOW_MODES:
        log.warning("%s: TFLite has no quick kernels for it; int8 is tens of times as fast",
                    wanted.mode)  # fmt: skip
    return 0


def _data(wanted: Quantisation, record: Record) -> Dataset:
    """Return the data at the size that training saw, so that the same faces are held out."""
    if record.size is not None:
        return open_sized(wanted.data, record.size)
    return open_dataset(wanted.data)


def _as_seen(wanted: Quantisation, record: Record, data: Dataset, model: FloatModel) -> Dataset:
    """Return picture files at the model's own size where no record says otherwise."""
    size = (model.input.height, model.input.width)
    return data if record.size is not None or data.size == size else open_dataset(wanted.data, size)


def _check_order(model: FloatModel, scores: NDArray[np.float32], truth: Truth | None) -> None:
    """Refuse labels that were only assumed and fit much better in another order.

    Raises:
        ConfigError: they came from the data; labels that were given are only warned about.
    """
    if truth is None or model.labels_from not in (DATA, GIVEN):
        return
    known = truth.counted
    matrix = confusion(truth.classes[known], scores[known].argmax(axis=1), len(model.labels))
    found = likelier_order(matrix, model.labels)
    if found is None:
        return
    words = order_message(str(model.path), found)
    if model.labels_from == DATA:
        raise ConfigError(words)
    log.warning(words)


def _held_out(
    model: FloatModel, seen: Material, columns: NDArray[np.intp] | None
) -> dict[str, float] | None:
    """Return how the float model does on the held-out faces, which is what to choose by."""
    known = np.flatnonzero(seen.truth >= 0)
    if columns is None or not known.size:
        return None
    scores, truth = model.predict(seen.held_out[known]), columns[seen.truth[known]]
    right = float((scores.argmax(axis=1) == truth).mean())
    loss = cross_entropy(scores, np.eye(len(model.labels))[truth])
    return {"faces": len(known), "accuracy": round(right, 4), "log_loss": round(loss, 4)}


def _device_scores(
    folder: Path, manifest: Manifest, tflite: bytes, faces: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return what the device's own classifier says, which also checks names and shapes."""
    from convert.evaluate.scorer import FolderScorer

    write(folder / MODEL, tflite)
    write(folder / MANIFEST, msgspec.json.encode(manifest))
    return FolderScorer(folder).predict(faces)


def _check_input(path: Path, model: FloatModel, mode: str) -> bool:
    """Return whether the input is luma shifted to int8 and nothing else.

    Raises:
        ConfigError: the model takes luma 0 to 255, but its int8 input is not luma - 128.
    """
    from edge.model.tflite import Network

    network = Network(path)
    shifted = np.arange(256) - 128
    table = network.input_table(model.input.mean, model.input.scale)
    raw = mode == "int8" and bool(np.array_equal(table, shifted))
    if mode == "int8" and model.input.mean == 0 and model.input.scale == 1 and not raw:
        raise ConfigError(f"{model.path}: the int8 input is not luma - 128; got {table[[0, 255]]}")
    return raw


def _report(
    out: Path,
    parity: Parity,
    temperature: float,
    size: int,
    held_out: dict[str, float] | None,
    whose: str,
) -> None:
    line = f"{out}: {size} bytes, temperature {temperature:g}"
    if held_out is not None:
        line += (
            f"; on {held_out['faces']} {whose} accuracy "
            f"{held_out['accuracy']:.2%}, log loss {held_out['log_loss']:.4f}"
        )
    print(line)
    print(_summary(parity))


def _summary(parity: Parity) -> str:
    line = (
        f"on {parity.faces} faces: the same class on {parity.agreement:.2%}, largest shift of a "
        f"score {parity.largest_shift:.3f}, moved {parity.moved:.4f}"
    )
    if parity.accuracy_float is None or parity.f1_float is None:
        return line
    return (
        f"{line}, accuracy {parity.accuracy_float:.2%} -> {parity.accuracy_quantised:.2%}, "
        f"macro-F1 {parity.f1_float:.4f} -> {parity.f1_quantised:.4f}"
    )
