"""`emotion-convert quantize-detector`: weights of a run become a model folder for the device."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.arguments import seed
from convert.detector.calibrate import NOMINAL, calibrate, levels_of
from convert.detector.card import card, figures_table
from convert.detector.checkpoint import Weights
from convert.detector.copy_paste import Composer
from convert.detector.network import MULTIPLE, STRIDES, Shape, build
from convert.detector.onnx import Maps, checked_detector, maps_of
from convert.detector.photos import KEPT_SOURCES, Photo, load_photos, sources_of, split
from convert.detector.yunet import LICENSE, LICENSE_FILE
from convert.load import use_tensorflow
from convert.quantize.figures import read_figures
from convert.quantize.folder import GateError, staged, write
from convert.quantize.onnx import FILE as ONNX
from convert.quantize.onnx import add_onnx_option
from convert.quantize.tflite import run_converter, spanning
from edge.detect.decode import decode
from edge.detect.face import KIND
from edge.errors import ConfigError, UsageError
from edge.model.manifest import MANIFEST, MODEL, InputSpec, Manifest

Luma = NDArray[np.uint8]
AGREE = 0.95  # fraction of faces that float and int8 must both find, at the default threshold


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "quantize-detector",
        help="turn a trained face detector into a model folder for the device",
        description="Converts to int8 TFLite, compares with the float network on held-out "
        "pictures, and writes the folder only when both find the same faces.",
    )
    p.add_argument(
        "run_folder",
        type=Path,
        metavar="RUN",
        help="folder of train-detector, or of a model with its weights.npz, such as models/face",
    )
    p.add_argument(
        "--photos",
        type=Path,
        action="append",
        required=True,
        metavar="NPZ",
        help="photographs as given to train-detector, may be given several times: int8 is "
        "calibrated on those it was trained on, scores on the held-out ones",
    )
    p.add_argument("--out", type=Path, required=True, help="the model folder to make")
    p.add_argument(
        "--blend",
        type=Path,
        metavar="WEIGHTS",
        help="average the weights with these, from which training went on (YuNet's ONNX file or a "
        "weights.npz): it keeps more of what it knew of pictures unlike those of the training",
    )
    p.add_argument(
        "--blend-fraction",
        type=float,
        default=0.5,
        metavar="F",
        help="of the run's weights in the average (default %(default)s)",
    )
    p.add_argument("--width", type=int, default=320, help="pixels of the default input")
    p.add_argument("--height", type=int, default=256, help="pixels of the default input")
    p.add_argument(
        "--agree",
        type=float,
        default=AGREE,
        help="fraction of the faces that int8 and float must both find (default %(default)s)",
    )
    p.add_argument("--calibration", type=int, default=200, help="pictures (default %(default)s)")
    p.add_argument("--pictures", type=int, default=200, help="to compare on (default %(default)s)")
    p.add_argument("--seed", type=seed, default=1, help="of the pictures (default %(default)s)")
    p.add_argument("--figures", type=Path, help="JSON of evaluate-detector for the card")
    add_onnx_option(p)
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the folder, or say why not and leave nothing behind."""
    _check(args)
    figures = detector_figures(args.figures)
    use_tensorflow()
    from convert.detector.checkpoint import BEST, put, save_weights, training_of
    from convert.detector.yunet import load_start

    record = training_of(args.run_folder)
    weights = load_start(args.run_folder / BEST)
    try:
        shape = Shape.of(record["shape"])
    except (ValueError, KeyError, TypeError) as e:
        raise ConfigError(f"{args.run_folder}: not a folder of train-detector: {e}") from e
    model = build(args.height, args.width, shape)
    blend = None
    if args.blend is not None:
        weights = blended(load_start(args.blend), weights, args.blend_fraction)
        digest = hashlib.sha256(args.blend.read_bytes()).hexdigest()
        blend = {"with": args.blend.name, "sha256": digest, "fraction": args.blend_fraction}
    put(model, weights)
    parts = [split(load_photos(path)) for path in args.photos]
    used = [p for part in parts for p in part[0]]
    held = [p for part in parts for p in part[1] if p.source not in KEPT_SOURCES]
    if not used or not held:
        raise ConfigError(f"{len(used)} photographs to train on, {len(held)} held out")
    scale = calibrate(model, shape, held)
    composer = _composer(used, args, args.seed)
    tflite = to_int8(model, [composer.picture().luma for _ in range(args.calibration)])
    composer = _composer(held, args, args.seed + 1)
    pictures = [composer.picture().luma for _ in range(args.pictures)]
    with staged(args.out) as folder:
        write(folder / MODEL, tflite)
        parity = compare(model, folder / MODEL, pictures)
        if not parity["faces"]:
            raise GateError(
                f"nothing found in {args.pictures} pictures: not trained enough; nothing was "
                "written"
            )
        if parity["found_by_both"] < args.agree:
            raise GateError(
                f"int8 and float find the same face in {parity['found_by_both']:.2%} of the cases; "
                f"allowed: {args.agree:.0%} and more; nothing was written"
            )
        manifest = Manifest(
            name=args.out.name,
            task="face",
            labels=[],
            input=InputSpec(width=args.width, height=args.height),
            quantisation="int8",
            sha256=hashlib.sha256(tflite).hexdigest(),
            metrics={"int8_beside_float": parity, "detectors": figures},
            provenance={
                "source_sha256": hashlib.sha256((args.run_folder / BEST).read_bytes()).hexdigest(),
                "parameters": int(model.count_params()),
                "bytes": len(tflite),
                **({"blend": blend} if blend else {}),
                "score_calibration": scale,
                "sources": [source for path in args.photos for source in sources_of(path)],
                "training": record,
                "tools": {name: version(name) for name in ("keras", "numpy")},
            },
            decode={
                "kind": KIND,
                "strides": list(STRIDES),
                "multiple": MULTIPLE,
            },
        )
        if args.onnx:
            content, said = checked_detector(model, shape, manifest, pictures, args.seed)
            manifest.provenance["onnx"] = said
            write(folder / ONNX, content)
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        save_weights(folder / BEST, weights)  # to go on from
        write(folder / MANIFEST, text + b"\n")
        write(folder / LICENSE_FILE, LICENSE.encode())
        write(folder / "README.md", card(manifest).encode())
    print(
        f"{args.out}: {len(tflite)} bytes; int8 and float both find {parity['found_by_both']:.2%} "
        f"of the faces, mean overlap {parity['mean_overlap']:.3f}"
    )
    return 0


