"""Every reader on a small real data set of its kind."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from convert.data import EMOTIONS, open_dataset
from convert.data.pictures import decode
from tests.convert.data.samples import (
    FERPLUS,
    faces,
    kaggle,
    mosaic,
    real_data,
    write_rows,
)


def save(path: Path, face: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), face)
    return path


def test_mosaic_gives_back_the_tiles_and_the_votes(tmp_path: Path) -> None:
    data = open_dataset(mosaic(tmp_path / "m"))
    assert data.split_counts() == {"train": 40, "public_test": 10}
    assert data.classes == EMOTIONS
    np.testing.assert_array_equal(data.split("train").faces(), faces(40, seed=1))
    mixed = data.faces(np.array([45, 3]))
    np.testing.assert_array_equal(mixed[1], faces(40, seed=1)[3])
    np.testing.assert_array_equal(mixed[0], faces(10, seed=2)[5])
    assert data.votes is not None and data.votes.sum(axis=1).tolist() == [10] * 50


def test_kaggle_table(tmp_path: Path) -> None:
    kaggle(tmp_path)
    data = open_dataset(tmp_path)
    assert data.split_counts() == {"train": 4, "public_test": 1, "private_test": 1}
    assert data.labels is not None and data.labels.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(data.faces(), faces(6))
    assert data.votes is None
    assert len(open_dataset(tmp_path / "fer2013.csv")) == 6


def test_votes_beside_the_kaggle_table_come_in_our_order(tmp_path: Path) -> None:
    kaggle(tmp_path, 3)
    usages = ("Training", "Training", "PublicTest")
    rows: list[list[object]] = [
        [usages[0], "a", 1, 2, 3, 4, 0, 0, 0, 0, 0, 0],
        [usages[1], "", 0, 0, 0, 0, 0, 0, 0, 0, 0, 10],  # not a face
        [usages[2], "c", 0, 0, 0, 0, 5, 3, 2, 0, 0, 0],
    ]
    write_rows(tmp_path / "fer2013new.csv", FERPLUS, rows)
    data = open_dataset(tmp_path)
    assert data.names == ("fer0000000.png", "fer0000002.png")
    assert data.votes is not None
    # angry, disgust, fear, happy, sad, surprise, neutral
    assert data.votes.tolist() == [[0, 0, 0, 2, 4, 3, 1], [5, 3, 2, 0, 0, 0, 0]]


def test_folders_with_splits_and_any_four_classes(tmp_path: Path) -> None:
    for split, n in (("train", 2), ("val", 1), ("test", 1)):
        for kind in ("cat", "dog", "bird", "fish"):
            for k in range(n):
                save(tmp_path / split / kind / f"{k}.png", faces(1, side=60)[0])
    data = open_dataset(tmp_path)
    assert data.classes == ("bird", "cat", "dog", "fish")
    assert data.split_counts() == {"test": 4, "train": 8, "validation": 4}
    assert data.faces().shape == (16, 48, 48)


def test_folders_of_emotions_come_in_label_order_under_their_other_names(tmp_path: Path) -> None:
    for kind in ("Happiness", "anger", "neutral"):
        save(tmp_path / kind / "a.jpg", faces(1)[0])
    data = open_dataset(tmp_path)
    assert data.classes == ("angry", "happy", "neutral")
    assert data.splits == ("train",) * 3


def test_kdef_names_say_emotion_sex_and_angle(tmp_path: Path) -> None:
    for name in ("AF01ANS.JPG", "BM29HAHL.JPG", "AF02SUFR.JPG"):
        save(tmp_path / name[:4] / name, faces(1, side=80)[0])
    save(tmp_path / "README.png", faces(1)[0])
    data = open_dataset(tmp_path)
    assert data.labels is not None
    found = dict(zip(data.names, [EMOTIONS[i] for i in data.labels], strict=True))
    assert found == {
        "AF01/AF01ANS.JPG": "angry", "AF02/AF02SUFR.JPG": "surprise", "BM29/BM29HAHL.JPG": "happy"
    }  # fmt: skip
    assert data.attributes["sex"] == ("female", "female", "male")
    assert data.attributes["angle"] == ("front", "full right", "half left")
    assert data.groups == ("F01", "F02", "M29")
    assert data.splits == ("train", "train", "test")
    assert [Path(s.file).name for s in data.skipped] == ["README.png"]


def test_table_of_paths_and_labels_with_more_columns(tmp_path: Path) -> None:
    for k in range(3):
        save(tmp_path / "pictures" / f"{k}.png", faces(3)[k])
    rows: list[list[object]] = [
        ["pictures/0.png", "sad", "train", "under 30"],
        ["pictures/1.png", "happy", "test", "over 30"],
        ["pictures/2.png", "Sadness", "train", "under 30"],
    ]
    table = write_rows(tmp_path / "mine.csv", ["path", "label", "split", "age"], rows)
    data = open_dataset(table)
    assert data.classes == ("happy", "sad")
    assert data.labels is not None and data.labels.tolist() == [1, 0, 1]
    assert data.attributes == {"age": ("under 30", "over 30", "under 30")}
    assert data.groups is None
    np.testing.assert_array_equal(data.faces(), faces(3))


def test_a_column_of_a_table_says_who_is_shown(tmp_path: Path) -> None:
    names = ("Ann", "", "Ann")
    rows: list[list[object]] = [[f"{k}.png", "sad", name] for k, name in enumerate(names)]
    for k in range(3):
        save(tmp_path / f"{k}.png", faces(3)[k])
    data = open_dataset(write_rows(tmp_path / "mine.csv", ["path", "label", "person"], rows))
    assert data.groups == names
    assert data.select(np.array([1, 2])).groups == ("", "Ann")


def test_a_portrait_is_cut_to_its_middle_square(tmp_path: Path) -> None:
    tall = np.zeros((90, 48), np.uint8)
    tall[21:69] = faces(1)[0]
    path = save(tmp_path / "tall.png", tall)
    np.testing.assert_array_equal(decode(path, (48, 48)), faces(1)[0])


def test_pictures_are_decoded_only_when_asked_for(tmp_path: Path, monkeypatch: object) -> None:
    for k in range(3):
        save(tmp_path / "x" / f"{k}.png", faces(3)[k])
    data = open_dataset(tmp_path)
    (tmp_path / "x" / "2.png").unlink()
    assert data.faces(np.array([0, 1])).shape == (2, 48, 48)
    with pytest.raises(Exception, match=r"2\.png: No such file"):
        data.faces()


def test_the_real_mosaics() -> None:
    data = open_dataset(real_data("fer2013"))
    assert data.split_counts() == {"train": 28555, "public_test": 3579}
    tested = data.split("public_test")
    assert int((tested.majority() >= 0).sum()) == 3092
    assert 120 < tested.faces(np.arange(100)).mean() < 140
