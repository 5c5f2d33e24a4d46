"""A classifier folder: loaded, checked, fed as its manifest says."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from edge.classify import Model
from edge.errors import ConfigError
from edge.geometry import Box, Points
from edge.model.tflite import dequantise
from tests.edge.classify.rig import MODELS, spoilt

TINY = ["tiny-float", "tiny-int8", "tiny-rgb"]


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize(("luma", "label"), [(10, "dark"), (127, "grey"), (245, "bright")])
def test_a_model_is_fed_as_its_manifest_says(name: str, luma: int, label: str) -> None:
    model = Model(MODELS / name)
    scores = model.infer(np.full((16, 16), luma, np.uint8))
    assert model.labels[int(scores.argmax())] == label
    assert scores.dtype == np.float32
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_int8_and_float_say_the_same() -> None:
    exact, quantised = Model(MODELS / "tiny-float"), Model(MODELS / "tiny-int8")
    for luma in range(0, 256, 15):
        face = np.full((16, 16), luma, np.uint8)
        assert np.abs(exact.infer(face) - quantised.infer(face)).max() < 0.05


def test_dequantising_needs_no_model() -> None:
    values = np.array([-128, 0, 127], np.int8)
    assert dequantise(values, 1 / 256, -128).tolist() == pytest.approx([0, 0.5, 255 / 256])


def eyes(degrees: float) -> Points:
    a = math.radians(degrees)
    return (150, 100), (150 + 30 * math.cos(a), 100 + 30 * math.sin(a))


def test_only_heads_tilted_by_ten_degrees_and_more_are_turned() -> None:
    model, box = Model(MODELS / "tiny-int8"), Box(100, 60, 80, 96)
    noise = np.random.default_rng(3).integers(0, 255, (240, 320), np.uint8)
    plain = model.crop(noise, box)
    for degrees in (0, 9, -9.9, 75):
        np.testing.assert_array_equal(model.crop(noise, box, eyes(degrees)), plain)
    for degrees in (10.1, -30):
        assert (model.crop(noise, box, eyes(degrees)) != plain).any()


def test_a_truncated_model_is_named_with_both_checksums(tmp_path: Path) -> None:
    folder = spoilt(tmp_path)
    whole = (folder / "model.tflite").read_bytes()
    (folder / "model.tflite").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match=r"model\.tflite: sha256 is [0-9a-f]{64}, the manifest"):
        Model(folder)


def test_a_truncated_model_with_a_matching_checksum_is_refused_by_the_runtime(
    tmp_path: Path,
) -> None:
    import hashlib

    folder = spoilt(tmp_path)
    half = (folder / "model.tflite").read_bytes()[:200]
    (folder / "model.tflite").write_bytes(half)
    folder = folder.rename(tmp_path / "half")
    text = json.loads((folder / "manifest.json").read_text())
    text["sha256"] = hashlib.sha256(half).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(ConfigError, match=r"half/model\.tflite: .* cannot run it"):
        Model(folder)


def test_a_wrong_label_count_is_refused(tmp_path: Path) -> None:
    folder = spoilt(tmp_path, labels=["a", "b"])
    with pytest.raises(ConfigError, match=r"output is \[\(1, 3\)\], the manifest has 2 labels"):
        Model(folder)


def test_another_input_size_than_the_manifest_says_is_refused(tmp_path: Path) -> None:
    spec = {"width": 48, "height": 48, "mean": 127.5, "scale": 1 / 127.5}
    with pytest.raises(ConfigError, match=r"input is \(1, 16, 16, 1\), the manifest says"):
        Model(spoilt(tmp_path, input=spec))


def test_a_detector_is_not_a_classifier(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="task is face"):
        Model(spoilt(tmp_path, task="face"))
