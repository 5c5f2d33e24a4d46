"""`emotion-convert` as a user calls it, on the shipped model; nothing here needs TensorFlow."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from convert.cli import main
from convert.data import open_dataset
from edge.classify import Model
from tests.conftest import ROOT
from tests.convert.data import samples

MODEL = ROOT / "models" / "emotion"
needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed"
)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    return samples.mosaic(tmp_path / "faces", n=14, n_test=30)


def run_json(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> dict[str, Any]:
    assert main([str(a) for a in argv]) == 0
    out: dict[str, Any] = json.loads(capsys.readouterr().out)
    return out


def fails(capsys: pytest.CaptureFixture[str], code: int, *argv: str | Path) -> str:
    assert main([str(a) for a in argv]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_evaluate_prints_json_and_nothing_else(
    faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run_json(capsys, "evaluate", MODEL, faces, "--json", "--robustness", "5")
    assert found["data"]["faces"] == 30
    assert found["data"]["split"] == "public_test"
    assert sum(sum(row) for row in found["confusion"]) == found["counted"]
    assert found["accuracy_ci95"][0] <= found["accuracy"] <= found["accuracy_ci95"][1]
    assert set(found["raters"]["spearman_per_class"]) == set(found["per_class"])
    kinds = {row["corruption"] for row in found["robustness"]}
    assert kinds == {
        "none", "shift", "scale", "rotation", "blur", "darkness", "noise", "occlusion",
        "width", "left hidden", "lower hidden", "upper hidden",
    }  # fmt: skip


def test_truth_is_more_than_half_of_the_votes_and_at_least_five(
    faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (faces / "labels.csv").open() as f:
        rows = [r for r in csv.DictReader(f) if r["split"] == "public_test"]
    emotions = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    votes = np.array([[int(r[f"votes_{e}"]) for e in emotions] for r in rows])
    counts = (votes.max(axis=1) * 2 > votes.sum(axis=1)) & (votes.max(axis=1) >= 5)
    found = run_json(capsys, "evaluate", MODEL, faces, "--json", "--robustness", "0")
    assert found["counted"] == int(counts.sum()) == found["against"]["votes"]["counted"]
    assert found["against"]["labels"]["counted"] == 30
    labels = run_json(
        capsys, "evaluate", MODEL, faces, "--json", "--robustness", "0", "--truth", "labels"
    )
    assert labels["accuracy"] == found["against"]["labels"]["accuracy"]


def test_the_depth_index_holds_what_the_device_would_say(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "scores.csv"
    found = run_json(
        capsys, "evaluate", MODEL, faces, "--json", "--robustness", "0", "--csv", table
    )
    with table.open() as f:
        rows = list(csv.DictReader(f))
    model = Model(MODEL)
    test = open_dataset(faces).split("public_test")
    for row, name, face in zip(rows, test.names, test.faces(), strict=True):
        scores = model.infer(face)
        assert row["file"] == name
        assert row["predicted"] == model.labels[int(scores.argmax())]
        assert [row[n] for n in model.labels] == [f"{s:.2f}" for s in scores]
    known = [r for r in rows if r["true"]]
    right = sum(r["true"] == r["predicted"] for r in known)
    assert found["accuracy"] == pytest.approx(right / len(known), abs=1e-6)


@needs_matplotlib
def test_the_report_is_one_page_that_loads_nothing(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, charts = tmp_path / "report.html", tmp_path / "charts"
    argv = ["evaluate", MODEL, faces, "--html", page, "--pictures", charts, "--robustness", "4"]
    assert main([str(a) for a in argv]) == 0
    text = page.read_text()
    assert "http" not in text
    assert text.count("data:image/png;base64,") >= 4
    names = {"confusion.png", "reliability.png", "raters.png", "robustness.png"}
    assert {p.name for p in charts.iterdir()} >= names
    assert all(cv2.imread(str(p)) is not None for p in charts.iterdir())


def test_a_single_tflite_file_is_judged_like_its_folder(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loose = tmp_path / "alone.tflite"
    loose.write_bytes((MODEL / "model.tflite").read_bytes())
    folder = run_json(capsys, "evaluate", MODEL, faces, "--json", "--robustness", "0")
    alone = run_json(capsys, "evaluate", loose, faces, "--json", "--robustness", "0")
    assert alone["confusion"] == folder["confusion"]
    assert alone["log_loss"] == folder["log_loss"]


def test_folders_of_four_classes_are_judged_by_a_model_of_seven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k, name in enumerate(("angry", "happy", "sad", "surprise")):
        folder = tmp_path / "test" / name
        folder.mkdir(parents=True)
        for i, face in enumerate(samples.faces(3, seed=k)):
            cv2.imwrite(str(folder / f"{i}.png"), face)
    found = run_json(capsys, "evaluate", MODEL, tmp_path, "--json", "--robustness", "0")
    assert found["counted"] == 12
    assert found["per_class"]["fear"]["support"] == 0
    assert found["per_class"]["happy"]["support"] == 3
    assert found["confusion"][0] != [0] * 7


def test_compare_counts_what_the_shipped_model_costs(
    faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert")
    found = run_json(capsys, "compare", MODEL, MODEL, "--data", faces, "--rounds", "2", "--json")[
        "models"
    ]
    first, again = found
    assert first["bytes"] == (MODEL / "model.tflite").stat().st_size
    assert first["multiply_adds"] == again["multiply_adds"] > first["parameters"] > 0
    assert first["against"] == again["against"]
    assert first["latency_us"] > 0
    assert first["cpu_ratio"] == 1


def test_compare_as_markdown(faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert")
    argv = ["compare", MODEL, "--data", faces, "--rounds", "1", "--markdown"]
    assert main([str(a) for a in argv]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert len({line.count("|") for line in lines}) == 1


def test_explain_draws_the_faces_chosen(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "maps.png"
    argv = ["explain", MODEL, faces, "--out", out, "--each", "2", "--truth", "labels"]
    assert main([str(a) for a in argv]) == 0
    assert "occlusion" in capsys.readouterr().out
    picture = cv2.imread(str(out))
    assert picture.shape == (7 * (96 + 30 + 6), 2 * (2 * 96 + 6), 3)


@needs_matplotlib
def test_inspect_makes_a_page(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "data.html"
    found = run_json(capsys, "inspect", faces, "--html", page, "--json")
    assert found["identical_across_splits"] == 1
    assert "Identical faces in more than one split" in page.read_text()


def test_missing_things_are_named(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    assert str(gone) in fails(capsys, 66, "evaluate", MODEL, gone)
    assert "gone.keras" in fails(capsys, 66, "evaluate", tmp_path / "gone.keras", faces)
    assert "gone.tflite" in fails(capsys, 66, "evaluate", tmp_path / "gone.tflite", faces)
    words = fails(capsys, 66, "evaluate", "nosuch", faces)
    assert "nosuch: no such file or folder; allowed: a path, or one of emotion, fer2013" in words
    words = fails(capsys, 66, "evaluate", MODEL, faces, "--split", "validation")
    assert "public_test (30)" in words


def test_a_folder_without_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path) in fails(capsys, 65, "evaluate", MODEL, tmp_path)
    assert str(tmp_path) in fails(capsys, 65, "inspect", tmp_path)


def test_wrong_labels_for_a_tflite(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loose = tmp_path / "alone.tflite"
    loose.write_bytes((MODEL / "model.tflite").read_bytes())
    words = fails(capsys, 78, "evaluate", loose, faces, "--labels", "woman,man")
    assert "2 labels from --labels (woman, man)" in words


def test_a_model_cut_short(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut.tflite"
    cut.write_bytes((MODEL / "model.tflite").read_bytes()[:5000])
    assert str(cut) in fails(capsys, 78, "evaluate", cut, faces)
    keras = tmp_path / "cut.keras"
    keras.write_bytes(b"PK\x03\x04 and nothing more")
    assert "cut short" in fails(capsys, 78, "evaluate", keras, faces)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--temperature", "hot"), ("--temperature", "99"), ("--holdout", "2"), ("--calibration", "0")],
)
def test_options_of_quantize_are_checked_first(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = fails(
        capsys, 64, "quantize", "m.keras", "--data", "d", "--out", tmp_path / "own", option, value
    )
    assert option in words
    assert value in words


@pytest.mark.parametrize(
    "argv",
    [
        ("evaluate", MODEL, "d", "--seed", "-1"),
        ("explain", MODEL, "d", "--out", "o.png", "--seed", "-1"),
        ("inspect", "d", "--seed", "-1"),
        ("quantize", "m.keras", "--data", "d", "--out", "o", "--seed", "-1"),
        ("evaluate", MODEL, "d", "--html", "no/such/folder.html"),
        ("explain", MODEL, "d", "--out", "no/such/folder.png"),
    ],
)
def test_what_can_be_known_before_is_said_before(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    words = fails(capsys, 64, *argv)
    assert "-1; allowed: 0 and above" in words or "there is no folder no/such" in words


def test_options_that_a_model_contradicts(faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = fails(capsys, 78, "evaluate", MODEL, faces, "--range", "0..1")
    assert "--range: got 0..1;" in words and "takes 0..255; allowed: that, or" in words
    words = fails(capsys, 78, "evaluate", MODEL, faces, "--margin", "0.5")
    assert "--margin: got 0.5;" in words and "was made for 0," in words
    pytest.importorskip("ai_edge_litert")
    argv = ("compare", MODEL, "fer2013", "--rounds", "1", "--range", "0..1", "--margin", "0.5")
    assert main([str(a) for a in argv]) == 0  # for one of several that does not say


def test_nothing_is_written_over_what_it_is_made_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, photos = tmp_path / "run", tmp_path / "photos.npz"
    run.mkdir()
    for path in (model := run / "model.keras", photos):
        path.write_bytes(b"weeks of work")
    again = tmp_path / "again"
    again.symlink_to(run)
    for argv in (
        ["quantize", model, "--data", "d", "--out", run],
        ["quantize", again / "model.keras", "--data", "d", "--out", run],
        ["average", "d", model, tmp_path / "b" / "model.keras", "--out", again],
        ["label-state", photos, "--teachers", "t", "--out", photos],
    ):
        assert "--out: got" in fails(capsys, 64, *argv)
    assert model.read_bytes() == photos.read_bytes() == b"weeks of work"


@pytest.mark.parametrize(
    "argv", [["nosuch"], [], ["evaluate"], ["train", "d", "--out", "o", "--epochs", "many"]]
)
def test_a_command_line_that_makes_no_sense_is_usage(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 64
    assert "usage: emotion-convert" in capsys.readouterr().err
    assert main(["evaluate", "--help"]) == 0


def test_two_models_on_the_same_faces_are_said_to_differ_or_not(
    faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("scipy")
    found = run_json(
        capsys, "compare", MODEL, "fer2013", MODEL, "--data", faces, "--rounds", "1", "--json"
    )
    rows = {(d["against"], d["truth"]): d for d in found["differences"]}
    same = str(MODEL)  # two are called emotion: they go by their paths
    assert set(rows) == {(m, t) for m in ("fer2013", same) for t in ("votes", "labels")}
    assert rows[same, "labels"]["accuracy"] == 0
    assert (rows[same, "labels"]["p"], rows[same, "labels"]["differ"]) == (1.0, False)
    first, second, _ = found["models"]
    gap = second["against"]["labels"]["accuracy"] - first["against"]["labels"]["accuracy"]
    assert rows["fer2013", "labels"]["accuracy"] == pytest.approx(gap, abs=1e-5)


@pytest.mark.parametrize("prior", ["often", "[1]", '{"happy": "often"}'])
def test_a_prior_that_is_none(prior: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = fails(capsys, 64, "evaluate", MODEL, "nowhere", "--prior", prior)
    assert "--prior: got" in words
