"""The table of architectures: made once, and not again when it is called again."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from benchmarks import architectures
from convert.arch import NAMES
from convert.cli import main
from tests.convert.data.samples import mosaic


def test_every_architecture_has_a_row() -> None:
    assert set(architectures.RECIPES) == set(NAMES)


def test_what_is_tried_out_is_not_published(tmp_path: Path) -> None:
    for option in (("--limit", "9"), ("--epochs", "1"), ("--only", "edge"), ("--size", "32x32")):
        with pytest.raises(SystemExit, match="--publish: not with"):
            architectures.main([str(tmp_path), "--out", str(tmp_path), "--publish", *option])
    with pytest.raises(SystemExit, match="--only: got lenet; allowed: edge, "):
        architectures.main([str(tmp_path), "--out", str(tmp_path), "--only", "lenet"])
    with pytest.raises(SystemExit, match="--jobs: got 0; allowed: 1 and above"):
        architectures.main([str(tmp_path), "--out", str(tmp_path), "--jobs", "0"])
    with pytest.raises(SystemExit, match="has no vgg16_weights"):
        architectures.main([str(tmp_path), "--out", str(tmp_path), "--weights", str(tmp_path)])


def test_trainings_go_on_at_a_time_and_without_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=60)
    trained = []

    def begun(*argv: str) -> str:
        both.wait()  # breaks, unless a second one is there at the same time
        trained.append(argv[argv.index("--arch") + 1])
        return ""

    monkeypatch.setattr(architectures, "convert", begun)
    names = ["edge", "mini_xception"]
    architectures.main(
        [str(tmp_path / "faces"), "--out", str(tmp_path), "--only", *names, "--jobs", "2",
         "--train-only"]
    )  # fmt: skip
    assert sorted(trained) == names and not (tmp_path / "table.json").exists()

    def failed(*argv: str) -> str:
        raise SystemExit(66)

    monkeypatch.setattr(architectures, "convert", failed)
    with pytest.raises(SystemExit) as e:
        architectures.main([str(tmp_path / "faces"), "--out", str(tmp_path), "--jobs", "3"])
    assert e.value.code == 66


@pytest.mark.slow
def test_a_table_and_called_again_no_second_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for needed in ("tensorflow", "keras"):
        pytest.importorskip(needed)

    def in_this_process(*argv: str) -> str:  # each would begin by importing TensorFlow
        capfd.readouterr()
        assert main(argv) == 0
        calls.append(argv[0])
        return capfd.readouterr().out

    calls: list[str] = []
    monkeypatch.setattr(architectures, "convert", in_this_process)
    data, out = mosaic(tmp_path / "tiny", n=48, n_test=12), tmp_path / "out"
    argv = [str(data), "--out", str(out), "--only", "mini_xception", "--limit", "40",
            "--epochs", "1", "--size", "32x32", "--rounds", "2"]  # fmt: skip
    architectures.main(argv)
    (row,) = json.loads((out / "table.json").read_text())
    assert set(row) == {key for key, _ in architectures.COLUMNS}
    assert (row["data"], row["name"], row["epochs"]) == ("tiny", "mini_xception", 1)
    assert row["parameters"] > 50_000 and row["bytes"] > 50_000 and row["multiply_adds"] > 100_000
    assert 0 <= row["accuracy"] <= 1 and row["latency_us"] > 0
    files = {p: p.stat().st_mtime_ns for p in (out / "tiny").glob("**/model.*")}
    assert len(files) == 2
    architectures.main(argv)
    assert {p: p.stat().st_mtime_ns for p in files} == files
    assert calls == ["train", "quantize", "compare", "train", "compare"]
    assert "mini_xception" in capfd.readouterr().out
