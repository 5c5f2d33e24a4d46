"""Faces without labels, from folders and archives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from convert.train.unlabelled import LEAST, read_unlabelled
from edge.config import Detect
from edge.crop import crop_for
from edge.detect import open_detector
from edge.errors import EdgeError
from edge.model.manifest import find_model, load_manifest
from edge.tools.analyze.faces import find_faces
from tests.convert.detector.pictures import archive, peopled, portrait, scene
from tests.edge.tools.analyze.rig import face, save

SIZE = (48, 48)


def folder_of_nothing(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_folder_gives_the_largest_face_of_each_picture_as_the_device_cuts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "below").mkdir()
    save(tmp_path / "a.jpg", np.hstack([face(), np.full((240, 700), 120, np.uint8)]))
    save(tmp_path / "below" / "b.jpg", np.full((240, 320), 120, np.uint8))
    (tmp_path / "below" / "c.png").write_bytes(b"no picture")
    [found] = read_unlabelled([tmp_path], SIZE)
    luma = np.asarray(cv2.imread(str(tmp_path / "a.jpg"), cv2.IMREAD_GRAYSCALE), np.uint8)
    largest = find_faces(open_detector(Detect()), Detect(), luma)[0]
    spec = load_manifest(find_model("emotion")).input
    assert (found == crop_for(spec, luma, largest.box, largest.landmarks)).all()
    said = capsys.readouterr().err
    assert "b.jpg: no face found in it" in said and "c.png: not a picture" in said


def test_an_archive_gives_its_boxes_but_for_small_faces_and_held_out_people(tmp_path: Path) -> None:
    people = [f"Some_Body{k:02}_0001" for k in range(17)]  # one in sixteen is held out
    photos = [portrait(name, seed=k) for k, name in enumerate(people)]
    assert peopled().faces[0, 2] > LEAST
    found = read_unlabelled([archive(tmp_path / "a.npz", [*photos, peopled(), scene(1)])], SIZE)
    assert found.dtype == np.uint8 and found.shape == (len(photos) + 1 - 2, 48, 48)
    small = peopled()
    small.faces[0, 2:4] = LEAST - 1
    few = read_unlabelled([archive(tmp_path / "b.npz", [*photos, small])], SIZE)
    assert len(few) == len(found) - 1


@pytest.mark.parametrize(
    ("make", "words", "code"),
    [
        (lambda p: p, "no such file or folder", 66),
        (folder_of_nothing, "no face in it that could", 65),
        (
            lambda p: archive(p.with_suffix(".npz"), [scene(1), scene(2)]),
            "no face in it that could",
            65,
        ),
    ],
)
def test_what_has_no_face_is_refused_by_name(
    make: Callable[[Path], Path], words: str, code: int, tmp_path: Path
) -> None:
    path = make(tmp_path / "faces")
    with pytest.raises(EdgeError, match=words) as e:
        read_unlabelled([path], SIZE)
    assert e.value.exit_code == code and str(path) in str(e.value)
