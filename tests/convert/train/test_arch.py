from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert import arch
from convert.arch.blocks import layer_kinds
from tests.convert.train.networks import need_keras

need_keras()
import keras  # noqa: E402 - only where there is a backend


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("mini_xception", 57_000, 60_000),
        ("plain_cnn", 4.4e6, 4.6e6),
        ("edge", 1.2e6, 1.9e6),
        ("edge_wide", 2.7e6, 2.8e6),
    ],
)
def test_own_architectures_take_luma_and_give_probabilities(
    name: str, least: float, most: float
) -> None:
    network = arch.build(name, (48, 48), 7)
    assert least < network.count_params() < most
    assert any(type(layer).__name__ == "Rescaling" for layer in network.layers[:3])
    luma = np.full((2, 48, 48, 1), 255.0, np.float32)
    scores = np.asarray(keras.ops.convert_to_numpy(network(luma)))
    assert scores.shape == (2, 7)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


def test_mini_xception_has_a_penalty_where_it_had_one_in_effect_in_2017() -> None:
    network = arch.build("mini_xception", (48, 48), 7)
    assert len(network.losses) == 2  # the first two convolutions


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg16", "resnet50", "efficientnet_b0"])
def test_transfer_architectures_take_weights_from_a_file(name: str, tmp_path: Path) -> None:
    first = arch.build(name, (48, 48), 4)
    backbone = next(layer for layer in first.layers if hasattr(layer, "layers"))
    file = tmp_path / "backbone.weights.h5"
    backbone.save_weights(file)
    second = arch.build(name, (48, 48), 4, weights=file)
    again = next(layer for layer in second.layers if hasattr(layer, "layers"))
    for a, b in zip(backbone.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    luma = np.zeros((1, 48, 48, 1), np.float32)
    assert tuple(second(luma).shape) == (1, 4)
    file.write_bytes(b"no weights")
    with pytest.raises(OSError, match=f"not weights of {name}"):
        arch.build(name, (48, 48), 4, weights=file)


@pytest.mark.slow
def test_efficientnet_does_to_luma_what_its_published_weights_expect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Keras builds another network for ImageNet's weights by name than for none: its file is put in
    # the place of the download.
    file = tmp_path / "imagenet.weights.h5"
    bare = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(48, 48, 3)
    )
    normalisation = next(x for x in bare.layers if type(x).__name__ == "Normalization")
    own = [np.array(v, np.float32) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    normalisation.set_weights([*own, *normalisation.get_weights()[2:]])
    bare.save_weights(file)
    from keras.src.applications import efficientnet

    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *a, **k: str(file))
    published = keras.applications.EfficientNetB0(
        include_top=False, weights="imagenet", input_shape=(48, 48, 3)
    )
    assert len(published.layers) == len(bare.layers) + 1  # its second rescaling
    ours = arch.build("efficientnet_b0", (48, 48), 4, weights=file)
    backbone = next(layer for layer in ours.layers if hasattr(layer, "layers"))
    into = keras.Model(ours.inputs, ours.get_layer("channels").output)
    luma = np.random.default_rng(1).integers(0, 256, (2, 48, 48, 1)).astype(np.float32)
    expected = published.predict(np.repeat(luma, 3, axis=3), verbose=0)
    found = backbone.predict(into.predict(luma, verbose=0), verbose=0)
    assert expected.std() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * float(expected.std()))


def test_unknown_name_and_weights_without_a_backbone() -> None:
    with pytest.raises(ValueError, match="architecture: got 'lenet'; allowed: edge, edge_wide, "):
        arch.build("lenet", (48, 48), 7)
    with pytest.raises(ValueError, match="edge has no backbone; allowed with: vgg16"):
        arch.build("edge", (48, 48), 7, weights=Path("w.h5"))


@pytest.mark.parametrize("name", ["edge", "edge_wide", "mini_xception", "plain_cnn"])
def test_fast_layers_compute_what_plain_ones_do(name: str) -> None:
    if keras.backend.backend() != "torch":
        pytest.skip("fast layers exist on torch only; set KERAS_BACKEND=torch")
    fast, plain = arch.build(name, (48, 48), 7, fast=True), arch.build(name, (48, 48), 7)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (8, 48, 48, 1)).astype(np.float32)
    fast.compile(keras.optimizers.SGD(0.01), "categorical_crossentropy")
    for _ in range(3):
        fast.train_on_batch(x, np.eye(7, dtype=np.float32)[rng.integers(0, 7, 8)])
    plain.set_weights(fast.get_weights())
    np.testing.assert_allclose(fast.predict_on_batch(x), plain.predict_on_batch(x), atol=1e-5)


def test_fast_dropout_drops_its_share_differently_each_time() -> None:
    if keras.backend.backend() != "torch":
        pytest.skip("fast layers exist on torch only; set KERAS_BACKEND=torch")
    layer = layer_kinds(True).Dropout(0.25, seed=1)
    ones = np.ones((64, 24, 24, 16), np.float32)
    first, second = (keras.ops.convert_to_numpy(layer(ones, training=True)) for _ in range(2))
    assert set(np.unique(first)) == {0, np.float32(1 / 0.75)}
    assert np.mean(first == 0) == pytest.approx(0.25, abs=0.005)  # 7 standard deviations
    assert np.mean((first == 0) == (second == 0)) == pytest.approx(0.625, abs=0.01)
    again = layer_kinds(True).Dropout(0.25, seed=1)
    np.testing.assert_array_equal(first, keras.ops.convert_to_numpy(again(ones, training=True)))
    assert np.array_equal(keras.ops.convert_to_numpy(layer(ones)), ones)
