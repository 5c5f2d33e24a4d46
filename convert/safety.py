"""Looks into a model file before anything loads it: a model may compute, never run code."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from edge.errors import ConfigError, NoInputError, UnavailableError

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
MAX_CONFIG_BYTES = 16 * 1024 * 1024  # EfficientNet-B0's has 0.3 MB; a bound against nonsense

MAX_MEMBERS = 1000  # of a .keras file; Keras writes four
MAX_UNPACKED = 2**30  # bytes of all of them; VGG16 with its top has 0.55 GB
MAX_RATIO = 20  # unpacked over packed: weights hardly shrink
MAX_LINKS = 100_000  # in an HDF5 file
# Keras' submodules that describe a network. Others read files, fetch them, or change settings:
# `keras.utils.get_file`, `keras.config.enable_unsafe_deserialization`.
MODULES = frozenset({
    "activations", "constraints", "dtype_policies", "engine", "initializers", "layers", "models",
    "ops", "quantizers", "regularizers",
})  # fmt: skip
# Functions that may be named in a configuration: activations.
FUNCTIONS = frozenset({
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish",
    "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink",
    "threshold",
})  # fmt: skip

# Layers that hold a function, another framework's module or another file instead of arithmetic.
REFUSED = {
    "Lambda": "runs Python code stored in the file",
    "__lambda__": "is Python code stored in the file",
    "TorchModuleWrapper": "unpickles a torch module",
    "JaxLayer": "calls a stored function",
    "FlaxLayer": "calls a stored function",
    "TFSMLayer": "loads another model from a path",
    "StringLookup": "reads a vocabulary from a path",
    "IntegerLookup": "reads a vocabulary from a path",
    "TextVectorization": "reads a vocabulary from a path",
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
    for kind, module, function, name in _objects(config):
        if kind in REFUSED:
            raise ConfigError(f"{path}: layer {name!r} is a {kind}, which {REFUSED[kind]}: refused")
        if not _known_module(kind, module):
            raise ConfigError(
                f"{path}: layer {name!r} ({kind}) comes from the module {module!r}; "
                "allowed: Keras' own layers"
            )
        if function is not None and function not in FUNCTIONS:
            raise ConfigError(
                f"{path}: layer {name!r} names the function {function!r}; allowed: Keras' "
                "activations"
            )


def _known_module(kind: str, module: str | None) -> bool:
    if module is None:
        return True
    parts = module.split(".")
    if parts[0] == "keras":
        below = parts[2:] if parts[1:2] == ["src"] else parts[1:]
        return below[0] in MODULES if below else kind != "function"
    # Keras looks a "builtins" function up among its own activations and losses.
    return module == "builtins" and kind == "function"


def _objects(config: Any, name: str = "?") -> Iterator[tuple[str, str | None, str | None, str]]:
    """Yield (class, module, function, nearest name) of all that a configuration would build."""
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
                kind = kind.rsplit(">", 1)[-1]
                function = str(inner) if kind == "function" else None
                yield kind, None if module is None else str(module), function, near
            stack += [(item, near) for item in node.values()]


def _keras_config(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo("config.json")
            if info.file_size > MAX_CONFIG_BYTES:
                raise ConfigError(f"{path}: its config.json is larger than {MAX_CONFIG_BYTES} B")
            _check_sizes(path, archive)
            bad = archive.testzip()
            if bad is not None:
                raise ConfigError(f"{path}: damaged: {bad} does not match its checksum")
            for member in archive.namelist():
                if member.endswith((".h5", ".hdf5")):
                    with archive.open(member) as f:
                        _check_hdf5(path, f)
            return _decoded(path, archive.read(info))
    except KeyError as e:
        raise ConfigError(f"{path}: not a Keras model: it has no config.json") from e
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as e:
        raise ConfigError(f"{path}: not a whole .keras file, perhaps cut short: {e}") from e


def _check_sizes(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that unpacks into far more than it is; before anything is unpacked."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise ConfigError(f"{path}: {len(members)} files in it; allowed: up to {MAX_MEMBERS}")
    unpacked = sum(m.file_size for m in members)
    packed = sum(m.compress_size for m in members)
    if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * packed + MAX_CONFIG_BYTES:
        raise ConfigError(
            f"{path}: {packed} bytes that unpack to {unpacked}; allowed: up to {MAX_UNPACKED}, and "
            f"{MAX_RATIO} times as many"
        )


def _h5_config(path: Path) -> dict[str, Any]:
    import h5py

    _check_hdf5(path, path)
    try:
        with h5py.File(path, "r") as f:
            text = f.attrs.get("model_config")
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as e:
        raise ConfigError(f"{path}: its model_config cannot be read: {e}") from e
    if text is None:
        raise ConfigError(f"{path}: holds weights only; allowed: a file of the whole model")
    if not isinstance(text, str | bytes):
        kind = type(text).__name__
        raise ConfigError(f"{path}: its model_config is no text ({kind}); allowed: JSON")
    return _decoded(path, text)


def _check_hdf5(path: Path, content: Path | IO[bytes]) -> None:
    """Refuse an HDF5 file that is damaged, or takes anything from other files.

    Args:
        path: the model, for messages.
        content: it, or an HDF5 file inside of it.

    Raises:
        ConfigError: names the link or data set.
    """
    try:
        import h5py
    except ImportError as e:
        raise UnavailableError(
            f"h5py cannot be used ({e}); install it with: pip install 'emotion-edge[convert]'"
        ) from e
    try:
        with h5py.File(content, "r") as f:
            groups, seen = [f], 0
            visited: set[Any] = set()
            while groups:
                group = groups.pop()
                for name in group:
                    seen += 1
                    if seen > MAX_LINKS:
                        raise ConfigError(f"{path}: more than {MAX_LINKS} links in it")
                    where = f"{group.name}/{name}"
                    if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                        raise ConfigError(f"{path}: {where} links to another file: refused")
                    item = group.get(name)
                    if isinstance(item, h5py.Dataset):
                        if item.external or item.is_virtual:
                            raise ConfigError(f"{path}: {where} is kept in another file: refused")
                    elif isinstance(item, h5py.Group) and item.id.__hash__() not in visited:
                        visited.add(item.id.__hash__())  # links may go round in circles
                        groups.append(item)
    except ConfigError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as e:
        raise ConfigError(f"{path}: not a whole HDF5 file, perhaps cut short: {e}") from e


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
