"""ONNX beside the `.tflite`: run by ONNX Runtime, it gives the scores that Keras gives."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from convert.cli import main
from convert.crops import to_size
from convert.data import open_dataset
from convert.load import load_float, use_tensorflow
from convert.model_options import ModelOptions
from convert.quantize import onnx
from convert.quantize.onnx_classifier import checked_classifier
from convert.quantize.temperature import tempered
from edge.model.manifest import Manifest
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
SIZE = (24, 24)
CLASSES = ("happy", "neutral", "sad")
# Networks of random weights: only what is converted is held here.
NO_BARS = (
    "--min-agreement", "0", "--max-shift", "1", "--max-moved", "1", "--max-accuracy-drop", "1",
    "--max-f1-drop", "1", "--max-recall-drop", "1", "--labels", ",".join(CLASSES),
)  # fmt: skip


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("faces"), np.random.default_rng(4)
    for split in ("train", "test"):
        for name in CLASSES:
            (root / split / name).mkdir(parents=True)
            for i in range(4):
                luma = rng.integers(0, 256, (24, 24), np.uint8)
                cv2.imwrite(str(root / split / name / f"{i}.png"), luma)
    return root


@pytest.fixture(scope="module")
def keras() -> Any:
    for needed in ("tensorflow", "tf2onnx", "onnxruntime"):
        pytest.importorskip(needed)
    use_tensorflow()
    import keras

    return keras


def network(keras: Any, channels: int = 1, *, scaled: bool = True, logits: bool = False) -> Any:
    """Return a small network of random weights with all that makes conversion go wrong."""
    layers = keras.layers
    keras.utils.set_random_seed(1)
    inputs = keras.Input((24, 24, channels))
    x = inputs
    if scaled:  # as EfficientNet begins
        x = layers.Normalization(mean=[90.0] * channels, variance=[3000.0] * channels)(x)
    x = layers.SeparableConv2D(8, 3, strides=2, padding="same")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Flatten()(layers.Activation("swish")(x))
    x = layers.Dense(3)(layers.Dropout(0.5)(x))
    model = keras.Model(inputs, x if logits else layers.Softmax()(x))
    rng = np.random.default_rng(3)
    norm = model.get_layer("norm")
    norm.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in norm.get_weights()])
    return model


def runtime_scores(path: Path, luma: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
    """Run a file as anybody would who knows no more than its input's name."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.shape, given.type) == (
        "luma", ["faces", 24, 24, 1], "tensor(float)",
    )  # fmt: skip
    (scores,) = session.run(["scores"], {"luma": luma[..., None].astype(np.float32)})
    return scores, session.get_modelmeta().custom_metadata_map


def quantize(model: Path, data: Path, out: Path, *more: str) -> int:
    argv = ("--data", str(data), "--out", str(out), "--onnx", "--mode", "dynamic")
    return main(["quantize", str(model), *argv, *NO_BARS, *more])


def test_raw_luma_in_the_same_scores_out_and_the_metadata(
    keras: Any, faces: Path, tmp_path: Path
) -> None:
    network(keras).save(tmp_path / "own.keras")
    out = tmp_path / "own"
    assert quantize(tmp_path / "own.keras", faces, out, "--temperature", "2.5") == 0
    luma = open_dataset(faces, SIZE).split("test").faces()
    expected = tempered(load_float(tmp_path / "own.keras", classes=CLASSES).predict(luma), 2.5)
    scores, about = runtime_scores(out / "model.onnx", luma)
    assert np.abs(scores - expected).max() < onnx.TOLERANCE
    assert np.ptp(scores, axis=0).max() > 0.05  # so that there was something to get wrong
    assert json.loads(about["labels"]) == list(CLASSES)
    assert json.loads(about["input"]) == {
        "width": 24, "height": 24, "channels": 1, "mean": 0, "scale": 1, "margin": 0.0,
    }  # fmt: skip
    assert (about["name"], about["task"], json.loads(about["prior"])) == ("own", "emotion", {})
    manifest = json.loads((out / "manifest.json").read_text())
    said = manifest["provenance"]["onnx"]
    assert said["sha256"] == sha256((out / "model.onnx").read_bytes()).hexdigest()
    assert said["faces"] == 12 and 0 <= said["largest_shift"] <= onnx.TOLERANCE
    assert "| `model.onnx` | the float model" in (out / "README.md").read_text()


