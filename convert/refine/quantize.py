"""`emotion-convert quantize-refine`: weights of a run become a model folder for the device."""

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

from convert.detector.checkpoint import BEST, load_weights, put, training_of
from convert.detector.photographs import truth_of
from convert.detector.photos import KEPT_SOURCES, Photo, load_photos, sources_of, split
from convert.detector.quantize import detector_figures
from convert.detector.scores import Found, match
from convert.load import use_tensorflow
from convert.quantize.folder import GateError, staged, write
from convert.quantize.onnx import FILE as ONNX
from convert.quantize.onnx import add_onnx_option
from convert.quantize.tflite import run_converter, spanning
from convert.refine.batches import MARGIN, Batches, Recipe
from convert.refine.card import card
from convert.refine.command import CANDIDATES, load
from convert.refine.network import Shape, build
from convert.refine.onnx import checked_refine
from edge.config import Detect
from edge.detect import open_detector
from edge.detect.refine import KIND, PARTS, REACH, Refiner, logit
from edge.errors import ConfigError, UsageError
from edge.messages import Face
from edge.model.manifest import MANIFEST, MODEL, InputSpec, Manifest, find_model, load_manifest
from edge.model.tflite import Network

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
CALIBRATION = 600  # crops
COMPARED = 1000  # crops
# What int8 may differ from float on average: of the score as a probability, of landmarks in crops.
MOST_APART = {"score": 0.03, "landmarks": 0.01}
FROM = 0.1  # detector's score from which a box is looked at
LOW = 0.05  # ... and from which the two scores are weighed against each other
LEAST = 20  # faces and others, without which nothing can be fitted


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "quantize-refine",
        help="turn a trained second look into a model folder for the device",
        description="Converts to int8 TFLite, compares with the float network, weighs its score "
        "against the detector's on held-out photographs, and writes the folder only when int8 and "
        "float say the same.",
    )
    p.add_argument(
        "run_folder",
        type=Path,
        metavar="RUN",
        help=f"folder of train-refine, or a model folder with its {BEST}",
    )
    p.add_argument(
        "--candidates",
        type=Path,
        metavar="NPZ",
        help=f"what train-refine collected (default: {CANDIDATES} in RUN)",
    )
    p.add_argument(
        "--photos",
        type=Path,
        action="append",
        required=True,
        metavar="NPZ",
        help="photographs as given to train-refine; scores are weighed on the held-out ones; may "
        "be given several times",
    )
    p.add_argument("--out", type=Path, required=True, help="the model folder to make")
    p.add_argument("--detector", default="face", help="that it will follow (default %(default)s)")
    p.add_argument(
        "--from-score",
        type=float,
        default=FROM,
        help="of the detector, from which a box is looked at (default %(default)s)",
    )
    add_onnx_option(p)
    p.add_argument("--figures", type=Path, help="JSON of evaluate-detector for the card")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the folder, or say why not and leave nothing behind."""
    if not 0 < args.from_score < 1:
        raise UsageError(f"--from-score: got {args.from_score}; allowed: above 0, below 1")
    figures = detector_figures(args.figures)
    use_tensorflow()
    record = training_of(args.run_folder)
    try:
        shape, recipe = Shape.of(record["shape"]), _recipe(record)
    except (ValueError, KeyError, TypeError) as e:
        raise ConfigError(f"{args.run_folder}: not a folder of train-refine: {e}") from e
    weights = load_weights(args.run_folder / BEST)
    model = build(shape)
    put(model, weights)
    batches = Batches(load(args.candidates or args.run_folder / CANDIDATES), recipe)
    held = [
        p
        for path in args.photos
        for p in split(load_photos(path))[1]
        if p.source not in KEPT_SOURCES
    ]
    tflite = to_int8(model, batches.draw(CALIBRATION, seed=-1 % 2**32)[0])
    detector = load_manifest(find_model(args.detector))
    with staged(args.out) as folder:
        write(folder / MODEL, tflite)
        crops = batches.draw(COMPARED, seed=-2 % 2**32)[0]
        parity = compare(model, folder / MODEL, crops)
        if any(parity[f"{part}_apart"] > most for part, most in MOST_APART.items()):
            raise GateError(
                f"int8 and float differ: {parity}; allowed: {MOST_APART}; nothing was written"
            )
        manifest = Manifest(
            name=args.out.name,
            task="refine",
            input=InputSpec(width=shape.size, height=shape.size, margin=MARGIN),
            quantisation="int8",
            sha256=hashlib.sha256(tflite).hexdigest(),
            metrics={"int8_beside_float": parity, **({"detectors": figures} if figures else {})},
            provenance={
                "source_sha256": hashlib.sha256((args.run_folder / BEST).read_bytes()).hexdigest(),
                "parameters": int(model.count_params()),
                "bytes": len(tflite),
                "detector_sha256": detector.sha256,
                "sources": [source for path in args.photos for source in sources_of(path)],
                "training": record,
                "tools": {name: version(name) for name in ("keras", "numpy")},
            },
            decode={"kind": KIND, "score": [0.0, 1.0, 0.0], "from_score": args.from_score},
        )
        write(folder / MANIFEST, msgspec.json.encode(manifest))
        fitted = weigh(folder, args.detector, held)
        manifest = msgspec.structs.replace(
            manifest,
            metrics={**manifest.metrics, "weighed_on": fitted.counts},
            decode={**manifest.decode, "score": fitted.score},
        )
        if args.onnx:
            luma = crops[..., 0].astype(np.uint8)
            content, manifest.provenance["onnx"] = checked_refine(model, manifest, luma)
            write(folder / ONNX, content)
        write(folder / BEST, (args.run_folder / BEST).read_bytes())
        write(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        write(folder / "README.md", card(manifest).encode())
    print(f"{args.out}: {len(tflite)} bytes; int8 beside float {parity}; score {fitted.score}")
    return 0


def _recipe(record: dict[str, Any]) -> Recipe:
    values = record["recipe"]
    return Recipe(**{**values, "mix": tuple(values["mix"])})


class Fitted(msgspec.Struct, frozen=True):
    """How the two scores are weighed, and on what."""

    score: list[float]  # weights of the detector's logit and the network's, and an offset
    counts: dict[str, int]


def weigh(folder: Path, detector_model: str, photos: Sequence[Photo]) -> Fitted:
    """Fit the probability of a face to the detector's and the network's logits (Platt 1999).

    Args:
        folder: of the network, whose `score` is its own logit alone.
        detector_model: that proposes.
        photos: that neither was trained on, with and without faces.

    Raises:
        ConfigError: too few boxes are proposed, or the network's logit tells nothing.
    """
    from sklearn.linear_model import LogisticRegression

    refiner = Refiner(folder)
    config = Detect(model=detector_model, threshold=LOW, min_face=0.001, refine="")
    detector = open_detector(config)
    rows: list[tuple[float, float]] = []
    right: list[bool] = []
    for photo in photos:
        faces = detector.detect(photo.luma)
        if not faces:
            continue
        boxes = np.array([_sides(f) for f in faces], np.float32)
        scores = np.array([f.score for f in faces], np.float32)
        _, kinds = match(truth_of(photo), Found(boxes, scores, None))
        for face, kind in zip(faces, kinds, strict=True):
            if kind >= 0:
                (near,) = refiner.look(photo.luma, [face])
                rows.append((logit(face.score), logit(near.score)))
                right.append(bool(kind == 1))
    faces_seen, none = sum(right), len(right) - sum(right)
    if min(faces_seen, none) < LEAST:
        raise ConfigError(
            f"{faces_seen} faces and {none} other boxes proposed in {len(photos)} photographs; "
            f"allowed: at least {LEAST} of each"
        )
    fit = LogisticRegression(C=1e3).fit(np.array(rows), right)
    score = [*fit.coef_[0].tolist(), float(fit.intercept_[0])]
    if score[1] <= 0:
        raise ConfigError("the network's score tells no face from none; not trained enough")
    return Fitted([round(v, 4) for v in score], {"faces": faces_seen, "none": none})


def _sides(face: Face) -> tuple[float, float, float, float]:
    return face.box.x, face.box.y, face.box.width, face.box.height


def to_int8(model: Any, crops: Floats) -> bytes:
    """Return the network as a TFLite file with int8 input (luma - 128) and outputs.

    Raises:
        ConfigError: the converter refuses it.
    """

    def calibration() -> Iterator[NDArray[np.float32]]:
        grey = spanning(crops[..., 0].astype(np.uint8))
        return (crop.astype(np.float32)[None, ..., None] for crop in grey)

    return run_converter(
        lambda lite: lite.TFLiteConverter.from_keras_model(model),
        "int8",
        calibration,
        "the network",
    )


def compare(model: Any, tflite: Path, crops: Floats) -> dict[str, float]:
    """Return how far the file on the device's runtime and the float network are apart."""
    network = Network(tflite)
    table = network.input_table(0, 1)
    if not np.array_equal(table, np.arange(256) - 128):
        raise ConfigError(f"{tflite.name}: the int8 input is not luma - 128")
    names = [PARTS[shape[-1]] for shape in network.output_shapes]
    said: dict[str, list[Floats]] = {name: [] for name in names}
    for crop in crops.astype(np.uint8):
        for name, value in zip(names, network.run(table[crop][None]), strict=True):
            said[name].append(value[0])
    true = {k: np.asarray(v) for k, v in model.predict(crops, verbose=0).items()}
    ours = {k: np.stack(v) for k, v in said.items()}
    chance = np.abs(_chance(true["score"]) - _chance(ours["score"]))
    gap = np.abs(true["landmarks"] - ours["landmarks"]).reshape(-1, 5, 2) * REACH
    faces = true["score"][:, 0] > 0
    return {
        "crops": len(crops),
        "score_apart": float(chance.mean()),
        "landmarks_apart": float(np.linalg.norm(gap[faces], axis=2).mean()) if any(faces) else 0.0,
    }


def _chance(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), np.float32)
