"""A manifest's `prior` is one probability a label, or the folder is refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.model.manifest import load_manifest
from tests.conftest import ROOT

TINY = ROOT / "tests" / "models" / "tiny-int8"


def folder_with(tmp_path: Path, prior: object) -> Path:
    out = tmp_path / "model"
    shutil.copytree(TINY, out)
    content = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**content, "prior": prior}))
    return out


def labels() -> list[str]:
    return list(load_manifest(TINY).labels)


def test_a_folder_without_one_still_loads() -> None:
    assert load_manifest(TINY).prior == {}


def test_one_that_fits_is_read(tmp_path: Path) -> None:
    even = {name: 1 / len(labels()) for name in labels()}
    assert load_manifest(folder_with(tmp_path, even)).prior == even


@pytest.mark.parametrize("wrong", ["a label too few", "a sum of two", "zero", "text"])
def test_one_that_does_not_fit_is_refused(tmp_path: Path, wrong: str) -> None:
    even = {name: 1 / len(labels()) for name in labels()}
    bad: dict[str, object] = {
        "a label too few": dict(list(even.items())[1:]),
        "a sum of two": {k: v * 1.9 for k, v in even.items()},
        "zero": {**even, labels()[0]: 0},
        "text": {**even, labels()[0]: "often"},
    }
    with pytest.raises(ConfigError, match=r"manifest\.json: .*prior"):
        load_manifest(folder_with(tmp_path, bad[wrong]))
