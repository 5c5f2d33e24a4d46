"""The detector as ONNX: pictures of any size in, the maps that Keras gives out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from convert.detector.checkpoint import load_weights, put
from convert.detector.network import STRIDES, Shape, build
from convert.detector.onnx import OUTPUTS, checked_detector, detector_graph, maps_of
from convert.load import use_tensorflow
from convert.quantize import onnx
from convert.quantize.folder import GateError
from edge.model.manifest import InputSpec, Manifest
from tests.conftest import ROOT
from tests.convert.detector.pictures import portrait, scene

pytestmark = pytest.mark.slow
SHAPE = Shape(stem=8, narrow=16, width=24)
MANIFEST = Manifest(
    name="own", task="face", input=InputSpec(width=96, height=64), quantisation="int8",
    sha256="0" * 64, decode={"kind": "cells", "strides": [8, 16, 32], "multiple": 32},
)  # fmt: skip
PICTURES = [scene(k, 64, 96).luma for k in range(3)]


@pytest.fixture(scope="module")
def network() -> Any:
    for needed in ("tensorflow", "tf2onnx", "onnxruntime"):
        pytest.importorskip(needed)
    use_tensorflow()
    model, rng = build(64, 96, SHAPE), np.random.default_rng(2)
    # Untrained it would say the same of every picture.
    model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return model


def test_any_size_in_the_same_maps_out(network: Any, tmp_path: Path) -> None:
    import onnxruntime

    content, about = checked_detector(network, SHAPE, MANIFEST, PICTURES, 1)
    assert about["pictures"] == 5  # and two of noise
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.shape) == ("luma", ["pictures", "height", "width", 1])
    assert tuple(o.name for o in session.get_outputs()) == OUTPUTS
    assert json.loads(session.get_modelmeta().custom_metadata_map["decode"]) == MANIFEST.decode
    for height, width in ((32, 160), (64, 96)):
        luma = np.stack([scene(k, height, width).luma for k in (7, 8)])
        other = build(height, width, SHAPE)
        other.set_weights(network.get_weights())
        expected = maps_of(other, luma)
        found = session.run(OUTPUTS, {"luma": luma[..., None].astype(np.float32)})
        for name, maps in zip(OUTPUTS, found, strict=True):
            assert onnx.shift(maps, expected[name]) <= onnx.TOLERANCE
            assert np.ptp(expected[name]) > 0.1  # so that there was something to get wrong


def test_the_shipped_weights(network: Any) -> None:
    model = build(64, 96)
    put(model, load_weights(ROOT / "models" / "face" / "weights.npz"))
    small = cv2.resize(portrait(seed=2).luma, (96, 64), interpolation=cv2.INTER_AREA)
    _, about = checked_detector(model, Shape(), MANIFEST, [*PICTURES, np.asarray(small)], 1)
    assert about["pictures"] == 6
    assert max(np.ptp(maps_of(model, small[None])[f"score{s}"]) for s in STRIDES) > 2


def test_one_map_that_differs_is_refused_by_name(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: Any, luma: np.ndarray) -> dict[str, np.ndarray]:
        return {n: y + np.float32(n == "box16") / 100 for n, y in maps_of(model, luma).items()}

    # Keras' side, not the graph's: tf2onnx makes another graph of one that has more to add up.
    monkeypatch.setattr("convert.detector.onnx.maps_of", wrong)
    with pytest.raises(GateError, match=r"largest shift of box16 on 5 pictures: got 0\.01; allow"):
        checked_detector(network, SHAPE, MANIFEST, PICTURES, 1)


def test_nothing_to_compare_and_what_is_no_number_are_refused(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = detector_graph(network, MANIFEST)
    content = onnx.to_onnx(graph)
    monkeypatch.setattr(onnx, "to_onnx", lambda _: content)
    with pytest.raises(GateError, match="on 0 pictures"):
        onnx.checked_onnx(graph, [])
    luma = PICTURES[0][None]
    maps = maps_of(network, luma)
    maps["score32"] = maps["score32"] * np.nan
    with pytest.raises(GateError, match="of score32 on 1 pictures: got nan"):
        onnx.checked_onnx(graph, [(luma, maps)])
    maps["score32"] = maps["score32"][:, :-1]
    with pytest.raises(GateError, match="an output has shape"):
        onnx.checked_onnx(graph, [(luma, maps)])
