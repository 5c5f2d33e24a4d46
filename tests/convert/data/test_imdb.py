"""IMDB's list of faces, as SciPy writes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from convert.data import open_dataset
from convert.data.errors import DataError
from tests.convert.data.samples import faces

scipy_io = pytest.importorskip("scipy.io", reason="SciPy is not installed")
NAN = float("nan")
PEOPLE = ("Ann", "Bob", "Cem")
# full_path, name, gender, face_score, second_face_score
ROWS: list[tuple[str, str, float, float, float]] = [
    ("01/a.jpg", "Ann", 0, 4.2, NAN),
    ("01/b.jpg", "Bob", 1, 3.5, NAN),
    ("01/c.jpg", "Cem", 1, 2.9, NAN),  # the detector was unsure
    ("01/d.jpg", "Ann", 0, 4.0, 2.1),  # a second face
    ("01/e.jpg", "Bob", NAN, 5.0, NAN),  # sex not known
    ("01/f.jpg", "Cem", 1, -float("inf"), NAN),  # no face found
    ("01/g.jpg", "Ann", 0, 5.5, NAN),
]


def cells(values: list[str]) -> np.ndarray[Any, Any]:
    out = np.empty((1, len(values)), object)
    out[0] = values
    return out


def write(folder: Path, rows: list[tuple[str, str, float, float, float]], **other: Any) -> Path:
    (folder / "01").mkdir(parents=True, exist_ok=True)
    for i, face in enumerate(faces(7, side=60)):
        cv2.imwrite(str(folder / f"01/{'abcdefg'[i]}.jpg"), face)
    path, name, *numbers = zip(*rows, strict=True)
    fields: dict[str, Any] = {"full_path": cells(list(path)), "name": cells(list(name))}
    for key, values in zip(("gender", "face_score", "second_face_score"), numbers, strict=True):
        fields[key] = np.array([values], np.float64)
    scipy_io.savemat(folder / "imdb.mat", {"imdb": fields | other})
    return folder


def test_the_three_masks_leave_out_what_cannot_be_right(tmp_path: Path) -> None:
    data = open_dataset(write(tmp_path, ROWS))
    assert data.names == ("01/a.jpg", "01/b.jpg", "01/g.jpg")
    assert data.classes == ("woman", "man")
    assert data.labels is not None and data.labels.tolist() == [0, 1, 0]
    assert data.faces().shape == (3, 48, 48)
    assert data.splits[0] == data.splits[2]  # one person is on one side
    assert data.groups == ("Ann", "Bob", "Ann")
    assert open_dataset(tmp_path / "imdb.mat").names == data.names


def test_a_picture_that_is_missing_is_listed(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    (tmp_path / "01/b.jpg").unlink()
    data = open_dataset(tmp_path)
    assert data.names == ("01/a.jpg", "01/g.jpg")
    assert [Path(s.file).name for s in data.skipped] == ["b.jpg"]


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/passwd", "01/../../x.jpg"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, [(name, "Ann", 0, 5, NAN)])
    with pytest.raises(DataError, match="allowed: a file below its folder"):
        open_dataset(tmp_path)


def test_broken_lists_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, ROWS, gender=np.array([[0.0, 1.0]]))
    with pytest.raises(DataError, match=r"imdb\.mat: its fields do not fit each other"):
        open_dataset(tmp_path)
    write(tmp_path, ROWS[2:6])
    with pytest.raises(DataError, match="none of 4 faces passes the masks"):
        open_dataset(tmp_path)
    whole = (tmp_path / "imdb.mat").read_bytes()
    for content in (b"", b"not a list", whole[: len(whole) // 2]):
        (tmp_path / "imdb.mat").write_bytes(content)
        with pytest.raises(DataError, match=r"imdb\.mat: not IMDB's list"):
            open_dataset(tmp_path)
