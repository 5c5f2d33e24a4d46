"""YuNet's published weights, put into our network of the same make: where training begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from convert.detector.checkpoint import Weights, load_weights
from convert.detector.network import STRIDES, Shape, build
from edge.errors import ConfigError, NoInputError

STAGES = (
    "stride2", "stride4a", "stride4b", "stride4c", "stride4d", "stride8a", "stride8b", "stride16a",
    "stride16b", "stride32a", "stride32b", "neck32", "neck16", "neck8",
)  # fmt: skip
LICENSE_FILE = "LICENSE.yunet"
LICENSE = """\
MIT License

Copyright (c) 2020 Shiqi Yu <shiqi.yu@gmail.com>

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
HEADS = ("class", "box", "object", "landmarks")  # in the file's order, each for three strides


def load_yunet(path: Path) -> Weights:
    """Return the weights of YuNet's ONNX file in the order of our network's.

    The three colours of the first convolution are added up, for luma stands for each of them.

    Args:
        path: `face_detection_yunet_*.onnx` as OpenCV publishes it.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it holds something else.
    """
    import onnx

    try:
        graph = onnx.load(path).graph
    except FileNotFoundError as e:
        raise NoInputError(f"{path}: no such file") from e
    except Exception as e:  # protobuf has errors of its own
        raise ConfigError(f"{path}: no ONNX file: {e}") from e
    values: dict[str, Any] = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    pairs: list[tuple[Any, Any]] = [
        (values.get(n.input[1]), values.get(n.input[2]))
        for n in graph.node
        if n.op_type == "Conv" and len(n.input) == 3
    ]
    names = ["stem"] + [f"{stage}_{half}" for stage in STAGES for half in ("point", "depth")]
    names += [f"{h}{s}_{half}" for h in HEADS for s in STRIDES for half in ("point", "depth")]
    if len(pairs) != len(names) or any(w is None or b is None for w, b in pairs):
        raise ConfigError(
            f"{path}: {len(pairs)} convolutions with their weights; allowed: YuNet's {len(names)}"
        )
    given = {
        name: (np.transpose(w, (2, 3, 0, 1) if name.endswith("_depth") else (2, 3, 1, 0)), b)
        for name, (w, b) in zip(names, pairs, strict=True)
    }
    given["stem"] = (given["stem"][0].sum(axis=2, keepdims=True), given["stem"][1])
    for stride in STRIDES:
        for half, axis in (("point", 3), ("depth", 2)):
            one, two = given.pop(f"class{stride}_{half}"), given.pop(f"object{stride}_{half}")
            given[f"both{stride}_{half}"] = (
                np.concatenate([one[0], two[0]], axis),
                np.concatenate([one[1], two[1]]),
            )
        given[f"score{stride}"] = (np.full((1, 1, 2, 1), 0.5, np.float32), np.zeros(1, np.float32))
        for part in ("box", "landmarks"):
            given[f"{part}{stride}"] = given.pop(f"{part}{stride}_depth")
    model = build(64, 64, Shape())
    try:
        for name, weights in given.items():
            model.get_layer(name).set_weights(weights)
    except ValueError as e:
        raise ConfigError(f"{path}: not YuNet's shapes: {e}") from e
    return model.get_weights()  # type: ignore[no-any-return]  # Keras is untyped


def load_start(path: Path) -> Weights:
    """Return weights to begin with: YuNet's from an ONNX file, else those of a run.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it holds something else.
    """
    return load_yunet(path) if path.suffix == ".onnx" else load_weights(path)
