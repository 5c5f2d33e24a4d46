"""`emotion-convert quantize-state`: weights of a run become a model folder for the device."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.detector.checkpoint import BEST, load_weights, put, training_of
from convert.load import use_tensorflow
from convert.quantize.figures import read_figures
from convert.quantize.folder import GateError, staged, write
from convert.quantize.onnx import FILE as ONNX
from convert.quantize.onnx import add_onnx_option
from convert.quantize.tflite import run_converter, spanning
from convert.state.augment import Recipe, crop_of
from convert.state.card import card, tables
from convert.state.charts import risk_chart
from convert.state.command import add_data
from convert.state.cover import dark_glasses, mask
from convert.state.faces import Faces, held_out, read_faces
from convert.state.material import central, judged
from convert.state.network import Shape, build
from convert.state.onnx import checked_state
from convert.state.outputs import EYE_LEFT, EYE_RIGHT, MOUTH, OUTPUTS, SCALES, SMILE, N
from convert.state.predict import FloatPredictor, Said, TflitePredictor
from convert.state.scores import surest, temperature
from convert.state.sources import sources_of
from edge.errors import ConfigError, UsageError
from edge.model.manifest import MANIFEST, MODEL, InputSpec, Manifest, StateOutput

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
CALIBRATION = 600  # crops
ROUNDS = 3  # spoilt crops of each held-out face that sureness is calibrated on
# What int8 may differ from float on average, in units of `OUTPUTS`' scales: 0.05 is one degree.
MOST_APART = 0.05
SAME_TOLD = 0.97  # fraction of the values that both tell, or both do not
# Mean error of faces about as unsure, up to which a value is told: degrees, and shares.
MOST_WRONG = {"deg": 8.0, "share": 0.2}
MOST_UNSURE = {"deg": 10.0, "share": 0.25}  # standard deviation above which nothing is told


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "quantize-state",
        help="turn a trained state network into a model folder for the device",
        description="Calibrates the told deviations on held-out faces, converts to int8 TFLite, "
        "compares with the float network, and writes the folder only when both say the same.",
    )
    p.add_argument(
        "run_folder",
        type=Path,
        metavar="RUN",
        help="folder of train-state, or of a model with its weights.npz, such as models/state",
    )
    add_data(p)
    p.add_argument("--out", type=Path, required=True, help="the model folder to make")
    p.add_argument(
        "--most-apart",
        type=float,
        default=MOST_APART,
        help="mean difference of int8 and float that is allowed, in scaled units, of which 1 is "
        "20 degrees or 0.25 (default %(default)s)",
    )
    p.add_argument("--figures", type=Path, help="JSON of evaluate-state for the card")
    add_onnx_option(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the folder, or say why not and leave nothing behind."""
    if args.most_apart <= 0:
        raise UsageError(f"--most-apart: got {args.most_apart}; allowed: above 0")
    figures = state_figures(args.figures)
    use_tensorflow()
    record = training_of(args.run_folder)
    try:
        shape = Shape.of(record["shape"])
        recipe = Recipe(**record["recipe"])
    except (ValueError, KeyError, TypeError) as e:
        raise ConfigError(f"{args.run_folder}: not a folder of train-state: {e}") from e
    model = build(shape)
    put(model, load_weights(args.run_folder / BEST))
    faces = read_faces(args.data, args.photo_labels)
    used = faces.take(~held_out(faces))
    held = judged(faces, calibrating=True)
    if not len(used) or not len(held):
        raise ConfigError(f"{len(used)} faces to train on, {len(held)} held out to calibrate on")
    factors = calibrate(model, held, recipe)
    crops = spoilt(used, recipe, CALIBRATION, seed=3)[0]
    tflite = to_int8(model, crops)
    with staged(args.out) as folder:
        write(folder / MODEL, tflite)
        parity, limits = judge(model, folder / MODEL, held, recipe)
        if parity["mean_apart"] > args.most_apart or parity["same_told"] < SAME_TOLD:
            raise GateError(
                f"int8 and float are {parity['mean_apart']:.3f} apart on average and tell the same "
                f"{parity['same_told']:.1%} of the values; allowed: {args.most_apart:g}, "
                f"{SAME_TOLD:.0%}; nothing was written"
            )
        manifest = Manifest(
            name=args.out.name,
            task="state",
            input=InputSpec(width=shape.size, height=shape.size),
            quantisation="int8",
            sha256=hashlib.sha256(tflite).hexdigest(),
            outputs=[
                StateOutput(name=o.name, unit=o.unit, scale=o.scale, known_below=limit)  # type: ignore[arg-type]  # one of the names
                for o, limit in zip(OUTPUTS, limits, strict=True)
            ],
            metrics={"int8_beside_float": parity, **figures},
            provenance={
                "source_sha256": hashlib.sha256((args.run_folder / BEST).read_bytes()).hexdigest(),
                "parameters": int(model.count_params()),
                "bytes": len(tflite),
                "sigma_factors": factors,
                "sources": sources_of(faces, args.data),
                "training": record,
                "tools": {name: version(name) for name in ("keras", "numpy")},
            },
        )
        if args.onnx:
            content, manifest.provenance["onnx"] = checked_state(
                model, manifest, seen_by_both(held, recipe)[0]
            )
            write(folder / ONNX, content)
        write(folder / BEST, (args.run_folder / BEST).read_bytes())  # to go on from
        encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        write(folder / MANIFEST, encoded + b"\n")
        write(folder / "README.md", card(manifest).encode())
        if figures:
            write(folder / "risk.png", risk_chart(figures))
    print(
        f"{args.out}: {len(tflite)} bytes; int8 and float {parity['mean_apart']:.3f} apart, "
        f"{parity['same_told']:.2%} of the values told alike"
    )
    return 0


