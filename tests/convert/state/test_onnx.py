"""The state network as ONNX: a crop's luma in, the rows that Keras gives out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from convert.load import use_tensorflow
from convert.quantize import onnx
from convert.state.network import Shape, build
from convert.state.onnx import checked_state
from convert.state.outputs import OUTPUTS
from convert.state.predict import rows_of
from edge.model.manifest import InputSpec, Manifest, StateOutput

pytestmark = pytest.mark.slow


def test_raw_luma_in_the_same_rows_out() -> None:
    for needed in ("tensorflow", "tf2onnx", "onnxruntime"):
        pytest.importorskip(needed)
    use_tensorflow()
    import onnxruntime

    network = build(Shape(size=32, stem=8, blocks=((16, 2), (16, 2)), dense=16))
    rng = np.random.default_rng(5)
    for layer in network.layers:  # batch normalisation that does something
        if layer.__class__.__name__ == "BatchNormalization":
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    outputs: Any = [
        StateOutput(name=o.name, unit=o.unit, scale=o.scale, known_below=o.scale) for o in OUTPUTS
    ]
    manifest = Manifest(
        name="own", task="state", input=InputSpec(width=32, height=32), quantisation="int8",
        sha256="0" * 64, outputs=outputs,
    )  # fmt: skip
    crops = rng.integers(0, 256, (300, 32, 32), np.uint8)
    content, about = checked_state(network, manifest, crops)
    assert about["faces"] == 300
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.shape) == ("luma", ["faces", 32, 32, 1])
    found = session.run(["state"], {"luma": crops[:5, ..., None].astype(np.float32)})[0]
    expected = rows_of(network, crops[:5])
    assert onnx.shift(found, expected) <= onnx.TOLERANCE
    assert np.ptp(expected, axis=0).min() > 0.001  # so that there was something to get wrong
    told = json.loads(session.get_modelmeta().custom_metadata_map["outputs"])
    assert [(o["name"], o["scale"]) for o in told] == [(o.name, o.scale) for o in OUTPUTS]