@pytest.mark.parametrize("kind", ["three channels", "flip", "logits", "SavedModel"])
def test_whatever_is_around_the_network_is_in_the_file(
    kind: str, keras: Any, faces: Path, tmp_path: Path
) -> None:
    more: tuple[str, ...] = ("--temperature", "1")
    if kind == "three channels":
        network(keras, 3, scaled=False).save(tmp_path / "own.keras")
        more += ("--range=-1..1",)
    else:
        built = network(keras, logits=kind == "logits")
        built.save(tmp_path / "own.keras")
        more += ("--flip",) if kind == "flip" else ()
    path = tmp_path / "own.keras"
    if kind == "SavedModel":
        path = tmp_path / "saved"
        built.export(path, verbose=False)
        more += ("--range", "0..255")
    assert quantize(path, faces, tmp_path / "own", *more) == 0
    luma = open_dataset(faces, SIZE).split("test").faces()
    how = ModelOptions(luma_range="-1..1" if kind == "three channels" else None)
    model = load_float(tmp_path / "own.keras", how, CLASSES)
    expected = model.predict(luma)
    if kind == "flip":
        expected = (expected + model.predict(luma[:, :, ::-1])) / 2
    scores, _ = runtime_scores(tmp_path / "own" / "model.onnx", luma)
    assert np.abs(scores - expected).max() < onnx.TOLERANCE
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-4)


def test_maps_of_one_channel_keep_their_dimensions(keras: Any) -> None:
    y = luma = keras.Input((None, None, 1))
    maps = []
    for _ in range(4):
        y = keras.layers.Conv2D(4, 3, padding="same")(y)
        maps.append(keras.layers.Conv2D(1, 1)(y))
    net = keras.Model(luma, maps)
    graph = onnx.Graph(
        lambda x: tuple(net(x, training=False)), tuple("abcd"), (None, None), "pictures",
        "the Keras network", {},
    )  # fmt: skip
    # By the order in sets of names, which are new each time, tf2onnx lost one in a quarter of them.
    for _ in range(30):
        found = onnx.runtime(onnx.to_onnx(graph))(np.zeros((1, 8, 12), np.uint8))
        assert [y.shape for y in found.values()] == [(1, 8, 12, 1)] * 4


def test_another_model_is_refused_and_nothing_is_written(
    keras: Any,
    faces: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    network(keras).save(tmp_path / "own.keras")
    right = onnx.to_onnx

    def slightly_wrong(graph: onnx.Graph) -> bytes:
        return right(replace(graph, call=lambda luma: graph.call(luma * 1.01)))

    monkeypatch.setattr(onnx, "to_onnx", slightly_wrong)
    assert quantize(tmp_path / "own.keras", faces, tmp_path / "own", "--temperature", "1") == 65
    words = capfd.readouterr()
    assert words.out == "" and "model.onnx is not the same model as own.keras" in words.err
    assert [p.name for p in tmp_path.iterdir()] == ["own.keras"]


@pytest.mark.parametrize("source", ["emotion", "fer2013_mini_XCEPTION.102-0.66.hdf5"])
def test_on_real_faces(source: str, keras: Any, data: Path) -> None:
    path = data / "keras" / source
    path = path if path.suffix == ".hdf5" else ROOT / "models" / source / "model.keras"
    luma = open_dataset(data / "fer2013").split("public_test").faces()[:300]
    model = load_float(path)
    manifest = Manifest(
        name="own", task="emotion", input=model.input, quantisation="int8", sha256="0" * 64
    )
    content, about = checked_classifier(model, manifest, luma, model.predict(luma))
    assert about["faces"] == 300
    again = onnx.runtime(content)(to_size(luma, model.input))["scores"]
    assert np.ptp(again, axis=0).min() > 0.3  # so that there was something to get wrong
