"""Who names a model's outputs, and orders that cannot be right."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from convert.data.dataset import EMOTIONS
from convert.evaluate.source import open_scorer
from convert.labels import DATA, GIVEN, RECORDED, check_device_labels, likelier_order, output_names
from convert.model_options import ModelOptions
from edge.errors import ConfigError
from edge.model.manifest import find_model, load_manifest

MODEL = Path("runs/own/model.keras")
OWN = ("angry", "happy", "sad", "neutral")
OTHER = ("disgust", "fear", "surprise", "neutral")
KDEF = ("fear", "angry", "disgust", "happy", "neutral", "sad", "surprise")


def names(outputs: int = 4, **said):
    usual = {"given": None, "recorded": None, "published": None, "classes": OTHER}
    return output_names(MODEL, outputs, **{**usual, **said})


def test_the_record_beside_a_model_comes_before_the_data() -> None:
    found = names(recorded=OWN)
    assert (found.labels, found.origin) == (OWN, RECORDED)


def test_the_order_of_sources() -> None:
    assert names(given="a, b,c ,d").origin == GIVEN
    assert names(given="a,b,c,d").labels == ("a", "b", "c", "d")
    assert names(published=OWN).labels == OWN
    assert names().origin == DATA


def test_sources_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="--labels names its outputs a, b, c, d; the record"):
        names(given="a,b,c,d", recorded=OWN)
    with pytest.raises(ConfigError, match="allowed: the same names in both"):
        names(recorded=OWN, published=OTHER)
    assert names(given=",".join(OWN), recorded=OWN).labels == OWN


def test_labels_that_contradict_a_model_folder_are_refused() -> None:
    folder = find_model("emotion")
    for path in ("emotion", str(folder / "model.tflite")):
        with pytest.raises(ConfigError, match="--labels names its outputs angry, happy; the rec"):
            open_scorer(path, ModelOptions(labels="angry,happy"), ())
    labels = load_manifest(folder).labels
    same = open_scorer("emotion", ModelOptions(labels=", ".join(labels)), ())
    assert list(same.labels) == labels


def test_names_that_only_the_data_gives_are_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        names()
    assert "does not name its outputs; taken to be disgust, fear" in caplog.text


def test_too_few_and_doubled_names() -> None:
    with pytest.raises(ConfigError, match=r"7 outputs, but 4 labels from the data .*--labels A,B"):
        names(7)
    with pytest.raises(ConfigError, match="different names"):
        names(given="a,a,b,c")


def matrix(order: tuple[str, ...], *, accuracy: float, n: int = 700, seed: int = 3) -> np.ndarray:
    """Return the confusion of a model whose outputs are in `order`, named as EMOTIONS."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 7, n)
    said = np.where(rng.random(n) < accuracy, truth, rng.integers(0, 7, n))
    output = np.array([order.index(EMOTIONS[c]) for c in said])
    return np.bincount(truth * 7 + output, minlength=49).reshape(7, 7)


def test_another_order_is_found() -> None:
    found = likelier_order(matrix(KDEF, accuracy=0.6), EMOTIONS)
    assert found is not None
    order, now, then = found
    assert order == KDEF
    assert now < 0.3 < 0.55 < then


def test_two_swapped_names_are_found() -> None:
    swapped = ("angry", "disgust", "fear", "sad", "happy", "surprise", "neutral")
    found = likelier_order(matrix(swapped, accuracy=0.9), EMOTIONS)
    assert found is not None and found[0] == swapped


@pytest.mark.parametrize("accuracy", [0.0, 0.1, 0.3, 0.9])
def test_the_right_order_is_left_alone_however_bad_the_model(accuracy: float) -> None:
    for seed in range(5):
        assert likelier_order(matrix(EMOTIONS, accuracy=accuracy, seed=seed), EMOTIONS) is None


def test_a_model_that_always_says_one_thing_is_no_other_order() -> None:
    always = np.zeros((7, 7), int)
    always[:, 2] = [10, 5, 5, 80, 20, 20, 60]
    assert likelier_order(always, EMOTIONS) is None


def test_few_faces_prove_nothing() -> None:
    assert likelier_order(matrix(KDEF, accuracy=1.0, n=20), EMOTIONS) is None


@pytest.mark.parametrize("name", ["fröhlich", "0", "Happy", "", "a" * 33, "喜"])
def test_class_names_that_a_device_cannot_hold(name: str) -> None:
    with pytest.raises(ConfigError, match="faces: class"):
        check_device_labels(("sad", name), "faces")
    check_device_labels(("sad", "happy 2", "a_b-c"), "faces")
