"""Faces cut out of photographs for the workshop as the device would."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import convert.cli
from convert.data import DataError, open_dataset
from convert.data.found import FoundFace
from edge.classify import Model
from edge.config import Detect
from edge.detect import open_detector
from edge.model.manifest import find_model, load_manifest
from edge.tools.analyze.faces import find_faces
from tests.convert.data import samples
from tests.edge.tools.analyze.rig import face, save

SIZE = (48, 48)
SPEC = load_manifest(find_model("emotion")).input


def portrait() -> np.ndarray:
    """A picture in whose middle there is no face."""
    wall = np.full((240, 700), 120, np.uint8)
    return np.hstack([face(), wall])


def test_kdefs_pictures_show_the_face_and_not_the_middle(tmp_path: Path) -> None:
    save(tmp_path / "AF01HAS.jpg", portrait())
    save(tmp_path / "AF02HAS.jpg", np.full((240, 320), 120, np.uint8))
    data = open_dataset(tmp_path, SIZE, FoundFace(SPEC))
    assert data.names == ("AF01HAS.jpg",)
    assert [(Path(s.file).name, s.reason) for s in data.skipped] == [
        ("AF02HAS.jpg", "no face found in it")
    ]
    luma = np.asarray(cv2.imread(str(tmp_path / "AF01HAS.jpg"), cv2.IMREAD_GRAYSCALE), np.uint8)
    (found, *_) = find_faces(open_detector(Detect()), Detect(), luma)
    model = Model(find_model("emotion"))
    seen = data.faces()[0]
    assert (seen == model.crop(luma, found.box, found.landmarks)).all(), "as the device crops"
    middle = open_dataset(tmp_path, SIZE).faces(np.array([0]))[0]
    assert seen.std() > 2 * middle.std(), "the middle is a wall"


def test_evaluate_finds_faces_and_counts_pictures_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "faces"
    for name in ("a", "b"):
        save(folder / "happy" / f"{name}.png", portrait())
    save(folder / "sad" / "none.png", np.full((240, 320), 120, np.uint8))
    command = ["evaluate", "emotion", str(folder), "--split", "all", "--robustness", "0", "--json"]
    assert convert.cli.main([*command, "--find-faces"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["data"]["faces"], verdict["data"]["skipped"]) == (2, 1)
    assert verdict["data"]["predicted"]["happy"] == 2


def test_faces_that_are_cut_out_already_are_not_searched(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cut out already"):
        open_dataset(samples.kaggle(tmp_path), SIZE, FoundFace(SPEC))


def test_nothing_found_anywhere_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "happy" / "a.png", np.full((240, 320), 120, np.uint8))
    command = ["evaluate", "emotion", str(tmp_path), "--split", "all", "--find-faces"]
    assert convert.cli.main(command) == 65
    assert "no face found in any of its 1 pictures" in capsys.readouterr().err
