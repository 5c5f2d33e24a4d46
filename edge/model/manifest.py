"""A model folder: `model.tflite`, its `manifest.json` and its card. What the two programs share."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from edge.errors import ConfigError, cannot_read
from edge.prior import as_vector

MANIFEST = "manifest.json"
MODEL = "model.tflite"
MAX_MANIFEST_BYTES = 256 * 1024  # ours have about 3 kB; a bound against nonsense
MAX_MODEL_BYTES = 64 * 1024 * 1024  # the classic 4.5 M network has 18 MB as float


class InputSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a face becomes the model's input: (luma - mean) * scale, shape (height, width, 1)."""

    width: Annotated[int, Meta(ge=8, le=1024)]
    height: Annotated[int, Meta(ge=8, le=1024)]
    channels: Literal[1, 3] = 1  # 3: the luma, three times
    mean: Annotated[float, Meta(ge=-1024, le=1024)] = 0.0
    scale: Annotated[float, Meta(gt=0, le=1024)] = 1.0
    margin: Annotated[float, Meta(ge=-0.4, le=1)] = 0.0  # added on each side, fraction of the box


Label = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_ -]{0,31}$")]


class StateOutput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value of a state model: scale x output, told where its deviation is small enough."""

    name: Literal["yaw", "pitch", "roll", "eye_left", "eye_right", "mouth", "smile"]
    unit: Literal["deg", "share"]
    scale: Annotated[float, Meta(gt=0, le=1000)]  # `unit` per unit of the output
    known_below: Annotated[float, Meta(gt=0)]  # `unit`: standard deviation above which it is None


class Manifest(Struct, frozen=True, kw_only=True):
    """`manifest.json`. Unknown keys are kept out of the way, so that newer files still load."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    task: Literal["emotion", "attribute", "face", "refine", "state"]
    labels: list[Label] = []
    input: InputSpec
    quantisation: Literal["int8", "int16x8", "float16", "dynamic", "float32"]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    # Class probabilities of the training data by label (`edge.prior`); empty: not known.
    prior: dict[str, Annotated[float, Meta(gt=0, lt=1)]] = {}
    metrics: dict[str, object] = {}
    provenance: dict[str, object] = {}
    decode: dict[str, object] = {}  # tasks face and refine: how outputs become boxes
    outputs: list[StateOutput] = []  # task state: in the order of its tensor


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in lower-case hex."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def find_model(name_or_path: str) -> Path:
    """Return the folder of a model given by path or by the name of a shipped one.

    A name is that of a shipped one first: a folder of that name where somebody happens to work, in
    an archive from elsewhere, say, takes its place only as `./name`.

    Raises:
        ConfigError: there is no such folder, or it lacks the two files.
    """
    folders = [] if "/" in name_or_path else [root / name_or_path for root in _shipped()]
    folders.append(Path(name_or_path))
    try:
        for folder in folders:
            if (folder / MANIFEST).is_file() and (folder / MODEL).is_file():
                return folder
    except OSError as e:  # no permission, or too long a name
        raise cannot_read(f"model {name_or_path!r}", e) from e
    names = shipped_models()
    raise ConfigError(
        f"model {name_or_path!r}: no folder with {MANIFEST} and {MODEL}; "
        f"allowed: a path, or one of {', '.join(names) or 'none shipped'}"
    )


def shipped_models() -> list[str]:
    """Return the names of the shipped models, sorted."""
    return sorted({p.parent.name for root in _shipped() for p in root.glob(f"*/{MANIFEST}")})


def is_shipped(name: str) -> bool:
    """Return whether `find_model` takes this for the name of a shipped model."""
    return "/" not in name and name in shipped_models()


def _shipped() -> list[Path]:
    here = Path(__file__).resolve().parents[1]
    # A checkout has models/ beside edge/, a wheel inside it.
    return [here / "models", here.parent / "models"]


def load_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a model folder, and the model file against its sha256.

    Raises:
        ConfigError: it is unreadable, malformed, or the model file is not the one it describes.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_MANIFEST_BYTES} bytes")
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        size = (folder / MODEL).stat().st_size
        if not 0 < size <= MAX_MODEL_BYTES:
            raise ConfigError(f"{folder / MODEL}: {size} bytes; allowed: 1 to {MAX_MODEL_BYTES}")
        actual = sha256_of(folder / MODEL)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        raise ConfigError(f"{path}: {e}") from e
    except OSError as e:
        raise cannot_read(e.filename or folder, e) from e
    if actual != manifest.sha256:
        raise ConfigError(
            f"{folder / MODEL}: sha256 is {actual}, the manifest says {manifest.sha256}; "
            "the file was changed, cut short, or belongs to another manifest"
        )
    if manifest.task in ("emotion", "attribute") and not 2 <= len(manifest.labels) <= 1000:
        raise ConfigError(f"{path}: labels: {len(manifest.labels)} given; allowed: 2 to 1000")
    names = [o.name for o in manifest.outputs]
    if manifest.task == "state" and (not names or len(set(names)) != len(names)):
        raise ConfigError(f"{path}: outputs: got {', '.join(names) or 'none'}; allowed: each once")
    if len(set(manifest.labels)) != len(manifest.labels):
        raise ConfigError(f"{path}: labels: the same label twice")
    if manifest.prior:
        try:
            as_vector(manifest.prior, manifest.labels)
        except ValueError as e:
            raise ConfigError(f"{path}: {e}") from e
    return manifest
