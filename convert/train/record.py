"""The record of a training, `train.json`: how it is read, and what goes into manifests."""

from __future__ import annotations

import json
import logging
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import ConfigError
from edge.model.manifest import MANIFEST, Manifest, sha256_of

log = logging.getLogger(__name__)

MODEL, RECORD = "model.keras", "train.json"
RECOVERED = "keras"  # key of a manifest's provenance: the Keras file that `recover` made from it
KEPT = (
    "architecture", "seed", "recipe", "begun_from", "weights", "teachers", "averaged", "data",
    "validation", "seconds", "versions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """`kept` goes into the manifest; the others are None where there is no record."""

    kept: dict[str, Any] = field(default_factory=dict)
    truth: str | None = None  # `votes` or `labels`, whichever it was trained on
    holdout: float | None = None
    labels: tuple[str, ...] | None = None  # of the outputs, in order
    size: tuple[int, int] | None = None  # height, width of the faces
    prior: dict[str, float] | None = None  # class probabilities of what was learnt, by label


def model_in(path: Path) -> Path:
    """Return the Keras file in the folder of a training; any other path as it is."""
    trained = (path / MODEL).is_file() and not (path / MANIFEST).is_file()
    return path / MODEL if trained else path


def record_beside(model: Path) -> Record:
    """Read `train.json`, or the manifest, in the folder of `model`; empty without one about it.

    A record names the sha256 of its model, so that another file in the same folder does not pass
    for it; older records belong to `model.keras`. A manifest counts when it says that it was made
    from this very file, or this file from its own.

    Raises:
        ConfigError: there is a record that is not what `train` writes.
    """
    path = model.parent / RECORD
    if not path.is_file():
        return _record_of_manifest(model)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        recipe = content["recipe"]
        votes, holdout = float(recipe["votes"]), float(recipe["holdout"])
        labels = content.get("labels")
        labels = None if labels is None else tuple(str(name) for name in labels)
        size = recipe.get("size")
        size = None if size is None else (int(size[0]), int(size[1]))
        prior = content.get("prior")
        prior = None if prior is None else {str(k): float(v) for k, v in prior.items()}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as e:
        raise ConfigError(f"{path}: not a record of training ({type(e).__name__}: {e})") from e
    if not _is_about(model, content.get("model_sha256")):
        log.warning("%s is about another model than %s; not used", path, model.name)
        return Record()
    kept = {key: content[key] for key in KEPT if key in content}
    return Record(kept, "votes" if votes > 0 else "labels", holdout, labels, size, prior)


def labels_beside(model: Path) -> tuple[str, ...] | None:
    """Return the names of a model's outputs as its training or its manifest beside it says.

    Raises:
        ConfigError: there is a record that is broken.
    """
    return record_beside(model).labels or _record_of_manifest(model).labels


def _record_of_manifest(model: Path) -> Record:
    path = model.parent / MANIFEST
    if not (model.is_file() and path.is_file()):
        return Record()
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError):
        return Record()
    origin = manifest.provenance
    recovered: Any = origin.get(RECOVERED)
    digests = [origin.get("source_sha256")]
    digests += [recovered.get("sha256")] if isinstance(recovered, dict) else []
    if sha256_of(model) not in digests:
        return Record()
    training: Any = origin.get("training")
    kept = dict(training) if isinstance(training, dict) else {}
    recipe = kept.get("recipe")
    holdout = recipe.get("holdout") if isinstance(recipe, dict) else None
    if recovered and sha256_of(model) == digests[-1]:
        kept["recovered"] = recovered
    truth = manifest.metrics.get("truth_kind")
    return Record(
        kept,
        str(truth) if truth in ("votes", "labels") else None,
        holdout if isinstance(holdout, float) and 0 < holdout < 1 else None,
        tuple(manifest.labels),
        (manifest.input.height, manifest.input.width),
        dict(manifest.prior) or None,
    )


def _is_about(model: Path, digest: object) -> bool:
    if digest is None:
        return model.name == MODEL
    return model.is_file() and sha256_of(model) == digest


TOOLS = ("keras", "tensorflow", "tensorflow-cpu", "torch", "jax", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of Python, the Keras backend and the packages that decide a result."""
    import keras

    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for name in (*TOOLS, "opencv-python-headless", "emotion-edge"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
