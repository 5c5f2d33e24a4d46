"""A real, tiny training: stops, goes on, is quantised behind its gate and evaluated."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tests.convert.state.samples import data_folder

pytest.importorskip("keras")


def test_the_likelihood_by_hand() -> None:
    from convert.state.loss import likelihood_loss
    from convert.state.outputs import N

    true = np.full((1, N), np.nan, np.float32)
    true[0, 0] = 1.0
    said = np.zeros((1, 2 * N), np.float32)  # sigma is 1
    assert float(likelihood_loss(true, said)) == pytest.approx(2**0.5)
    assert float(likelihood_loss(np.full((1, N), np.nan, np.float32), said)) == 0.0


def test_a_narrower_network_takes_the_units_that_say_most() -> None:
    from convert.state.network import Shape, build, narrowed

    wide = build(Shape(size=32, stem=4, blocks=((8, 2),), dense=6))
    weights = wide.get_weights()
    weights[-2][2] = 0.0  # the third unit says nothing
    few = build(Shape(size=32, stem=4, blocks=((8, 2),), dense=5))
    few.set_weights(narrowed(weights, 5))
    wide.set_weights(weights)
    x = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(few(x)), np.asarray(wide(x)), atol=1e-4)


@pytest.mark.slow
def test_train_stop_go_on_quantise_and_evaluate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow")
    from convert.cli import main
    from convert.detector.checkpoint import HISTORY
    from convert.state.augment import Recipe
    from convert.state.faces import held_out, read_faces
    from convert.state.network import Shape
    from convert.state.train import Plan, train
    from edge.errors import ConfigError
    from edge.model.manifest import load_manifest

    folder = data_folder(tmp_path / "data")
    monkeypatch.setattr("convert.state.evaluate.WIDTHS", (24,))
    monkeypatch.setattr("convert.state.evaluate.CONDITIONS", ("dark", "mask"))
    faces = read_faces(folder, folder / "photo_labels.npz")
    used = faces.take(~held_out(faces))
    shape = Shape(size=32, stem=8, blocks=((16, 2), (16, 2)), dense=16)
    plan = Plan(steps=60, batch=16, report_every=20, warmup=5, averaging=0.9)
    recipe = Recipe(size=32, spoilt=0.0, dark=0.0, low=0.0, turned=0.0)
    run, said = tmp_path / "run", []
    seen = iter(range(1000))
    train(
        plan, shape, recipe, used, run, data={}, say=said.append, stopping=lambda: next(seen) == 25
    )
    assert json.loads((run / "run.json").read_text())["done"]["steps"] == 25
    train(plan, shape, recipe, used, run, data={}, say=said.append)
    rows = [json.loads(line) for line in (run / HISTORY).read_text().splitlines()]
    assert [row["step"] for row in rows] == [20, 40, 60]
    assert rows[-1]["loss"] < rows[0]["loss"]
    with pytest.raises(ConfigError, match=r"shape\.stem 8; got 24"):
        train(plan, replace(shape, stem=24), recipe, used, run, data={}, say=said.append)

    data = ["--data", str(folder), "--photo-labels", str(folder / "photo_labels.npz")]
    out = tmp_path / "state"
    argv = ["quantize-state", str(run), *data, "--out", str(out)]
    assert main([*argv, "--most-apart", "0.0001"]) == 65
    assert "int8 and float are" in capsys.readouterr().err
    assert not out.exists()
    monkeypatch.setattr("convert.state.quantize.SAME_TOLD", 0.0)
    assert main([*argv, "--most-apart", "5", "--onnx"]) == 0
    manifest = load_manifest(out)
    written = sha256((out / "model.onnx").read_bytes()).hexdigest()
    assert manifest.provenance["onnx"]["sha256"] == written
    assert "| `model.onnx` | the float model" in (out / "README.md").read_text()
    assert manifest.task == "state"
    assert [o.name for o in manifest.outputs][:3] == ["yaw", "pitch", "roll"]
    figures = tmp_path / "figures.json"
    chart = ["--picture", str(tmp_path / "risk.png")] if _charts() else []
    assert main(["evaluate-state", str(out), *data, "--json", str(figures), *chart]) == 0
    verdict = json.loads(figures.read_text())
    assert {b["what"] for b in verdict["bars"]} >= {"bytes", "mouth, yawns, AUC"}
    assert verdict["by_condition"]["dark"]["faces"] > 0
    if chart:
        before, weights = load_manifest(out), (out / "weights.npz").read_bytes()
        again = ["quantize-state", str(out), *data, "--out", str(out)]  # the model folder itself
        assert main([*again, "--most-apart", "5", "--figures", str(figures)]) == 0
        after = load_manifest(out)
        assert (after.outputs, after.provenance["training"]) == (
            before.outputs, before.provenance["training"],
        )  # fmt: skip
        assert (out / "weights.npz").read_bytes() == weights
        assert "| dark |" in (out / "README.md").read_text()


def _charts() -> bool:
    import importlib.util

    return importlib.util.find_spec("matplotlib") is not None