def state_figures(path: Path | None) -> dict[str, Any]:
    """Return figures of `evaluate-state` for a manifest, its card and chart; see `read_figures`."""
    return read_figures(path, "evaluate-state", lambda f: (tables(f), risk_chart(f)))


def spoilt(faces: Faces, recipe: Recipe, n: int, seed: int) -> tuple[Luma, Floats]:
    """Return n crops drawn as in training, (n, size, size), and their values (n, 7)."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(faces), n)
    drawn = [crop_of(faces, int(row), recipe, rng) for row in rows]
    return np.stack([crop for crop, _ in drawn]), np.stack([values for _, values in drawn])


def calibrate(model: Any, held: Faces, recipe: Recipe) -> list[float]:
    """Bring the deviations to what the errors on held-out faces are, in the last layer's bias.

    Returns:
        The factor on each of the seven standard deviations.
    """
    crops, values = spoilt(held, recipe, ROUNDS * len(held), seed=11)
    clean = central(held.patches, recipe.size)
    said = FloatPredictor(model).say(np.concatenate([crops, clean]))
    error = said.value - np.concatenate([values, held.values])
    factors = [temperature(error[:, k], said.sigma[:, k]) for k in range(N)]
    layer = model.get_layer("state")
    kernel, bias = layer.get_weights()
    bias[N:] += np.log(factors)
    layer.set_weights([kernel, bias])
    return factors


def seen_by_both(held: Faces, recipe: Recipe) -> tuple[Luma, Floats]:
    """Return crops to compare two networks on, spoilt and as they are, and their values."""
    crops, values = spoilt(held, recipe, len(held), seed=12)
    clean = central(held.patches, recipe.size)
    return np.concatenate([crops, clean]), np.concatenate([values, held.values])


def judge(
    model: Any, tflite: Path, held: Faces, recipe: Recipe
) -> tuple[dict[str, float], list[float]]:
    """Compare the file on the device's runtime with the float network.

    Returns:
        How far they are apart, and for each output the standard deviation up to which it is told.
    """
    device = TflitePredictor(tflite, recipe.size)
    crops, values = seen_by_both(held, recipe)
    said = device.say(crops)
    true = FloatPredictor(model).say(crops)
    limits = known_below(device, said, values, held)
    told, told_true = (s.sigma <= np.array(limits, np.float32) for s in (said, true))
    gap = np.abs(said.value - true.value) / SCALES
    return {
        "faces": len(crops),
        "mean_apart": float(gap[told_true].mean()),
        "mean_apart_of_all": float(gap.mean()),
        "same_told": float((told == told_true).mean()),
    }, limits


def known_below(device: TflitePredictor, said: Said, values: Floats, held: Faces) -> list[float]:
    """Return for each output the standard deviation up to which it is told; see `surest`."""
    rng = np.random.default_rng(13)
    covers = {
        EYE_LEFT: dark_glasses, EYE_RIGHT: dark_glasses, MOUTH: mask, SMILE: mask,
    }  # fmt: skip
    sigmas: dict[Any, Floats] = {}
    for cover in (dark_glasses, mask):
        patches = np.stack(
            [cover(p, q, rng) for p, q in zip(held.patches, held.landmarks, strict=True)]
        )
        sigmas[cover] = device.say(central(patches, device.size)).sigma
    limits = []
    for k, output in enumerate(OUTPUTS):
        covered = sigmas[covers[k]][:, k] if k in covers else np.zeros(0, np.float32)
        error = said.value[:, k] - values[:, k]
        limit = surest(error, said.sigma[:, k], covered, MOST_WRONG[output.unit])
        limits.append(min(limit, MOST_UNSURE[output.unit]))
    both = min(limits[EYE_LEFT], limits[EYE_RIGHT])
    limits[EYE_LEFT] = limits[EYE_RIGHT] = both
    return [round(limit, 4) for limit in limits]


def to_int8(model: Any, crops: Luma) -> bytes:
    """Return the network as a TFLite file with int8 input (luma - 128) and output.

    Raises:
        ConfigError: the converter refuses it.
    """

    def calibration() -> Iterator[NDArray[np.float32]]:
        return (crop.astype(np.float32)[None, ..., None] for crop in spanning(crops))

    return run_converter(
        lambda lite: lite.TFLiteConverter.from_keras_model(model),
        "int8",
        calibration,
        "the network",
    )
