"""The float model as ONNX: raw luma in, probabilities out, the same scores as Keras.

Beside the `.tflite`, for runtimes that take nothing else. Converted by tf2onnx from TensorFlow's
graph with its variables made constants, and held against Keras by running it in ONNX Runtime.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.crops import Faces, to_size
from convert.load import BATCH, FloatModel, use_tensorflow
from convert.quantize.folder import GateError
from convert.quiet import quiet
from edge.errors import ConfigError, UnavailableError
from edge.model.manifest import Manifest

FILE = "model.onnx"
INPUT, OUTPUT = "luma", "scores"
OPSET = 17  # of 2022: ONNX Runtime reads it since 1.12, OpenCV, OpenVINO and TensorRT do too
# Of any score of any face. Both compute in float32; the architectures here differ by 1e-7 to 1e-5,
# because batch normalisation is folded into the convolutions.
TOLERANCE = 1e-4


def to_onnx(model: FloatModel, manifest: Manifest) -> bytes:
    """Return the model as ONNX: `luma` (n, height, width, 1) float32 0..255 to `scores` (n, C).

    What luma becomes at the model's own input is inside. The metadata has `name`, `task`,
    `labels`, `input` and `prior`, the last three as JSON; the input's mean and scale in it are 0
    and 1, whatever the manifest says for the `.tflite`.

    Raises:
        ConfigError: the converter cannot express the model (its own words were shown before).
        UnavailableError: TensorFlow or tf2onnx is missing.
    """
    use_tensorflow()
    shape = (model.input.height, model.input.width, 1)
    proto = converted(_scores_of(model), shape, str(model.path))
    spec = {"width": shape[1], "height": shape[0], "channels": 1, "mean": 0, "scale": 1}
    about = {
        "name": manifest.name,
        "task": manifest.task,
        "labels": json.dumps(list(model.labels)),
        "input": json.dumps({**spec, "margin": model.input.margin}),
        "prior": json.dumps(manifest.prior),
    }
    for key, value in about.items():
        proto.metadata_props.add(key=key, value=value)
    return bytes(proto.SerializeToString())


def converted(scores: Callable[[Any], Any], shape: tuple[int, int, int], name: str) -> Any:
    """Return the ONNX model of a function of TensorFlow tensors.

    Args:
        scores: (n, *shape) float32 to (n, C).
        shape: height, width and channels.
        name: of the model, for messages.

    Raises:
        ConfigError: the converter cannot express it.
        UnavailableError: tf2onnx is missing.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        with quiet():
            import tf2onnx
    except ImportError as e:
        raise _missing(e) from e
    try:
        with quiet():
            # Not Keras' own `export(format="onnx")`: of a network with a Normalization layer, such
            # as EfficientNet, it makes one with the layer's constants as further inputs.
            given = tf.TensorSpec([None, *shape], tf.float32, name=INPUT)
            function = tf.function(scores, input_signature=[given]).get_concrete_function()
            frozen = convert_variables_to_constants_v2(function)
            proto, _ = tf2onnx.convert.from_graph_def(
                frozen.graph.as_graph_def(),
                name=name,
                input_names=[frozen.inputs[0].name],
                output_names=[frozen.outputs[0].name],
                opset=OPSET,
            )
    except Exception as e:  # TensorFlow and tf2onnx raise nearly everything
        words = str(e).strip().splitlines()
        raise ConfigError(
            f"{name}: cannot become ONNX: {words[0] if words else type(e).__name__}"
        ) from e
    _rename(proto.graph)
    return proto


def onnx_scores(content: bytes, faces: Faces) -> NDArray[np.float32]:
    """Return what ONNX Runtime says of faces at the model's size, (n, height, width) luma: (n, C).

    Raises:
        ConfigError: ONNX Runtime cannot run it.
        UnavailableError: ONNX Runtime is missing.
    """
    try:
        import onnxruntime
    except ImportError as e:
        raise _missing(e) from e
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        parts = [
            session.run([OUTPUT], {INPUT: faces[i : i + BATCH, ..., None].astype(np.float32)})[0]
            for i in range(0, len(faces), BATCH)
        ]
    except Exception as e:  # its exceptions have no common base
        raise ConfigError(f"ONNX Runtime cannot run it: {str(e).strip().splitlines()[0]}") from e
    return np.concatenate(parts)


def checked_onnx(
    model: FloatModel, manifest: Manifest, faces: Faces, reference: NDArray[np.float32]
) -> tuple[bytes, dict[str, object]]:
    """Return the ONNX model and what the manifest says about it.

    Args:
        model: what to convert.
        manifest: of the folder that it goes into.
        faces: (n, height, width) uint8 luma of any size.
        reference: what Keras says of them, (n, C).

    Raises:
        GateError: a score differs by more than `TOLERANCE`.
    """
    content = to_onnx(model, manifest)
    found = onnx_scores(content, to_size(faces, model.input))
    shift = float(np.abs(found - reference).max())
    if not shift <= TOLERANCE:  # so that nan fails
        raise GateError(
            f"{FILE} is not the same model as {model.path.name}, nothing was written:\n  largest "
            f"shift of a score: got {shift:.2g}; allowed: at most {TOLERANCE:g}"
        )
    return content, {
        "file": FILE,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "opset": OPSET,
        "faces": len(faces),
        "largest_shift": shift,
    }


def _scores_of(model: FloatModel) -> Callable[[Any], Any]:
    """Return raw luma to probabilities, as a function of TensorFlow tensors."""
    import tensorflow as tf

    spec = model.input

    def scores(luma: Any) -> Any:
        x = luma if (spec.mean, spec.scale) == (0, 1) else (luma - spec.mean) * spec.scale
        x = x if spec.channels == 1 else tf.repeat(x, spec.channels, axis=3)
        if model.keras:
            y = model.network(x, training=False)
        else:
            y = next(iter(model.network.signatures["serving_default"](x).values()))
        return tf.nn.softmax(y) if model.logits else y

    return scores


def _rename(graph: Any) -> None:
    """Give input, output and the number of faces names that say what they are."""
    new = {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = new.get(name, name)
    for value in (*graph.input, *graph.output):
        value.name = new.get(value.name, value.name)
        value.type.tensor_type.shape.dim[0].dim_param = "faces"


def _missing(e: ImportError) -> UnavailableError:
    return UnavailableError(
        f"--onnx: {e.name or e} is not installed; install it with: "
        "pip install 'emotion-edge[convert]'"
    )
