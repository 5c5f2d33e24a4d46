"""Averaging models: two short trainings from one beginning, as a user would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from convert.cli import main
from tests.convert.data.samples import mosaic
from tests.convert.train.networks import need_keras

need_keras()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the data `faces` and the trainings `a` and `b`."""
    root = tmp_path_factory.mktemp("average")
    mosaic(root / "faces", n=48)
    for name in ("a", "b"):
        assert train(root, name, "--seed", str(ord(name))) == 0
    return root


def train(root: Path, name: str, *more: str) -> int:
    base = ["train", str(root / "faces"), "--out", str(root / name), "--arch", "mini_xception"]
    short = ["--epochs", "1", "--warmup", "0.1", "--batch", "8", "--holdout", "0.3"]
    return main([*base, *short, *more])


def average(root: Path, out: Path, *models: str) -> int:
    paths = [str(root / m / "model.keras") for m in models]
    return main(["average", str(root / "faces"), *paths, "--out", str(out)])


def test_the_mean_of_the_weights_with_a_record(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    assert average(trained, tmp_path / "mean", "a", "b") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all("held-out loss" in line for line in lines)
    a, b, mean = (
        keras.saving.load_model(p / "model.keras").get_weights()
        for p in (trained / "a", trained / "b", tmp_path / "mean")
    )
    for x, y, z in zip(a, b, mean, strict=True):
        np.testing.assert_allclose(z, (x + y) / 2, atol=1e-6)
    record = json.loads((tmp_path / "mean" / "train.json").read_text())
    assert [r["name"] for r in record["averaged"]] == ["a/model.keras", "b/model.keras"]
    assert [r["seed"] for r in record["averaged"]] == [ord("a"), ord("b")]
    assert record["recipe"]["holdout"] == 0.3
    assert str(trained) not in json.dumps(record["averaged"])


def test_a_training_is_not_replaced_but_an_average_is(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(trained, "c", "--seed", "7") == 0
    before = {p.name: p.read_bytes() for p in (trained / "c").iterdir()}
    assert average(trained, trained / "c", "a", "b") == 65
    assert "is of a training, and would be replaced" in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in (trained / "c").iterdir()} == before
    for _ in range(2):
        assert average(trained, tmp_path / "mean", "a", "b") == 0
    mean = (tmp_path / "mean" / "model.keras").read_bytes()
    capsys.readouterr()
    assert train(tmp_path, "mean") == 65
    assert "model.keras: is there without state.npz of a training" in capsys.readouterr().err
    assert (tmp_path / "mean" / "model.keras").read_bytes() == mean


def test_models_that_do_not_belong_together(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mean"

    def fails(code: int, *models: str) -> str:
        assert average(trained, out, *models) == code
        assert not out.exists()
        return capsys.readouterr().err

    assert "got 1 model; allowed: 2 and more" in fails(64, "a")
    assert train(trained, "other", "--holdout", "0.4") == 0
    assert "holdout differs: 0.3, 0.4" in fails(78, "a", "other")
    assert train(trained, "edge", "--arch", "edge") == 0
    assert "not of the same architecture" in fails(78, "a", "edge")
    for text in ("{", '{"recipe": {"size": 48}}', "[]"):
        (trained / "edge" / "train.json").write_text(text)
        assert "train.json: not a record of training" in fails(78, "a", "edge")
    (trained / "edge" / "model.keras").unlink()
    assert "no such file" in fails(66, "a", "edge")
