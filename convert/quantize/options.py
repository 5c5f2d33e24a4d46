"""The options of `quantize`, parsed once."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from convert.arguments import seed
from convert.evaluate.truth import add_truth_option
from convert.model_options import ModelOptions, add_model_options, model_options
from convert.quantize.onnx import add_onnx_option
from convert.quantize.parity import Bars, add_bar_options, bars_from
from convert.quantize.temperature import LIMITS
from convert.quantize.tflite import MODES
from convert.train.record import model_in
from edge.errors import NoInputError, UsageError

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")  # as the manifest has it


@dataclass(frozen=True, slots=True)
class Quantisation:
    """What to quantise, how, and what it must be held against.

    Attributes:
        model: a Keras file or SavedModel folder.
        data: faces to calibrate and compare on.
        out: the model folder to make.
        how: what the model file leaves unsaid.
        bars: of the gate.
        mode: one of `MODES`.
        temperature: divides the logits; None: fitted on held-out training faces.
        calibrate_to: what the temperature is fitted to, `truth` or `votes`.
        holdout: fraction that training held out, or None: as its record says.
        calibration: faces to calibrate on.
        seed: of their choice.
        flip: average the scores of a face and its mirror image inside the model.
        onnx: write the float model as ONNX too.
        split: to compare on, or None: the data's test split.
        truth: one of `convert.evaluate.truth.TRUTHS`.
        notes: Markdown for the card.
    """

    model: Path
    data: Path
    out: Path
    how: ModelOptions
    bars: Bars
    mode: str
    temperature: float | None
    calibrate_to: str
    holdout: float | None
    calibration: int
    seed: int
    flip: bool
    onnx: bool
    split: str | None
    truth: str
    notes: str


def add_options(p: argparse.ArgumentParser) -> None:
    """Add what `options_from` reads."""
    p.add_argument(
        "model", type=Path, help=".keras, .h5, .hdf5, a SavedModel or a training's folder"
    )
    p.add_argument("--data", type=Path, required=True, help="faces to calibrate and compare on")
    p.add_argument("--out", type=Path, required=True, help="the model folder to make")
    p.add_argument(
        "--mode",
        choices=MODES,
        default="int8",
        help="default %(default)s; int16x8 has no quick kernels and takes tens of times as long "
        "a face",
    )
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
    p.add_argument("--seed", type=seed, default=1, help="of their choice (default %(default)s)")
    p.add_argument(
        "--flip",
        action="store_true",
        help="let the model average its scores of a face and of its mirror image: somewhat more "
        "accurate, twice the time",
    )
    add_onnx_option(p)
    p.add_argument("--split", help="to compare on (default: the data's test split)")
    p.add_argument("--notes", type=Path, help="Markdown to put into the card")
    add_truth_option(p)
    add_model_options(p, runtime=False)
    add_bar_options(p)


def options_from(args: argparse.Namespace) -> Quantisation:
    """Return what the options say.

    Raises:
        UsageError: a value is out of range.
        NoInputError: the notes cannot be read.
    """
    model = model_in(args.model)
    if not NAME.match(args.out.name):
        raise UsageError(f"--out: got the name {args.out.name!r}; allowed: letters, digits, . _ -")
    if args.out.resolve() in model.resolve().parents:
        raise UsageError(
            f"--out: got {args.out}, in which {model.name} is: the folder would be replaced; "
            "allowed: another one"
        )
    if args.holdout is not None and not 0 < args.holdout < 1:
        raise UsageError(f"--holdout: got {args.holdout}; allowed: above 0, below 1")
    if args.calibration < 1:
        raise UsageError(f"--calibration: got {args.calibration}; allowed: 1 and more")
    temperature = _temperature(args.temperature)
    return Quantisation(
        model=model,
        data=args.data,
        out=args.out,
        how=model_options(args),
        bars=bars_from(args),
        mode=args.mode,
        temperature=temperature,
        calibrate_to=args.calibrate_to,
        holdout=args.holdout,
        calibration=args.calibration,
        seed=args.seed,
        flip=args.flip,
        onnx=args.onnx,
        split=args.split,
        truth=args.truth,
        notes=_notes(args.notes) if args.notes else "",
    )


def _notes(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "not UTF-8"
        raise NoInputError(f"--notes {path}: {reason}") from e


def _temperature(text: str) -> float | None:
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
