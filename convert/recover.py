"""`emotion-convert recover`: the Keras network of an int8 model folder whose source was lost."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.arch import build
from convert.data import open_dataset
from convert.evaluate.scorer import FolderScorer
from convert.evaluate.truth import part_of, truth_of
from convert.files import replacing, write_text
from convert.load import use_tensorflow
from convert.quantize.folder import GateError
from convert.quantize.parity import Bars, failures, measure
from convert.train.record import MODEL, RECOVERED
from edge.errors import ConfigError, NoInputError, UnavailableError
from edge.model.manifest import MANIFEST, Manifest, find_model, load_manifest, sha256_of

# Networks of convolutions, each with batch normalisation that the converter folds into it.
ARCHITECTURES = ("edge", "edge_wide")
FACES = 2000  # that the statistics of batch normalisation are taken from
BATCH = 250
HEADING = "## The Keras file"


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    p = subparsers.add_parser(
        "recover",
        help="rebuild the Keras file of an int8 model folder",
        description="Builds the network that a model folder's manifest names, gives it the "
        "weights of the int8 file as float, holds both against each other on real faces, and "
        f"writes {MODEL} into the folder, its sha256 and the comparison into manifest and card. "
        f"For {' and '.join(ARCHITECTURES)}.",
    )
    p.add_argument("model", help="model folder, or the name of a shipped model")
    p.add_argument(
        "--data", type=Path, required=True, help="faces to take statistics from and to compare on"
    )
    p.add_argument("--split", help="to compare on (default: the data's test split)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Rebuild, compare, write.

    Raises:
        EdgeError: the model or data cannot be read, or the two networks do not agree.
        OSError: the folder cannot be written.
    """
    folder = find_model(args.model)
    manifest = load_manifest(folder)
    name = architecture(manifest, folder)
    spec = manifest.input
    data = open_dataset(args.data, (spec.height, spec.width))
    use_tensorflow()
    import keras

    device = FolderScorer(folder)
    faces = data.split("train").faces()
    if not len(faces):
        raise NoInputError(f"{data.source}: no faces in split 'train'")
    network = build(name, (spec.height, spec.width), len(manifest.labels))
    take_weights(network, device.path)
    rng = np.random.default_rng(1)
    take_statistics(network, rng.permutation(faces)[:FACES])

    part, split = part_of(data, args.split)
    seen = part.faces()
    x = seen[..., None].astype(np.float32)
    scores = network.predict(x, batch_size=BATCH, verbose=0)
    if manifest.provenance.get("flip"):  # the file asks the network for both mirror images
        scores = (scores + network.predict(x[:, :, ::-1], batch_size=BATCH, verbose=0)) / 2
    truth = truth_of(part, manifest.labels, str(manifest.metrics.get("truth_kind", "auto")))
    parity = measure(device.predict(seen), scores, None if truth is None else truth.classes)
    below = failures(parity, Bars(), tuple(manifest.labels))
    if below:
        raise GateError(
            f"{folder}: the network with its weights is not the same model, nothing was written:"
            "\n  " + "\n  ".join(below)
        )
    with replacing(folder / MODEL) as path:
        keras.saving.save_model(network, path)
    about: dict[str, Any] = {
        "file": MODEL,
        "sha256": sha256_of(folder / MODEL),
        "made": "recovered from the int8 file",
        "data": args.data.resolve().name,
        "split": split,
        "faces": parity.faces,
        "agreement": parity.agreement,
        "largest_shift": parity.largest_shift,
        "moved": parity.moved,
        "accuracy": parity.accuracy_quantised,
        "macro_f1": parity.f1_quantised,
    }
    about = {k: round(v, 6) if isinstance(v, float) else v for k, v in about.items()}
    _describe(folder, manifest, about)
    print(
        f"{folder / MODEL}: recovered; on {parity.faces} faces the same class on "
        f"{parity.agreement:.2%}, largest shift of a score {parity.largest_shift:.3f}, "
        f"moved {parity.moved:.4f}"
    )
    return 0


def architecture(manifest: Manifest, folder: Path) -> str:
    """Return the name of the network that the int8 file was made from.

    Raises:
        ConfigError: nobody says, or its batch normalisation cannot be told from its weights.
    """
    training: Any = manifest.provenance.get("training") or {}
    name = training.get("architecture") if isinstance(training, dict) else None
    if name not in ARCHITECTURES or manifest.quantisation != "int8":
        raise ConfigError(
            f"{folder}: made from {name or 'an unknown architecture'}, {manifest.quantisation}; "
            f"allowed: {' or '.join(ARCHITECTURES)}, int8"
        )
    return str(name)


def take_weights(network: Any, file: Path) -> None:
    """Put the dequantised weights and biases of a `.tflite` into a network, layer by layer.

    A convolution's bias goes into the batch normalisation behind it, which does nothing else.
    Layers are told by the numbers in their names, which count in the order of making in both.

    Args:
        network: of one of `ARCHITECTURES`, changed in place.
        file: an int8 model made from such a network.

    Raises:
        ConfigError: the two do not fit.
    """
    import keras

    theirs = constants(file)
    for kind, prefix in ((keras.layers.Conv2D, "conv2d"), (keras.layers.Dense, "dense")):
        own = sorted(
            (la for la in network.layers if type(la) is kind), key=lambda la: _number(la.name)
        )
        found = [theirs[key] for key in sorted(theirs) if key[0] == prefix]
        shapes = [tuple(layer.kernel.shape) for layer in own]
        if [kernel.shape for kernel, _ in found] != shapes:
            raise ConfigError(f"{file}: its {prefix} weights are not those of this architecture")
        for layer, (kernel, bias) in zip(own, found, strict=True):
            if layer.use_bias:
                layer.set_weights([kernel, bias])
                continue
            layer.set_weights([kernel])
            _set_statistics(_after(network, layer), np.zeros_like(bias), np.ones_like(bias), bias)


