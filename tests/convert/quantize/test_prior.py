"""The prior of a model's training goes into its manifest, by the record of that training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from convert.cli import main
from convert.data import open_dataset
from convert.train.prepare import prepare
from edge.model.manifest import load_manifest
from tests.conftest import ROOT
from tests.convert.data.samples import mosaic


@pytest.fixture
def model(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "models" / "emotion", tmp_path / "emotion")
    return tmp_path / "emotion"


def test_it_is_what_the_network_learnt_from(model: Path, tmp_path: Path) -> None:
    faces = mosaic(tmp_path / "faces", n=60)
    recipe = load_manifest(model).provenance["training"]["recipe"]
    assert main(["prior", str(model), str(faces)]) == 0
    found = load_manifest(model).prior
    train, _, _ = prepare(open_dataset(faces), votes=recipe["votes"], holdout=recipe["holdout"])
    weighted = (train.targets * train.weights[:, None]).sum(axis=0)
    np.testing.assert_allclose(list(found.values()), weighted / weighted.sum(), atol=1e-5)
    assert tuple(found) == tuple(load_manifest(model).labels)


def test_a_dry_run_and_other_classes_write_nothing(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = mosaic(tmp_path / "faces", n=60)
    before = (model / "manifest.json").read_bytes()
    assert main(["prior", str(model), str(faces), "--dry-run"]) == 0
    assert sum(json.loads(capsys.readouterr().out).values()) == pytest.approx(1, abs=1e-5)
    assert (model / "manifest.json").read_bytes() == before
    content = json.loads(before)
    content["provenance"]["training"] = {"recipe": 3}
    (model / "manifest.json").write_text(json.dumps(content))
    assert main(["prior", str(model), str(faces)]) == 78
    assert "no record of training" in capsys.readouterr().err


def test_of_a_model_without_a_record_the_labels_are_counted(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = json.loads((model / "manifest.json").read_bytes())
    del content["provenance"]["training"]
    (model / "manifest.json").write_text(json.dumps(content))
    assert main(["prior", str(model), str(mosaic(tmp_path / "faces", n=60))]) == 0
    # The class of face k is k modulo 7: of 60, four classes have 9 and three 8.
    assert load_manifest(model).prior["angry"] == 0.15
    assert load_manifest(model).prior["neutral"] == round(8 / 60, 6)
    assert "no record of training" in caplog.text


@pytest.mark.parametrize("name", ["emotion", "fer2013"])
def test_the_shipped_models_say_how_they_were_trained(name: str) -> None:
    prior = load_manifest(ROOT / "models" / name).prior
    assert sum(prior.values()) == pytest.approx(1, abs=1e-4)
    assert prior["disgust"] == min(prior.values()) and prior["disgust"] < 0.03


def test_of_a_shipped_model_and_a_folder_of_its_name_neither_is_written_to(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(model.parent)
    faces = str(mosaic(tmp_path / "faces", n=60))
    shipped = (ROOT / "models" / "emotion" / "manifest.json").read_bytes()
    assert main(["prior", "emotion", faces]) == 64
    assert "allowed: ./emotion, or" in capsys.readouterr().err
    assert (model / "manifest.json").read_bytes() == shipped
    assert main(["prior", "./emotion", faces]) == 0
    assert (model / "manifest.json").read_bytes() != shipped
    assert (ROOT / "models" / "emotion" / "manifest.json").read_bytes() == shipped
