"""`emotion-convert quantize`: describe, convert, compare, and only then sign off."""

from __future__ import annotations

import argparse
import hashlib
import logging
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.data import open_dataset
from convert.evaluate.truth import (
    add_truth_option,
    choose_truth,
    class_columns,
    part_of,
    truth_of,
)
from convert.load import FloatModel, add_model_options, load_float, use_tensorflow
from convert.quantize.calibrate import Material, material
from convert.quantize.flip import with_flip
from convert.quantize.folder import GateError, staged, write
from convert.quantize.parity import Parity, add_bar_options, bars_from, failures, measure
from convert.quantize.signoff import describe, metrics_of, provenance_of, write_folder
from convert.quantize.temperature import (
    LIMITS,
    cross_entropy,
    fit_temperature,
    fold_temperature,
)
from convert.quantize.tflite import MODES, to_tflite
from convert.train.record import record_beside
from edge.errors import ConfigError, UsageError
from edge.model.manifest import MANIFEST, MODEL, Manifest

log = logging.getLogger(__name__)

HOLDOUT = 0.05  # of the training faces, as `train` holds out unless told otherwise
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")  # as the manifest has it


def add_parser(subparsers: Any) -> None:
    """Add `quantize` to the command line."""
    p = subparsers.add_parser(
        "quantize",
        help="turn a Keras model into a model folder for the device",
        description="Convert a Keras model or SavedModel to TFLite, compare both on real faces, "
        "and write the model folder only when they agree.",
    )
    p.add_argument("model", type=Path, help=".keras, .h5, .hdf5 or a SavedModel folder")
    p.add_argument("--data", type=Path, required=True, help="faces to calibrate and compare on")
    p.add_argument("--out", type=Path, required=True, help="the model folder to make")
    p.add_argument("--mode", choices=MODES, default="int8", help="default %(default)s")
    p.add_argument(
        "--temperature",
        default="auto",
        help="divides the logits; auto: fitted on held-out training faces (default), or a number",
    )
    p.add_argument(
        "--calibrate-to",
        choices=("truth", "votes"),
        default="truth",
        help="what the temperature makes scores agree with: how often the best class is right "
        "(truth, default), or how many of the raters chose it",
    )
    p.add_argument(
        "--holdout",
        type=float,
        help="fraction that training held out (default: as the model's train.json says, else 0.05)",
    )
    p.add_argument(
        "--calibration", type=int, default=70, help="faces to calibrate on (default %(default)s)"
    )
    p.add_argument("--seed", type=int, default=1, help="of their choice (default %(default)s)")
    p.add_argument(
        "--flip",
        action="store_true",
        help="let the model average its scores of a face and of its mirror image: somewhat more "
        "accurate, twice the time",
    )
    p.add_argument("--split", help="to compare on (default: the data's test split)")
    p.add_argument("--notes", type=Path, help="Markdown to put into the card")
    add_truth_option(p)
    add_model_options(p)
    add_bar_options(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the folder; raises an `EdgeError` with nothing left behind when it cannot."""
    out: Path = args.out
    if not NAME.match(out.name):
        raise UsageError(f"--out: got the name {out.name!r}; allowed: letters, digits, . _ -")
    if args.holdout is not None and not 0 < args.holdout < 1:
        raise UsageError(f"--holdout: got {args.holdout}; allowed: above 0, below 1")
    if args.calibration < 1:
        raise UsageError(f"--calibration: got {args.calibration}; allowed: 1 and more")
    _temperature_option(args.temperature)
    notes = args.notes.read_text(encoding="utf-8") if args.notes else ""
    data = open_dataset(args.data)
    record = record_beside(args.model)
    if args.truth == "auto" and (record.truth == "labels" or data.votes is not None):
        args.truth = record.truth or "votes"
    use_tensorflow()
    model = load_float(
        args.model,
        labels=args.labels,
        luma_range=args.luma_range,
        margin=args.margin,
        classes=data.classes,
    )
    manifest = describe(args, model)
    votes = choose_truth(data, args.truth) == "votes"
    seen = material(
        data,
        votes=votes,
        count=args.calibration,
        seed=args.seed,
        holdout=args.holdout or record.holdout or HOLDOUT,
    )
    columns = class_columns(data, model.labels)
    temperature = _temperature(args, model, seen, columns)
    fold_temperature(model, temperature)
    if args.flip:
        tflite = to_tflite(with_flip(model, batch=1), args.mode, seen.calibration)
        model = with_flip(model)
    else:
        tflite = to_tflite(model, args.mode, seen.calibration)
    held_out = _held_out(model, seen, columns)
    part, split = part_of(data, args.split)
    truth = truth_of(part, model.labels, args.truth)
    faces = part.faces()
    reference = model.predict(faces)
    with staged(out) as folder:
        digest = hashlib.sha256(tflite).hexdigest()
        manifest = msgspec.structs.replace(manifest, sha256=digest)
        quantised = _device_scores(folder, manifest, tflite, faces)
        raw_luma = _check_input(folder / MODEL, model, args.mode)
        parity = measure(reference, quantised, None if truth is None else truth.classes)
        below = failures(parity, bars_from(args), model.labels)
        if below:
            raise GateError(
                f"{args.mode} is not the same model as {args.model.name}, nothing was written:\n  "
                + "\n  ".join([*below, _summary(parity)])
            )
        manifest = msgspec.structs.replace(
            manifest,
            metrics=metrics_of(model, parity, truth, reference, quantised, args.data, split),
            provenance=provenance_of(args, model, seen, temperature, tflite, raw_luma, record)
            | {"held_out": held_out},
        )
        write_folder(folder, manifest, tflite, args.data.resolve().name, notes)
    _report(out, parity, temperature, len(tflite), held_out)
    return 0


def _temperature_option(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not LIMITS[0] <= value <= LIMITS[1]:
        allowed = f"auto, or {LIMITS[0]:g} to {LIMITS[1]:g}"
        raise UsageError(f"--temperature: got {text!r}; allowed: {allowed}")
    return value


def _temperature(
    args: argparse.Namespace, model: FloatModel, seen: Material, columns: NDArray[np.intp] | None
) -> float:
    given = _temperature_option(args.temperature)
    if given is not None:
        return given
    if columns is None or not model.keras:
        log.info("temperature 1: nothing to fit it with")
        return 1.0
    wanted = seen.targets
    if args.calibrate_to == "truth":
        wanted = np.eye(wanted.shape[1], dtype=np.float32)[seen.truth]
        wanted[seen.truth < 0] = 0
    targets = np.zeros((len(wanted), len(model.labels)), np.float32)
    targets[:, columns] = wanted
    with_target = targets.sum(axis=1) > 0
    faces = seen.held_out[with_target]
    views = [faces, faces[:, :, ::-1]] if args.flip else [faces]
    return fit_temperature([model.predict(v) for v in views], targets[with_target])


def _held_out(
    model: FloatModel, seen: Material, columns: NDArray[np.intp] | None
) -> dict[str, float] | None:
    """Return how the float model does on held-out training faces, which is what to choose by."""
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
    out: Path, parity: Parity, temperature: float, size: int, held_out: dict[str, float] | None
) -> None:
    line = f"{out}: {size} bytes, temperature {temperature:g}"
    if held_out is not None:
        line += (
            f"; on {held_out['faces']} held-out training faces accuracy "
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
