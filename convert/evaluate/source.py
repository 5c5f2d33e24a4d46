"""Opens whatever can score faces: a model folder, a `.tflite`, a Keras file, a SavedModel."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
import numpy as np

from convert.data import DataError, Dataset, open_dataset
from convert.evaluate.scorer import FolderScorer, Scorer
from convert.labels import output_names
from convert.load import load_float
from convert.model_options import RANGES, ModelOptions, range_of
from convert.train.record import model_in, record_beside
from edge.errors import ConfigError, NoInputError
from edge.model.manifest import (
    MANIFEST,
    MODEL,
    InputSpec,
    Manifest,
    find_model,
    is_shipped,
    load_manifest,
    sha256_of,
    shipped_models,
)


def open_scorer(path: str, how: ModelOptions, classes: tuple[str, ...]) -> Scorer:
    """Return what scores faces.

    Args:
        path: a path, or the name of a shipped model.
        how: what the file leaves unsaid.
        classes: of the data; labels for a model that names none.

    Raises:
        EdgeError: it is missing, damaged, or does not fit its labels.
    """
    if is_shipped(path) and path in classifiers():
        return _folder(find_model(path), how)
    given = model_in(Path(path))
    if given.suffix == ".tflite":
        if not given.is_file():
            raise NoInputError(f"{given}: no such file")
        if given.name == MODEL and (given.parent / MANIFEST).is_file():
            return _folder(given.parent, how)
        return _loose(given, how, classes)
    saved_model = (given / "saved_model.pb").is_file()
    if given.is_file() or given.suffix in (".keras", ".h5", ".hdf5") or saved_model:
        return load_float(given, how, classes)
    if not given.exists():
        raise NoInputError(
            f"{path}: no such file or folder; allowed: a path, or one of {', '.join(classifiers())}"
        )
    return _folder(find_model(f"./{path}" if is_shipped(path) else path), how)


def classifiers() -> list[str]:
    """Return the names of the shipped models that score faces."""
    found = ((name, load_manifest(find_model(name)).task) for name in shipped_models())
    return [name for name, task in found if task in ("emotion", "attribute")]


def _folder(folder: Path, how: ModelOptions) -> FolderScorer:
    """Score with a model folder; refuse options that contradict its manifest."""
    scorer = FolderScorer(folder, how.runtime)
    said = scorer.labels
    output_names(folder, len(said), given=how.labels, recorded=said, published=None, classes=())
    range_of(folder, how, (scorer.input.mean, scorer.input.scale))
    margin = scorer.input.margin
    if how.margin not in (None, margin) and not how.where_unsaid:
        raise ConfigError(
            f"--margin: got {how.margin:g}; {folder} was made for {margin:g}, and its manifest "
            "says so to the device; allowed: none"
        )
    return scorer


def as_seen(data: Dataset, path: Path, scorer: Scorer) -> Dataset:
    """Return `data`, read from `path` again where pictures would not be at the model's size."""
    size = (scorer.input.height, scorer.input.width)
    return data if data.size == size else open_data(path, scorer)


def open_data(path: Path, scorer: Scorer, *, find_faces: bool = False) -> Dataset:
    """Return the data set with pictures at the model's size where they are files.

    Args:
        path: of the data set.
        scorer: whose input is wanted.
        find_faces: cut out the largest face of each picture, as the device does, instead of taking
            its middle; pictures without one are among the skipped.

    Raises:
        DataError: faces are to be found where there are no pictures, or there is none in any.
    """
    cut = None
    if find_faces:
        from convert.data.found import FoundFace  # here: it needs the device's runtime

        cut = FoundFace(scorer.input)
    data = open_dataset(path, (scorer.input.height, scorer.input.width), cut)
    if find_faces and not len(data):
        raise DataError(path, f"no face found in any of its {len(data.skipped)} pictures")
    return data


def wanted_truth(scorer: Scorer, option: str, data: Dataset) -> str:
    """Return the truth to use: `auto` is what the model's record says, if the data has it."""
    if option != "auto":
        return option
    kind: object
    if isinstance(scorer, FolderScorer):
        kind = scorer.model.manifest.metrics.get("truth_kind")
    else:
        kind = record_beside(scorer.path).truth if scorer.path.is_file() else None
    possible = (kind == "votes" and data.votes is not None) or kind == "labels"
    return str(kind) if possible else option


def _loose(path: Path, how: ModelOptions, classes: tuple[str, ...]) -> Scorer:
    """Score with a `.tflite` that has no manifest, by making one for the time being."""
    from edge.model.tflite import Network

    network = Network(path, how.runtime)
    shape = network.input_shape
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise ConfigError(f"{path}: input {shape}; allowed: (1, height, width, 1 or 3)")
    outputs = network.output_shapes
    if len(outputs) != 1 or len(outputs[0]) != 2:
        raise ConfigError(f"{path}: outputs {outputs}; allowed: one of shape (1, classes)")
    names = output_names(
        path, outputs[0][1], given=how.labels, recorded=None, published=None, classes=classes
    )
    labels = names.labels
    if how.luma_range is not None:
        mean, scale = RANGES[how.luma_range]
    elif np.array_equal(network.input_table(0, 1).astype(int), np.arange(256) - 128):
        mean, scale = RANGES["0..255"]  # an int8 input of luma - 128
    else:
        raise ConfigError(
            f"{path}: no manifest beside it; say what luma 0 to 255 becomes with --range, one of "
            f"{', '.join(sorted(RANGES))}"
        )
    spec = {"width": shape[2], "height": shape[1], "channels": shape[3]}
    manifest = {
        "name": path.stem,
        "task": "attribute",
        "labels": labels,
        "input": {**spec, "mean": mean, "scale": scale, "margin": how.margin or 0.0},
        "quantisation": "int8" if network.input_dtype == np.int8 else "float32",
        "sha256": sha256_of(path),
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            msgspec.convert(manifest, type=Manifest)
        except msgspec.ValidationError as e:
            raise ConfigError(f"{path}: {e}") from e
        shutil.copyfile(path, Path(folder, MODEL))
        Path(folder, MANIFEST).write_bytes(msgspec.json.encode(manifest))
        return FolderScorer(Path(folder), how.runtime, file=path, labels_from=names.origin)


def input_description(spec: InputSpec) -> str:
    """Return the input in words, for reports."""
    return (
        f"{spec.width}x{spec.height}x{spec.channels}, (luma - {spec.mean:g}) * {spec.scale:g}, "
        f"margin {spec.margin:g}"
    )
