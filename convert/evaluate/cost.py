"""What a model costs: parameters, bytes, multiply-adds, and the time of one face."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.crops import to_size
from convert.evaluate.scorer import FolderScorer, Scorer
from convert.load import FloatModel
from edge.errors import UnavailableError


def parameters(scorer: Scorer) -> int | None:
    """Return the number of trained values; of a TFLite file, as its manifest says or holds."""
    if isinstance(scorer, FloatModel):
        return int(scorer.network.count_params()) if scorer.keras else None
    if isinstance(scorer, FolderScorer):
        given = scorer.model.manifest.provenance.get("parameters")
        if isinstance(given, int):
            return given
        return tflite_sums(scorer.path)[1]
    return None


def size_bytes(scorer: Scorer) -> int:
    """Return the bytes of the file, or of all files of a SavedModel."""
    path = scorer.path
    if path.is_file():
        return path.stat().st_size
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


def multiply_adds(scorer: Scorer) -> int | None:
    """Return multiply-adds of convolutions and dense layers for one face; None if unknown."""
    if isinstance(scorer, FolderScorer):
        return tflite_sums(scorer.path)[0]
    if isinstance(scorer, FloatModel) and scorer.keras:
        return keras_sums(scorer.network)
    return None


def tflite_sums(path: Path) -> tuple[int, int]:
    """Return multiply-adds of one inference and the number of weights and biases of a `.tflite`.

    Convolution: output values times kernel height, width and input channels; depthwise: output
    values times kernel height and width; dense: the number of weights.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as e:
        raise UnavailableError(f"counting needs ai-edge-litert: {e}") from e
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    graph = model.subgraphs[0]
    kinds = schema.BuiltinOperator
    sums = weights = 0
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        if kind not in (kinds.CONV_2D, kinds.DEPTHWISE_CONV_2D, kinds.FULLY_CONNECTED):
            continue
        kernel = [int(n) for n in graph.tensors[operator.inputs[1]].shape]
        output = [int(n) for n in graph.tensors[operator.outputs[0]].shape]
        used = [i for i in operator.inputs[1:] if i >= 0]
        weights += sum(int(np.prod(graph.tensors[i].shape)) for i in used)
        if kind == kinds.CONV_2D:  # kernel: out, height, width, in
            sums += int(np.prod(output)) * int(np.prod(kernel[1:]))
        elif kind == kinds.DEPTHWISE_CONV_2D:  # kernel: 1, height, width, out
            sums += int(np.prod(output)) * kernel[1] * kernel[2]
        else:
            sums += output[0] * int(np.prod(kernel))
    return sums, weights


def keras_sums(network: Any) -> int:
    """Return the multiply-adds of a Keras model for one face, nested models included."""
    total = 0
    for layer in network.layers:
        if hasattr(layer, "layers"):
            total += keras_sums(layer)
            continue
        kind = type(layer).__name__
        if not layer.weights or kind not in (
            "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense",
        ):  # fmt: skip
            continue
        pixels = int(np.prod(layer.output.shape[1:-1]))
        shapes = [tuple(int(n) for n in w.shape) for w in layer.weights]
        kernels = [s for s in shapes if len(s) in (2, 4)]
        total += pixels * sum(int(np.prod(s)) for s in kernels)
    return total


def one_face(scorer: Scorer, face: NDArray[np.uint8]) -> Callable[[], object]:
    """Return a call that scores one face, (height, width) uint8, as fast as this kind can."""
    if isinstance(scorer, FolderScorer):
        ready = to_size(face[None], scorer.input)[0]
        model = scorer.model
        return lambda: model.infer(ready)
    assert isinstance(scorer, FloatModel)  # the only other kind there is
    from convert.crops import to_input

    x = to_input(face[None], scorer.input)
    return scorer.compiled(x)


def latencies(
    calls: Sequence[Callable[[], object]], *, rounds: int, each: int = 20
) -> list[list[tuple[float, float]]]:
    """Return seconds and CPU seconds of one call, `rounds` of them for each of `calls`.

    The calls take turns, so that whatever slows the machine down meanwhile slows all of them.

    Args:
        calls: what to measure.
        rounds: turns; each gives the mean of `each` calls.
        each: calls a turn.
    """
    for call in calls:
        call()
    out: list[list[tuple[float, float]]] = [[] for _ in calls]
    for _ in range(rounds):
        for times, call in zip(out, calls, strict=True):
            began, cpu = time.perf_counter(), time.process_time()
            for _ in range(each):
                call()
            wall, worked = time.perf_counter() - began, time.process_time() - cpu
            times.append((wall / each, worked / each))
    return out
