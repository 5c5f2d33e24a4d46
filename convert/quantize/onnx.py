"""A float network as ONNX: raw luma in, what the network says out, the same values as Keras'.

Beside the `.tflite`, for runtimes that take nothing else. Converted by tf2onnx from TensorFlow's
graph with its variables made constants, and held against Keras by running it in ONNX Runtime.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.load import use_tensorflow
from convert.quantize.folder import GateError
from convert.quiet import quiet
from edge.errors import ConfigError, UnavailableError
from edge.model.manifest import InputSpec, Manifest

Floats = NDArray[np.float32]
Luma = NDArray[np.uint8]
Outputs = Mapping[str, Floats]  # by name, n rows each
Case = tuple[Luma, Outputs]  # (n, height, width), and what Keras says of it

FILE = "model.onnx"
INPUT = "luma"
OPSET = 17  # of 2022: ONNX Runtime reads it since 1.12, OpenCV, OpenVINO and TensorRT do too
# Of any value up to 1, and this share of larger ones. Both compute in float32; the architectures
# here differ by 1e-7 to 1e-5, because batch normalisation is folded into the convolutions.
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: a function's equality says nothing
class Graph:
    """A float network as a function of raw luma.

    Attributes:
        call: TensorFlow tensor (n, height, width, 1) float32 0..255 to tensors, one an output.
        outputs: their names.
        size: height and width in pixels; None for one that takes any.
        rows: what n counts, `faces` or `pictures`.
        name: of the network, for messages.
        about: the file's metadata.
    """

    call: Callable[[Any], tuple[Any, ...]]
    outputs: tuple[str, ...]
    size: tuple[int | None, int | None]
    rows: str
    name: str
    about: Mapping[str, str]


def add_onnx_option(p: argparse.ArgumentParser) -> None:
    """Add `--onnx`."""
    p.add_argument(
        "--onnx",
        action="store_true",
        help=f"write {FILE} too: the float model, raw luma in, for other runtimes; refused unless "
        f"what it says equals what Keras says to {TOLERANCE:g}",
    )


def metadata(manifest: Manifest, **values: object) -> dict[str, str]:
    """Return metadata of a file: `name`, `task`, `input`, and `values` as JSON.

    The input is raw luma: its mean and scale are 0 and 1, whatever the manifest says for the
    `.tflite`.
    """
    given: InputSpec = manifest.input
    spec = {"width": given.width, "height": given.height, "channels": 1, "mean": 0, "scale": 1}
    return {
        "name": manifest.name,
        "task": manifest.task,
        "input": json.dumps({**spec, "margin": given.margin}),
        **{key: json.dumps(value) for key, value in values.items()},
    }


def to_onnx(graph: Graph) -> bytes:
    """Return the file: input `luma` (n, height, width, 1), the graph's outputs and metadata.

    Raises:
        ConfigError: the converter cannot express the network (its own words were shown before).
        UnavailableError: TensorFlow or tf2onnx is missing.
    """
    use_tensorflow()
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        with quiet():
            import tf2onnx  # noqa: F401 - asked for here, where its absence has an answer
    except ImportError as e:
        raise _missing(e) from e
    try:
        with quiet():
            # Not Keras' own `export(format="onnx")`: of a network with a Normalization layer, such
            # as EfficientNet, it makes one with the layer's constants as further inputs.
            given = tf.TensorSpec([None, *graph.size, 1], tf.float32, name=INPUT)
            function = tf.function(graph.call, input_signature=[given], autograph=False)
            frozen = convert_variables_to_constants_v2(function.get_concrete_function())
            proto = _converted(frozen, graph.name)
    except Exception as e:  # TensorFlow and tf2onnx raise nearly everything
        words = str(e).strip().splitlines()
        raise ConfigError(
            f"{graph.name}: cannot become ONNX: {words[0] if words else type(e).__name__}"
        ) from e
    _rename(proto.graph, graph)
    for key, value in graph.about.items():
        proto.metadata_props.add(key=key, value=value)
    return bytes(proto.SerializeToString())


def runtime(content: bytes) -> Callable[[Luma], dict[str, Floats]]:
    """Return what ONNX Runtime makes of the file: luma (n, height, width) to its outputs by name.

    Raises:
        ConfigError: ONNX Runtime cannot load it; the function's: cannot run it.
        UnavailableError: ONNX Runtime is missing.
    """
    try:
        import onnxruntime
    except ImportError as e:
        raise _missing(e) from e
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only

    def tried(action: Callable[[], Any]) -> Any:
        try:
            return action()
        except Exception as e:  # its exceptions have no common base
            words = str(e).strip().splitlines()
            raise ConfigError(
                f"ONNX Runtime cannot run it: {words[0] if words else type(e).__name__}"
            ) from e

    cpu = ["CPUExecutionProvider"]
    session = tried(lambda: onnxruntime.InferenceSession(content, options, providers=cpu))
    names = [o.name for o in session.get_outputs()]

    def run(luma: Luma) -> dict[str, Floats]:
        x = luma[..., None].astype(np.float32)
        return dict(zip(names, tried(lambda: session.run(names, {INPUT: x})), strict=True))

    return run


def checked_onnx(graph: Graph, cases: Iterable[Case]) -> tuple[bytes, dict[str, object]]:
    """Return the file and what the manifest says about it.

    Args:
        graph: what to convert.
        cases: luma at a size that the network takes, and what Keras says of it, output by output.

    Raises:
        GateError: a value differs by more than `TOLERANCE`, or there was nothing to compare.
        ConfigError: the network cannot be converted or run.
        UnavailableError: TensorFlow, tf2onnx or ONNX Runtime is missing.
    """
    content = to_onnx(graph)
    run = runtime(content)
    shifts, n = dict.fromkeys(graph.outputs, 0.0), 0
    for luma, reference in cases:
        found = run(luma)
        n += len(luma)
        for name in graph.outputs:
            # np.maximum keeps nan, which max() may drop: it must fail.
            shifts[name] = float(np.maximum(shifts[name], shift(found[name], reference[name])))
    worst = max(shifts, key=lambda name: np.nan_to_num(shifts[name], nan=np.inf))
    if n == 0 or not shifts[worst] <= TOLERANCE:
        where = "" if len(shifts) == 1 else f" of {worst}"
        raise GateError(
            f"{FILE} is not the same model as {graph.name}, nothing was written:\n  largest shift"
            f"{where} on {n} {graph.rows}: got {shifts[worst]:.2g}; allowed: at most {TOLERANCE:g}"
        )
    return content, {
        "file": FILE,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "opset": OPSET,
        graph.rows: n,
        "largest_shift": shifts[worst],
    }


def shift(found: Floats, reference: Floats) -> float:
    """Return the largest difference of two arrays, relative where the reference is above 1.

    Raises:
        GateError: they have different shapes.
    """
    if found.shape != reference.shape:
        raise GateError(
            f"{FILE}: an output has shape {found.shape}, Keras' {reference.shape}; "
            "nothing was written"
        )
    return float((np.abs(found - reference) / np.maximum(np.abs(reference), 1)).max(initial=0))


def card_row(about: object) -> str:
    """Return the row of a model's card for what `checked_onnx` said; empty without it."""
    if not isinstance(about, dict):
        return ""
    rows = "pictures" if "pictures" in about else "faces"
    return (
        f"| `{about['file']}` | the float model, luma 0 to 255 in, opset {about['opset']}, "
        f"{about['bytes']} bytes; the same as Keras' to {about['largest_shift']:.1g} on "
        f"{about[rows]} {rows} |"
    )


