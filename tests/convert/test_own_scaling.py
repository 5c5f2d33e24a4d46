"""What a Keras model's own first layers say of the range of its input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.load import load_float
from convert.model_options import RANGES, ModelOptions
from convert.own_scaling import takes_luma
from edge.errors import ConfigError
from tests.convert.train.networks import need_keras

need_keras()
import keras  # noqa: E402 - only where there is a backend

pytestmark = pytest.mark.slow
Rescaling, Normalization = keras.layers.Rescaling, keras.layers.Normalization
LABELS = ("happy", "neutral", "sad")


def saved(path: Path, *first: Any, channels: int = 1) -> Path:
    """Write a small network that begins with these layers."""
    x = inputs = keras.Input((8, 8, channels))
    for layer in first:
        x = layer(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
    keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x)).save(path)
    return path


def adapted(low: float, high: float) -> Any:
    layer = Normalization()
    layer.adapt(np.random.default_rng(1).uniform(low, high, (16, 8, 8, 1)).astype(np.float32))
    return layer


FOR_LUMA = {
    "to 0..1": lambda: [Rescaling(1 / 255)],
    "to -1..1": lambda: [Rescaling(1 / 127.5, offset=-1.0)],
    "negative": lambda: [Rescaling(-1 / 255, offset=1.0)],
    "as EfficientNet": lambda: [Rescaling(1 / 255), Normalization(mean=0.45, variance=0.05)],
    "in two steps": lambda: [Rescaling(1.0, offset=-128.0), Rescaling(1 / 128)],
    "mean of luma": lambda: [Normalization(mean=127.0, variance=4000.0)],
    "mean alone": lambda: [Normalization(mean=127.0, variance=1.0)],
    "by 255": lambda: [Normalization(mean=0.0, variance=255.0**2)],
    "adapted to luma": lambda: [adapted(0, 255)],
}
UNCLEAR = {
    "0..1 to -1..1": lambda: [Rescaling(2.0, offset=-1.0)],
    "as it is": lambda: [Rescaling(1.0)],
    "0..1 to 0..255": lambda: [Rescaling(255.0), Normalization(mean=127.0, variance=4000.0)],
    "mean of 0..1": lambda: [Normalization(mean=0.5, variance=0.06)],
    "nothing learnt": lambda: [Normalization()],
    "adapted to 0..1": lambda: [adapted(0, 1)],
    "adapted to -1..1": lambda: [adapted(-1, 1)],
    "16 bits": lambda: [Normalization(mean=30000.0, variance=1e8)],
    "the other way": lambda: [Normalization(mean=127.0, variance=4000.0, invert=True)],
}


@pytest.mark.parametrize("first", FOR_LUMA)
def test_layers_that_are_for_luma_need_no_range(first: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "own.keras", *FOR_LUMA[first]())
    found = load_float(path, classes=LABELS).input
    assert (found.mean, found.scale) == (0, 1)
    with pytest.raises(ConfigError, match=r"--range: got 0\.\.1; .* takes 0\.\.255"):
        load_float(path, ModelOptions(luma_range="0..1"), LABELS)


@pytest.mark.parametrize("first", UNCLEAR)
def test_layers_that_may_be_for_other_inputs_need_one(first: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "own.keras", *UNCLEAR[first]())
    with pytest.raises(ConfigError, match=r"begins with a \w+ layer .*; say .* --range, one of"):
        load_float(path, classes=LABELS)
    found = load_float(path, ModelOptions(luma_range="0..1"), LABELS).input
    assert (found.mean, found.scale) == RANGES["0..1"]


def test_each_of_three_channels_is_asked(tmp_path: Path) -> None:
    for means, luma in (([103.9, 116.8, 123.7], True), ([0.41, 0.46, 0.48], False)):
        layer = Normalization(mean=means, variance=[1.0] * 3)
        saved(tmp_path / "own.keras", layer, channels=3)
        assert takes_luma([layer]) is luma
    assert takes_luma([Rescaling([0.017, 0.0175, 0.0174], offset=[-2.1, -2.0, -1.8])])
