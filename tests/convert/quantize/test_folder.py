from __future__ import annotations

from pathlib import Path

import pytest

from convert.quantize.folder import staged, write
from edge.errors import ConfigError


def contents(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir()}


def good_model(out: Path) -> None:
    with staged(out) as folder:
        write(folder / "manifest.json", b"good")
        write(folder / "model.tflite", b"good")


def test_the_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "models" / "own"
    with staged(out) as folder:
        write(folder / "manifest.json", b"{}")
        assert not out.exists()
    assert contents(out) == {"manifest.json": "{}"}
    assert list(out.parent.iterdir()) == [out]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged(tmp_path / "own") as folder:
        write(folder / "model.tflite", b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failure_does_not_harm_the_model_before(tmp_path: Path) -> None:
    out = tmp_path / "own"
    good_model(out)
    with pytest.raises(RuntimeError), staged(out) as folder:
        write(folder / "manifest.json", b"bad")
        raise RuntimeError
    assert contents(out) == {"manifest.json": "good", "model.tflite": "good"}
    assert list(tmp_path.iterdir()) == [out]


def test_a_better_model_replaces_the_one_before(tmp_path: Path) -> None:
    out = tmp_path / "own"
    good_model(out)
    with staged(out) as folder:
        write(folder / "manifest.json", b"better")
    assert contents(out) == {"manifest.json": "better"}
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="no model folder"), staged(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_what_others_put_there_stays(tmp_path: Path) -> None:
    out = tmp_path / "own"
    good_model(out)
    (out / "notes.md").write_text("mine")
    (out / "model.onnx").write_text("of the old model")
    (out / "weights.npz").write_text("old")
    (out / "more").mkdir()
    (out / "more" / "README.md").write_text("mine too")
    (out / "gone").symlink_to("nowhere")
    with staged(out) as folder:
        write(folder / "manifest.json", b"better")
        write(folder / "weights.npz", b"new")
    assert (out / "more" / "README.md").read_text() == "mine too"
    (out / "more" / "README.md").unlink()
    (out / "more").rmdir()
    (out / "gone").unlink()  # a link stays a link
    assert contents(out) == {"manifest.json": "better", "notes.md": "mine", "weights.npz": "new"}
    assert list(tmp_path.iterdir()) == [out]