def _converted(frozen: Any, name: str) -> Any:
    """Return the ONNX model of a frozen function.

    As `tf2onnx.convert.from_graph_def`, but in two passes of its optimisers. tf2onnx 1.17 gives a
    Reshape to open dimensions a Squeeze behind it, which is lost where that Reshape is an output of
    the graph: the output then has a dimension too many, in about one of fifteen conversions of the
    detector. While no Identity goes, no Reshape is an output.
    """
    import tensorflow as tf
    from tf2onnx import optimizer, tf_loader, tfonnx

    inputs, outputs = [frozen.inputs[0].name], [o.name for o in frozen.outputs]
    with tf.Graph().as_default():  # it exports the graph, which needs one that is not eager
        definition = tf_loader.tf_optimize(inputs, outputs, frozen.graph.as_graph_def())
    with tf.Graph().as_default() as into:
        tf.import_graph_def(definition, name="")
        graph = tfonnx.process_tf_graph(into, opset=OPSET, input_names=inputs, output_names=outputs)
        passes = {
            kind.__name__: kind
            for kind in (
                optimizer.TransposeOptimizer,
                optimizer.ConstFoldOptimizer,
                optimizer.MergeDuplicatedNodesOptimizer,
                optimizer.ReshapeOptimizer,
                optimizer.GlobalPoolOptimizer,
                optimizer.IdentityOptimizer,
                optimizer.BackToBackOptimizer,
            )
        }
        for late in (optimizer.IdentityOptimizer, optimizer.ReshapeOptimizer):
            some = {key: kind for key, kind in passes.items() if kind is not late}
            graph = optimizer.optimize_graph(graph, optimizers=some)
        return graph.make_model(f"converted from {name}")


def _rename(proto: Any, graph: Graph) -> None:
    """Give inputs, outputs and open dimensions names that say what they are."""
    new = {proto.input[0].name: INPUT}
    new |= {o.name: name for o, name in zip(proto.output, graph.outputs, strict=True)}
    for node in proto.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = new.get(name, name)
    for value in (*proto.input, *proto.output):
        value.name = new.get(value.name, value.name)
        value.type.tensor_type.shape.dim[0].dim_param = graph.rows
    open_sides = zip(("height", "width"), graph.size, strict=True)
    for i, (side, pixels) in enumerate(open_sides, start=1):
        if pixels is None:
            proto.input[0].type.tensor_type.shape.dim[i].dim_param = side


def _missing(e: ImportError) -> UnavailableError:
    return UnavailableError(
        f"--onnx: {e.name or e} is not installed; install it with: "
        "pip install 'emotion-edge[convert]'"
    )