def blended(before: Weights, after: Weights, fraction: float) -> Weights:
    """Return `before` + `fraction` x (`after` - `before`), weight by weight.

    Between a network and what a short training made of it, the mean often does better on pictures
    unlike those of the training than either (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
    models").

    Raises:
        ConfigError: they are of two networks.
    """
    if [w.shape for w in before] != [w.shape for w in after]:
        raise ConfigError("--blend: weights of another network; allowed: those training began with")
    return [
        (b + np.float32(fraction) * (a - b)).astype(np.float32)
        for b, a in zip(before, after, strict=True)
    ]


def detector_figures(path: Path | None) -> dict[str, Any]:
    """Return figures of `evaluate-detector` for a manifest and its card; see `read_figures`."""
    found = read_figures(path, "evaluate-detector", lambda f: figures_table(for_manifest(f)))
    return for_manifest(found)


def for_manifest(figures: dict[str, Any]) -> dict[str, Any]:
    """Return figures of `evaluate-detector` short enough for what a device reads at each start."""
    for own in figures.values():
        photographs = own.get("photographs", {})
        if "froc" in photographs:
            photographs["froc"] = {"recall_at": photographs["froc"]["recall_at"]}
        photographs.get("empty", {}).pop("worst", None)
        for kind in photographs.get("by_kind", {}).values():
            kind.pop("recall_by_size", None)
        own.get("rooms", {}).pop("where", None)
        own.get("composed", {}).pop("recall_by_turn", None)
    return figures


def _check(args: argparse.Namespace) -> None:
    for name in ("width", "height"):
        if getattr(args, name) < MULTIPLE or getattr(args, name) % MULTIPLE:
            raise UsageError(
                f"--{name}: got {getattr(args, name)}; allowed: a multiple of {MULTIPLE}"
            )
    if not 0 <= args.blend_fraction <= 1:
        raise UsageError(f"--blend-fraction: got {args.blend_fraction}; allowed: 0 to 1")
    if not 0 <= args.agree <= 1:
        raise UsageError(f"--agree: got {args.agree}; allowed: 0 to 1")
    for name in ("calibration", "pictures"):
        if getattr(args, name) < 1:
            raise UsageError(f"--{name}: got {getattr(args, name)}; allowed: 1 and more")


def _composer(photos: Sequence[Photo], args: argparse.Namespace, seed: int) -> Composer:
    return Composer(photos, photos, height=args.height, width=args.width, seed=seed)


def to_int8(model: Any, pictures: Sequence[Luma]) -> bytes:
    """Return the network as a TFLite file with int8 input (luma - 128) and outputs.

    Raises:
        ConfigError: the converter refuses it.
    """

    def calibration() -> Iterator[NDArray[np.float32]]:
        return (luma.astype(np.float32)[None, ..., None] for luma in spanning(np.stack(pictures)))

    return run_converter(
        lambda lite: lite.TFLiteConverter.from_keras_model(model),
        "int8",
        calibration,
        "the network",
    )


def compare(model: Any, tflite: Path, pictures: Sequence[Luma]) -> dict[str, float]:
    """Return how far the file on the device's runtime and the float network find the same faces."""
    from convert.detector.scores import overlap
    from edge.detect.face import CHANNELS
    from edge.model.tflite import Network

    network = Network(tflite)
    table = network.input_table(0, 1)
    if not np.array_equal(table, np.arange(256) - 128):
        raise ConfigError(f"{tflite.name}: the int8 input is not luma - 128")
    names = [
        f"{CHANNELS[shape[-1]]}{network.input_shape[1] // shape[1]}"
        for shape in network.output_shapes
    ]
    either = both = 0
    overlaps: list[float] = []
    for luma in pictures:
        x = luma[None, ..., None]
        float_maps = {k: v[0] for k, v in maps_of(model, luma[None]).items()}
        int8_maps = {n: m[0] for n, m in zip(names, network.run(table[x]), strict=True)}
        one, two = _boxes(float_maps), _boxes(int8_maps)
        best = [float(overlap(box, two).max()) if len(two) else 0.0 for box in one]
        shared = [v for v in best if v >= 0.5]
        overlaps += shared
        both += len(shared)
        either += len(one) + len(two) - len(shared)
    return {
        "pictures": len(pictures),
        "faces": either,
        "found_by_both": both / max(either, 1),
        "mean_overlap": float(np.mean(overlaps)) if overlaps else 0.0,
    }


def _boxes(maps: Maps) -> NDArray[np.float32]:
    return decode(levels_of(maps), threshold=NOMINAL)[1]