def take_statistics(network: Any, faces: NDArray[np.uint8]) -> None:
    """Give batch normalisation the mean and variance that its inputs have, scores unchanged.

    Without them a training from this network would begin with a jump: it normalises each batch.

    Args:
        network: with the weights, changed in place.
        faces: (n, height, width) luma.
    """
    import keras

    layers = [la for la in network.layers if isinstance(la, keras.layers.BatchNormalization)]
    probe = keras.Model(network.inputs[0], [la.input for la in layers])
    sums = [np.zeros((2, la.gamma.shape[0])) for la in layers]
    pixels = [0] * len(layers)
    for i in range(0, len(faces), BATCH):
        outputs = probe.predict_on_batch(faces[i : i + BATCH, ..., None].astype(np.float32))
        for k, values in enumerate(outputs):
            flat = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
            sums[k] += [flat.sum(axis=0), (flat**2).sum(axis=0)]
            pixels[k] += len(flat)
    for layer, (total, squares), n in zip(layers, sums, pixels, strict=True):
        mean = total / n
        # What it adds now: beta, as its mean is 0.
        bias = np.asarray(layer.beta) - np.asarray(layer.moving_mean)
        _set_statistics(layer, mean, np.maximum(squares / n - mean**2, 0), bias)


def _set_statistics(layer: Any, mean: Any, variance: Any, bias: Any) -> None:
    """Let batch normalisation add `bias` to its input, whose mean and variance are given."""
    gamma = np.sqrt(variance + layer.epsilon)
    layer.set_weights([np.asarray(a, np.float32) for a in (gamma, bias + mean, mean, variance)])


def _after(network: Any, layer: Any) -> Any:
    return next(la for la in network.layers if la.weights and la.input is layer.output)


def _number(name: str) -> int:
    found = re.search(r"_(\d+)$", name)
    return int(found[1]) if found else 0


Constants = dict[tuple[str, int], tuple[NDArray[np.float32], NDArray[np.float32]]]


def constants(file: Path) -> Constants:
    """Return the real kernel and bias of each convolution and dense layer of an int8 `.tflite`.

    They are keyed by kind (`conv2d`, `dense`) and number; kernels have Keras' layout.

    Raises:
        ConfigError: it is no such file.
        UnavailableError: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as e:
        raise UnavailableError(f"reading weights needs ai-edge-litert: {e}") from e
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes()))
    graph, out = model.subgraphs[0], {}
    kinds = schema.BuiltinOperator
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        if kind not in (kinds.CONV_2D, kinds.FULLY_CONNECTED):
            continue
        kernel, bias = (graph.tensors[i] for i in operator.inputs[1:3])
        # ".../conv2d_7_1/convolution": Keras' own name, then a number that makes it unique.
        found = re.search(r"/(conv2d|dense)(?:_(\d+))?_\d+/[^/;]*$", kernel.name.decode())
        if found is None or kernel.type != schema.TensorType.INT8:
            raise ConfigError(f"{file}: {kernel.name.decode()}: not an int8 layer of ours")
        values = _real(model, kernel, np.int8)
        conv = kind == kinds.CONV_2D  # (out, height, width, in) there
        out[found[1], int(found[2] or 0)] = (
            values.transpose(1, 2, 3, 0) if conv else values.T,
            _real(model, bias, np.int32),
        )
    return out


def _real(model: Any, tensor: Any, kind: type) -> NDArray[np.float32]:
    """Return a constant's real values; quantised symmetrically, per output channel (axis 0)."""
    raw = np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes()
    values: NDArray[Any] = np.frombuffer(raw, kind).reshape([int(n) for n in tensor.shape])
    scale = np.asarray(tensor.quantization.scale, np.float64)
    return (values * scale.reshape(-1, *[1] * (values.ndim - 1))).astype(np.float32)


def _describe(folder: Path, manifest: Manifest, about: dict[str, Any]) -> None:
    """Write what the Keras file is into manifest and card."""
    content = msgspec.structs.replace(
        manifest, provenance={**manifest.provenance, RECOVERED: about}
    )
    text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
    write_text(folder / MANIFEST, text + "\n")
    readme = folder / "README.md"
    before = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    before = re.sub(rf"\n?{HEADING}\n.*?(?=\n## |\Z)", "", before, flags=re.DOTALL).rstrip("\n")
    views = "over both mirror images " if manifest.provenance.get("flip") else ""
    right = "" if about["accuracy"] is None else f"; its accuracy there is {about['accuracy']:.4f}"
    same, shift, moved = (f"{about[k]:.4f}" for k in ("agreement", "largest_shift", "moved"))
    write_text(
        readme,
        f"""{before}

{HEADING}

`{MODEL}` (sha256 {about["sha256"][:16]}...) is not the file that was trained, which is lost. It is
the same network with the weights of the int8 file as float (`emotion-convert recover`), to train on
from, to explain and to quantise again. The temperature is in its last layer.

Compared {views}with the int8 file on {about["faces"]} faces ({about["data"]}, {about["split"]}), it
names the same class on {same} of them; the largest shift of a score is {shift}, and {moved} of
a face's score goes to other classes, on average{right}.
""",
    )
