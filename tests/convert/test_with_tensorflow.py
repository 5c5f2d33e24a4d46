"""Real conversions of a small network that was trained to tell three patterns apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from convert.cli import main
from convert.data import open_dataset
from convert.evaluate.attention import explain, methods_for
from convert.evaluate.cost import keras_sums, tflite_sums
from convert.evaluate.scorer import FolderScorer
from convert.load import FloatModel, load_float, use_tensorflow
from convert.model_options import USUAL
from convert.quantize.temperature import tempered
from convert.quantize.tflite import MODES
from edge.errors import ConfigError
from edge.model.tflite import Network

pytestmark = pytest.mark.slow
CLASSES = ("happy", "sad", "neutral")
CURVE = {"happy": (0, 1), "sad": (1, 0), "neutral": (1, 1)}  # direction of the stripes


def stripes(name: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n faces, (n, 48, 48), of stripes in the class's direction under noise."""
    y, x = np.mgrid[:48, :48] / 48
    across, down = CURVE[name]
    phase, waves = rng.uniform(0, 6.28, (n, 1, 1)), rng.uniform(3, 6, (n, 1, 1))
    wave = np.sin(2 * np.pi * waves * (across * x + down * y) + phase)
    luma = 128 + 60 * wave + rng.normal(0, 40, (n, 48, 48))
    return np.clip(luma, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stripes")
    rng = np.random.default_rng(4)
    for split, n in (("train", 80), ("test", 40)):
        for name in CLASSES:
            folder = root / split / name
            folder.mkdir(parents=True)
            for i, face in enumerate(stripes(name, n, rng)):
                cv2.imwrite(str(folder / f"{i}.png"), face)
    return root


@pytest.fixture(scope="module")
def network(data_path: Path) -> Any:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    use_tensorflow()
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    inputs = keras.Input((48, 48, 1))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = layers.Conv2D(8, 5, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Softmax()(layers.Dense(3)(x))
    model = keras.Model(inputs, outputs)
    train = open_dataset(data_path).split("train")
    model.compile("adam", "sparse_categorical_crossentropy")
    x = train.faces()[..., None].astype("float32")
    model.fit(x, train.labels, epochs=12, batch_size=16, verbose=0)
    return model


@pytest.fixture(scope="module")
def keras_file(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keras") / "stripes.keras"
    network.save(path)
    return path


def reference(path: Path, data_path: Path) -> tuple[FloatModel, np.ndarray, np.ndarray]:
    data = open_dataset(data_path)
    model = load_float(path, USUAL, data.classes)
    faces = data.split("test").faces()
    return model, faces, model.predict(faces)


def quantize(model: Path, data: Path, out: Path, *more: str) -> int:
    return main(["quantize", str(model), "--data", str(data), "--out", str(out), *more])


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_a_folder_that_the_device_runs(
    mode: str, keras_file: Path, data_path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "own"
    assert quantize(keras_file, data_path, out, "--mode", mode, "--temperature", "1") == 0
    assert len(capfd.readouterr().out.splitlines()) == 2  # nothing of the converter's own words
    files = {"model.tflite", "manifest.json", "README.md", "risk.png"}
    assert {p.name for p in out.iterdir()} == files
    assert "## Risk over coverage" in (out / "README.md").read_text()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["quantisation"] == mode
    assert manifest["labels"] == list(CLASSES)
    assert manifest["metrics"]["quantised"]["accuracy"] > 0.9
    held_out = manifest["provenance"]["held_out"]
    assert held_out["accuracy"] > 0.9 and 0 < held_out["log_loss"] < 0.5
    _, faces, float_scores = reference(keras_file, data_path)
    scores = FolderScorer(out).predict(faces)
    bar = 1e-4 if mode == "float32" else 0.1
    assert np.abs(scores - float_scores).max() < bar
    assert list(tmp_path.iterdir()) == [out]


def test_a_flip_averaged_model_scores_a_face_and_its_mirror_image_alike(
    keras_file: Path, data_path: Path, tmp_path: Path
) -> None:
    plain, both = tmp_path / "plain", tmp_path / "both"
    assert quantize(keras_file, data_path, plain, "--temperature", "1") == 0
    assert quantize(keras_file, data_path, both, "--temperature", "1", "--flip") == 0
    model, faces, one = reference(keras_file, data_path)
    other = model.predict(faces[:, :, ::-1])
    assert np.abs(one - other).max() > 0.1  # so that there is something to average
    scores = FolderScorer(both).predict(faces)
    assert np.abs(scores - (one + other) / 2).max() < 0.05
    assert np.array_equal(scores, FolderScorer(both).predict(faces[:, :, ::-1]))
    assert json.loads((both / "manifest.json").read_text())["provenance"]["flip"] is True
    assert "mirror image" in (both / "README.md").read_text()
    sums, weights = tflite_sums(both / "model.tflite")
    assert (sums // 2, weights) == tflite_sums(plain / "model.tflite")


def test_an_int8_model_takes_luma_minus_128_and_nothing_else(
    keras_file: Path, data_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "own"
    assert quantize(keras_file, data_path, out) == 0
    network = Network(out / "model.tflite")
    assert network.input_dtype == np.int8
    assert network.input_table(0, 1).tolist() == list(range(-128, 128))
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["input"]["mean"], manifest["input"]["scale"]) == (0, 1)
    assert manifest["provenance"]["raw_luma"] is True


def test_a_failed_gate_keeps_the_model_before(
    keras_file: Path, data_path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "own"
    assert quantize(keras_file, data_path, out) == 0
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    capfd.readouterr()
    assert quantize(keras_file, data_path, out, "--max-shift", "0.0001") == 65
    words = capfd.readouterr()
    assert words.out == ""
    assert "largest shift of a score: got" in words.err
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert quantize(keras_file, data_path, tmp_path / "other", "--min-agreement", "1.1") == 65
    assert list(tmp_path.iterdir()) == [out]


def test_the_temperature_is_inside_the_file(
    keras_file: Path, data_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "warm"
    args = ("--mode", "float32", "--temperature", "2.5")
    assert quantize(keras_file, data_path, out, *args) == 0
    _, faces, float_scores = reference(keras_file, data_path)
    assert FolderScorer(out).predict(faces) == pytest.approx(tempered(float_scores, 2.5), abs=1e-4)


def test_a_saved_model_becomes_the_same_folder(
    network: Any, keras_file: Path, data_path: Path, tmp_path: Path
) -> None:
    network.export(tmp_path / "saved", verbose=False)
    out = tmp_path / "own"
    args = ("--range", "0..255", "--temperature", "1")
    assert quantize(tmp_path / "saved", data_path, out, *args) == 0
    _, faces, float_scores = reference(keras_file, data_path)
    assert np.abs(FolderScorer(out).predict(faces) - float_scores).max() < 0.1


def test_legacy_h5_scores_the_same(
    network: Any, keras_file: Path, data_path: Path, tmp_path: Path
) -> None:
    network.save(tmp_path / "old.h5")
    _, _, new = reference(keras_file, data_path)
    _, _, old = reference(tmp_path / "old.h5", data_path)
    assert old == pytest.approx(new, abs=1e-6)


def test_a_keras_file_is_judged_with_nothing_but_json_on_standard_output(
    keras_file: Path, data_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, _, scores = reference(keras_file, data_path)
    test = open_dataset(data_path).split("test")
    capfd.readouterr()
    argv = ["evaluate", str(keras_file), str(data_path), "--json", "--robustness", "12"]
    assert main(argv) == 0
    found = json.loads(capfd.readouterr().out)
    assert test.labels is not None
    assert found["accuracy"] == pytest.approx(float((scores.argmax(1) == test.labels).mean()))
    assert found["model"]["kind"] == "Keras"


def test_multiply_adds_by_hand_in_both_formats(
    network: Any, keras_file: Path, data_path: Path, tmp_path: Path
) -> None:
    by_hand = 24 * 24 * 8 * 5 * 5 * 1 + 12 * 12 * 16 * 3 * 3 * 8 + 16 * 3
    assert keras_sums(network) == by_hand
    out = tmp_path / "own"
    assert quantize(keras_file, data_path, out, "--mode", "float32") == 0
    sums, weights = tflite_sums(out / "model.tflite")
    assert sums == by_hand
    assert weights == network.count_params()


def test_an_activation_map_adds_up_to_the_logit(keras_file: Path, data_path: Path) -> None:
    model, faces, scores = reference(keras_file, data_path)
    found = methods_for(model)
    assert [m.name for m in found] == ["class activation map", "Grad-CAM", "occlusion"]
    bias = model.network.layers[-2].get_weights()[1]
    few = faces[::20]
    maps = [found[0].maps(few, np.full(len(few), c)) for c in range(3)]
    logits = np.stack([m.mean(axis=(1, 2)) for m in maps], axis=1) + bias
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert e / e.sum(axis=1, keepdims=True) == pytest.approx(scores[::20], abs=1e-4)


def test_a_network_without_pooling_is_explained_by_gradients(
    data_path: Path, tmp_path: Path, network: Any
) -> None:
    import keras
    from keras import layers

    inputs = keras.Input((48, 48, 1))
    x = layers.Conv2D(4, 3, strides=4)(layers.Rescaling(1 / 255)(inputs))
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(x))
    keras.Model(inputs, [outputs]).save(tmp_path / "flat.keras")  # a list of one output
    model, faces, _ = reference(tmp_path / "flat.keras", data_path)
    assert [m.name for m in methods_for(model)] == ["Grad-CAM", "occlusion"]
    found = explain(model, faces[:4], np.array([0, 1, 2, 0]), method="Grad-CAM")
    assert (found.method, found.maps.shape) == ("Grad-CAM", (4, 12, 12))
    assert (found.maps >= 0).all()


def test_logits_are_scored_as_probabilities(
    network: Any, keras_file: Path, data_path: Path, tmp_path: Path
) -> None:
    import keras

    keras.Model(network.inputs, network.layers[-2].output).save(tmp_path / "logits.keras")
    _, _, probabilities = reference(keras_file, data_path)
    _, _, scores = reference(tmp_path / "logits.keras", data_path)
    assert scores == pytest.approx(probabilities, abs=1e-6)
    sigmoid = keras.layers.Activation("sigmoid")(network.layers[-2].output)
    keras.Model(network.inputs, sigmoid).save(tmp_path / "sigmoid.keras")
    with pytest.raises(ConfigError, match="neither probabilities nor logits"):
        reference(tmp_path / "sigmoid.keras", data_path)


def test_labels_in_the_datas_order_that_cannot_be_are_refused(
    network: Any, data_path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import keras

    last = network.layers[-2]
    mixed = keras.models.clone_model(network)
    mixed.set_weights(network.get_weights())
    kernel, bias = last.get_weights()
    order = [2, 0, 1]
    mixed.layers[-2].set_weights([kernel[:, order], bias[order]])
    mixed.save(tmp_path / "mixed.keras")
    out = tmp_path / "own"
    assert quantize(tmp_path / "mixed.keras", data_path, out) == 78
    assert "as --labels neutral,happy,sad, " in capfd.readouterr().err
    assert quantize(tmp_path / "mixed.keras", data_path, out, "--labels", "neutral,happy,sad") == 0


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_sequential_network_is_taken_and_one_without_input_refused(
    tmp_path: Path, suffix: str
) -> None:
    use_tensorflow()
    import keras

    def layers() -> list[Any]:
        return [
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(7, activation="softmax"),
        ]

    whole = tmp_path / f"whole{suffix}"
    keras.Sequential([keras.Input((8, 8, 1)), *layers()]).save(whole)
    model = load_float(whole, USUAL, tuple("abcdefg"))
    np.testing.assert_allclose(model.predict(np.zeros((2, 8, 8), np.uint8)).sum(axis=1), 1, 1e-5)
    without = tmp_path / f"without{suffix}"
    keras.Sequential(layers()).save(without)
    with pytest.raises(ConfigError, match="allowed: one input and one output"):
        load_float(without, USUAL, tuple("abcdefg"))


def test_what_cannot_be_converted_is_said_and_leaves_nothing(
    network: Any, keras_file: Path, data_path: Path, tmp_path: Path, capfd: Any
) -> None:
    import keras

    inputs = keras.Input((48, 48, 1))
    x = keras.layers.Lambda(lambda t: t / 255, name="shrink")(inputs)
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(x))
    keras.Model(inputs, outputs).save(tmp_path / "sneaky.keras")
    bare = keras.Model(inputs, keras.layers.Softmax()(keras.layers.GlobalMaxPooling2D()(inputs)))
    bare.save(tmp_path / "bare.keras")
    cut = tmp_path / "cut.keras"
    cut.write_bytes(keras_file.read_bytes()[:-3000])
    out = tmp_path / "models" / "own"
    for model, more, code, words in (
        (tmp_path / "sneaky.keras", (), 78, "layer 'shrink' is a Lambda"),
        (cut, (), 78, "cut short"),
        (tmp_path / "bare.keras", (), 78, "at least 2 classes"),
        (keras_file, ("--labels", "woman,man"), 78, "3 outputs, but 2 labels"),
        (keras_file, ("--labels", "Happy!,Sad!,Neutral!"), 78, "manifest"),
        (tmp_path / "gone.keras", (), 66, "no such file"),
        (keras_file, ("--split", "private_test"), 66, "test (120)"),
    ):
        capfd.readouterr()
        assert quantize(model, data_path, out, *more) == code
        assert words in capfd.readouterr().err
        assert not out.exists()


@pytest.mark.parametrize(
    ("file", "task", "labels"),
    [
        ("fer2013_mini_XCEPTION.102-0.66.hdf5", "emotion", 7),
        ("gender_mini_XCEPTION.21-0.95.hdf5", "attribute", 2),
    ],
)
def test_published_models_convert_and_run(
    file: str, task: str, labels: int, data: Path, network: Any, tmp_path: Path
) -> None:
    out = tmp_path / "published"
    assert quantize(data / "keras" / file, data / "fer2013", out, "--truth", "labels") == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["task"], len(manifest["labels"])) == (task, labels)
    assert manifest["input"]["mean"] == 127.5
    if task == "emotion":
        assert 0.64 < manifest["metrics"]["float"]["accuracy"] < 0.67  # as published: 66 %
