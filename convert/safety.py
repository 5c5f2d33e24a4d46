"""Looks into a model file before anything loads it: a model may compute, never run code."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.errors import ConfigError, NoInputError

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
MAX_CONFIG_BYTES = 16 * 1024 * 1024  # EfficientNet-B0's has 0.3 MB; a bound against nonsense

# Layers that hold a function, another framework's module or another file instead of arithmetic.
REFUSED = {
    "Lambda": "runs Python code stored in the file",
    "__lambda__": "is Python code stored in the file",
    "TorchModuleWrapper": "unpickles a torch module",
    "JaxLayer": "calls a stored function",
    "FlaxLayer": "calls a stored function",
    "TFSMLayer": "loads another model from a path",
}
# Operations of a SavedModel that reach outside of its arithmetic.
REFUSED_OPS = {
    "PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles",
    "PrintV2", "Print", "WholeFileReader", "WholeFileReaderV2", "DecodeImageFromUrl",
}  # fmt: skip


def check_model_file(path: Path) -> None:
    """Refuse a model that is missing, damaged, or would run code when it is loaded.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it is not a whole model, or the named layer would run code.
    """
    if not path.exists():
        raise NoInputError(f"{path}: no such file")
    if path.is_dir():
        _check_saved_model(path)
        return
    if path.suffix not in KERAS_SUFFIXES:
        allowed = ", ".join(KERAS_SUFFIXES)
        raise ConfigError(f"{path}: not a Keras model; allowed: {allowed} or a SavedModel folder")
    config = _keras_config(path) if path.suffix == ".keras" else _h5_config(path)
    config.pop("compile_config", None)  # never read: models are loaded with compile=False
    for kind, module, name in _objects(config):
        if kind in REFUSED:
            raise ConfigError(f"{path}: layer {name!r} is a {kind}, which {REFUSED[kind]}: refused")
        if not _known_module(kind, module):
            raise ConfigError(
                f"{path}: layer {name!r} ({kind}) comes from the module {module!r}; "
                "allowed: Keras' own layers"
            )


def _known_module(kind: str, module: str | None) -> bool:
    # Keras looks a "builtins" function up among its own activations and losses.
    own = module is None or module.split(".")[0] == "keras"
    return own or (module == "builtins" and kind == "function")


def _objects(config: Any, name: str = "?") -> Iterator[tuple[str, str | None, str]]:
    """Yield (class, module, nearest name) of everything that a configuration would build."""
    stack: list[tuple[Any, str]] = [(config, name)]
    while stack:
        node, near = stack.pop()
        if isinstance(node, list):
            stack += [(item, near) for item in node]
        elif isinstance(node, dict):
            inner = node.get("config")
            own = node.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
            near = str(own) if own else near
            kind = node.get("class_name")
            if isinstance(kind, str):
                module = node.get("module")
                # "Custom>Lambda" is how Keras spells a registered name.
                yield kind.rsplit(">", 1)[-1], None if module is None else str(module), near
            stack += [(item, near) for item in node.values()]


def _keras_config(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo("config.json")
            if info.file_size > MAX_CONFIG_BYTES:
                raise ConfigError(f"{path}: its config.json is larger than {MAX_CONFIG_BYTES} B")
            bad = archive.testzip()
            if bad is not None:
                raise ConfigError(f"{path}: damaged: {bad} does not match its checksum")
            return _decoded(path, archive.read(info))
    except KeyError as e:
        raise ConfigError(f"{path}: not a Keras model: it has no config.json") from e
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as e:
        raise ConfigError(f"{path}: not a whole .keras file, perhaps cut short: {e}") from e


def _h5_config(path: Path) -> dict[str, Any]:
    import h5py

    try:
        with h5py.File(path, "r") as f:
            text = f.attrs.get("model_config")
    except OSError as e:
        raise ConfigError(f"{path}: not a whole HDF5 file, perhaps cut short: {e}") from e
    if text is None:
        raise ConfigError(f"{path}: holds weights only; allowed: a file of the whole model")
    return _decoded(path, text)


def _decoded(path: Path, text: str | bytes) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ConfigError(f"{path}: its configuration is not JSON: {e}") from e
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: its configuration is not a JSON object")
    return config


def _check_saved_model(path: Path) -> None:
    graph_file = path / "saved_model.pb"
    if not graph_file.is_file():
        raise ConfigError(f"{path}: a folder without saved_model.pb; allowed: a SavedModel")
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel()
    try:
        saved.ParseFromString(graph_file.read_bytes())
    except DecodeError as e:
        raise ConfigError(f"{graph_file}: not a whole SavedModel, perhaps cut short: {e}") from e
    for meta in saved.meta_graphs:
        nodes = [*meta.graph_def.node]
        for function in meta.graph_def.library.function:
            nodes += function.node_def
        for node in nodes:
            if node.op in REFUSED_OPS:
                raise ConfigError(
                    f"{graph_file}: operation {node.name!r} ({node.op}) reaches outside of the "
                    "model: refused"
                )
