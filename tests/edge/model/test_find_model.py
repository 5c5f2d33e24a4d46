"""Which folder a model's name or path means."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.model.manifest import find_model
from tests.conftest import ROOT

TINY = ROOT / "tests" / "models" / "tiny-int8"


def test_a_folder_where_somebody_works_does_not_take_the_place_of_a_shipped_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TINY, "emotion")
    shutil.copytree(TINY, "own")
    assert find_model("emotion").resolve() == ROOT / "models" / "emotion"
    assert find_model("./emotion").resolve() == tmp_path / "emotion"
    assert find_model("own").resolve() == tmp_path / "own"


def test_a_model_that_is_nowhere_is_named() -> None:
    with pytest.raises(ConfigError, match=r"model 'nowhere'.*allowed: a path, or one of .*emotion"):
        find_model("nowhere")
