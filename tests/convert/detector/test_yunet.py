"""YuNet's weights in our network answer as YuNet does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError, NoInputError

pytest.importorskip("keras")
pytest.importorskip("onnx")


def test_the_network_with_these_weights_is_yunet(data: Path) -> None:
    from convert.detector.network import STRIDES, build
    from convert.detector.yunet import load_yunet

    file = data / "detectors" / "face_detection_yunet_2026may.onnx"
    luma = np.random.default_rng(1).integers(0, 255, (64, 96), np.uint8)
    luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), 3), np.uint8)
    model = build(64, 96)
    model.set_weights(load_yunet(file))
    got = {k: np.asarray(v) for k, v in model.predict(luma[None, ..., None], verbose=0).items()}
    net = cv2.dnn.readNet(str(file))
    net.setInput(cv2.dnn.blobFromImage(cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR)))
    names = [f"{part}_{s}" for s in STRIDES for part in ("cls", "obj", "bbox", "kps")]
    want = dict(zip(names, net.forward(names), strict=True))

    def logit(p: np.ndarray) -> np.ndarray:
        return np.asarray(np.log(p / (1 - p)))

    for s in STRIDES:
        both = (logit(want[f"cls_{s}"]) + logit(want[f"obj_{s}"])) / 2
        np.testing.assert_allclose(got[f"score{s}"].ravel(), both.ravel(), atol=2e-2)
        for part, name in (("box", "bbox"), ("landmarks", "kps")):
            np.testing.assert_allclose(
                got[f"{part}{s}"].ravel(), want[f"{name}_{s}"].ravel(), atol=1e-3
            )


def test_what_is_not_yunet_is_refused(tmp_path: Path) -> None:
    from convert.detector.yunet import load_yunet

    with pytest.raises(NoInputError, match="no such file"):
        load_yunet(tmp_path / "none.onnx")
    (tmp_path / "other.onnx").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match=r"other\.onnx: "):
        load_yunet(tmp_path / "other.onnx")


def test_a_blend_lies_between_and_other_networks_are_refused() -> None:
    from convert.detector.quantize import blended

    before, after = [np.zeros(3, np.float32)], [np.full(3, 4, np.float32)]
    np.testing.assert_array_equal(blended(before, after, 0.25)[0], np.ones(3))
    with pytest.raises(ConfigError, match="another network"):
        blended(before, [np.zeros(4, np.float32)], 0.5)


def test_a_run_remembers_the_run_before(tmp_path: Path) -> None:
    from convert.detector.checkpoint import RECORD, record_beside

    assert record_beside(tmp_path / "weights.npz") is None
    (tmp_path / RECORD).write_text("nonsense")
    assert record_beside(tmp_path / "weights.npz") is None
    (tmp_path / RECORD).write_text('{"data": {"from yunet.onnx": "0"}}')
    assert record_beside(tmp_path / "weights.npz") == {"data": {"from yunet.onnx": "0"}}
