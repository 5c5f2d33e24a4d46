from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from convert.cli import main
from convert.evaluate.scorer import FolderScorer
from convert.evaluate.source import open_scorer
from convert.model_options import ModelOptions
from convert.train.begin import model_file
from convert.train.record import labels_beside, record_beside
from convert.train.runfile import absolute
from edge.model.manifest import find_model, load_manifest, sha256_of

SHIPPED = ("emotion", "fer2013")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_keras_files_are_those_of_their_manifests(name: str) -> None:
    file = model_file(name)
    assert file == find_model(name) / "model.keras"
    manifest = load_manifest(file.parent)
    about: Any = manifest.provenance["keras"]
    assert about["sha256"] == sha256_of(file)
    assert about["agreement"] > 0.99
    assert about["sha256"][:16] in (file.parent / "README.md").read_text(encoding="utf-8")


def test_a_name_is_that_of_the_shipped_model_wherever_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = model_file("emotion")
    (tmp_path / "emotion").mkdir()
    (tmp_path / "emotion" / "model.keras").touch()
    monkeypatch.chdir(tmp_path)
    assert model_file("emotion") == shipped
    assert model_file("./emotion") == Path("emotion/model.keras")
    assert absolute("teacher", ["emotion", "./emotion"]) == ["emotion", f"{tmp_path}/emotion"]
    scorer = open_scorer("emotion", ModelOptions(), ())
    assert isinstance(scorer, FolderScorer) and "happy" in scorer.labels


@pytest.mark.parametrize("name", SHIPPED)
def test_the_record_of_a_recovered_model_is_its_manifest(name: str, tmp_path: Path) -> None:
    file = model_file(name)
    manifest = load_manifest(file.parent)
    record = record_beside(file)
    assert record.labels == labels_beside(file) == tuple(manifest.labels)
    assert record.prior == manifest.prior and record.size == (48, 48)
    assert record.truth == manifest.metrics["truth_kind"]
    assert record.holdout == 0.05
    assert record.kept["recovered"] == manifest.provenance["keras"]
    other = tmp_path / "model.keras"
    shutil.copyfile(file.parent / "manifest.json", tmp_path / "manifest.json")
    other.write_bytes(file.read_bytes() + b"\0")
    assert labels_beside(other) is None  # another file in the same place


def test_only_what_can_be_recovered_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recover", "tests/models/tiny-int8", "--data", str(tmp_path)]) == 78
    assert "allowed: edge or edge_wide, int8" in capsys.readouterr().err


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of blobs, small ones `happy`, large ones `neutral`."""
    root = tmp_path_factory.mktemp("blobs")
    rng = np.random.default_rng(3)
    for split, n in (("train", 24), ("test", 12)):
        for name, radius in (("happy", 6), ("neutral", 18)):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(n):
                luma = rng.integers(0, 90, (48, 48), np.uint8)
                cv2.circle(luma, tuple(rng.integers(15, 33, 2).tolist()), radius, 230, -1)
                cv2.imwrite(str(folder / f"{i}.png"), luma)
    return root


@pytest.mark.slow
def test_a_recovered_network_scores_like_the_one_that_was_lost(
    faces: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from convert import arch
    from convert.data import open_dataset
    from convert.load import use_tensorflow
    from convert.recover import take_statistics, take_weights

    use_tensorflow()
    import keras

    keras.utils.set_random_seed(2)
    train = open_dataset(faces, (48, 48)).split("train")
    seen = train.faces()[..., None].astype(np.float32)
    lost = arch.build("edge", (48, 48), 2)
    lost.compile(keras.optimizers.SGD(0.02), "sparse_categorical_crossentropy")
    lost.fit(seen, train.labels, epochs=4, batch_size=16, verbose=0)
    run = tmp_path / "run"
    run.mkdir()
    lost.save(run / "model.keras")
    out = tmp_path / "own"
    command = ["quantize", str(run / "model.keras"), "--data", str(faces), "--out", str(out)]
    # The mirror image inside the model is the harder case: the body is recovered without it.
    command += ["--labels", "happy,neutral", "--max-shift", "1", "--max-moved", "1", "--flip"]
    command += ["--temperature", "1", "--min-agreement", "0", "--max-accuracy-drop", "1"]
    assert main([*command, "--max-f1-drop", "1", "--max-recall-drop", "1"]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["provenance"]["training"] = {"architecture": "edge"}
    (out / "manifest.json").write_text(json.dumps(manifest))
    before = "# own\n\n## The Keras file\n\nAnother one.\n\n## Last\n\nWords.\n"
    (out / "README.md").write_text(before)
    assert main(["recover", str(out), "--data", str(faces)]) == 0
    assert "recovered; on 24 faces the same class on" in capfd.readouterr().out
    card = (out / "README.md").read_text(encoding="utf-8")
    assert card.count("## The Keras file") == 1 and "Another one" not in card and "Words." in card
    assert labels_beside(out / "model.keras") == ("happy", "neutral")

    again = keras.saving.load_model(out / "model.keras")
    assert [w.shape for w in again.weights] == [w.shape for w in lost.weights]
    plain = arch.build("edge", (48, 48), 2)
    take_weights(plain, out / "model.tflite")
    scores = plain.predict(seen, verbose=0)
    assert np.abs(scores - lost.predict(seen, verbose=0)).max() < 0.1
    take_statistics(plain, train.faces())
    np.testing.assert_allclose(plain.predict(seen, verbose=0), scores, atol=1e-3)
    # Batches are normalised as faces at large: a training begins where the last one ended.
    norms = [la for la in plain.layers if isinstance(la, keras.layers.BatchNormalization)]
    probe = keras.Model(plain.inputs[0], [la.output for la in norms])
    for inference, training in zip(probe(seen), probe(seen, training=True), strict=True):
        np.testing.assert_allclose(np.asarray(inference), np.asarray(training), atol=2e-2)
