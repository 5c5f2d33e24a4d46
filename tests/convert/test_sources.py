"""The shipped models have the float network that they were made from beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convert.detector.checkpoint import BEST, RECORD, training_of
from convert.detector.network import Shape
from convert.state.augment import Recipe
from convert.state.network import Shape as StateShape
from edge.errors import ConfigError
from edge.model.manifest import sha256_of
from tests.conftest import ROOT

SOURCES = {
    "emotion": "model.keras",
    "fer2013": "model.keras",
    "face": BEST,
    "refine": BEST,
    "state": BEST,
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_manifest_names_the_file_beside_it(name: str) -> None:
    folder = ROOT / "models" / name
    origin = json.loads((folder / "manifest.json").read_text())["provenance"]
    recovered = origin.get("keras", {}).get("sha256")
    assert sha256_of(folder / SOURCES[name]) in (origin["source_sha256"], recovered)


def test_the_record_of_a_training_is_read_out_of_a_model_folder_too(tmp_path: Path) -> None:
    assert Shape.of(training_of(ROOT / "models" / "face")["shape"]) == Shape()
    state = training_of(ROOT / "models" / "state")
    assert StateShape.of(state["shape"]).size == Recipe(**state["recipe"]).size == 64
    with pytest.raises(ConfigError, match=r"no run\.json and no manifest\.json in it"):
        training_of(tmp_path)
    about = {"provenance": {"training": {"shape": 1}, "blend": {"fraction": 0.4}, "bytes": 3}}
    (tmp_path / "manifest.json").write_text(json.dumps(about))
    assert training_of(tmp_path) == {"shape": 1, "blend": {"fraction": 0.4}}
    (tmp_path / RECORD).write_text(json.dumps({"shape": 2}))
    assert training_of(tmp_path) == {"shape": 2}
