"""A broken table stops and says file, line and reason; a broken picture is skipped and listed."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from convert.data import DataError, open_dataset
from tests.convert.data.samples import FERPLUS, faces, kaggle, kaggle_rows, mosaic, write_rows

KAGGLE = ["emotion", "pixels", "Usage"]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (0, "7", "emotion: got '7'; allowed: a whole number from 0 to 6"),
        (0, "sad", "emotion: got 'sad'; allowed: a whole number from 0 to 6"),
        (1, "1 2 3", "pixels: got 3 numbers; allowed: 2304"),
        (1, "1 2 x", "pixels: not all are whole numbers"),
        (1, " ".join(["256"] * 2304), "pixels: got 256; allowed: 0 to 255"),
        (2, "Test", "Usage: got 'Test'; allowed: Training, PublicTest, PrivateTest"),
    ],
)
def test_broken_kaggle_row(tmp_path: Path, column: int, value: str, reason: str) -> None:
    rows = kaggle_rows(4)
    rows[2][column] = value
    table = write_rows(tmp_path / "fer2013.csv", KAGGLE, rows)
    with pytest.raises(DataError) as e:
        open_dataset(table)
    assert str(e.value) == f"{table}:4: {reason}"
    assert e.value.exit_code == 65


def test_row_of_too_few_values(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "fer2013.csv", KAGGLE, [*kaggle_rows(2), [3]])
    with pytest.raises(DataError, match=r":4: got 1 values; allowed: 3, as in the header"):
        open_dataset(table)


def test_votes_that_belong_to_another_table(tmp_path: Path) -> None:
    kaggle(tmp_path, 2)
    rows: list[list[object]] = [["Training", "a", *[0] * 10], ["PublicTest", "b", *[0] * 10]]
    write_rows(tmp_path / "fer2013new.csv", FERPLUS, rows)
    with pytest.raises(DataError, match=r"fer2013new\.csv:3: Usage: got 'PublicTest'; allowed"):
        open_dataset(tmp_path)
    write_rows(tmp_path / "fer2013new.csv", FERPLUS, rows[:1])
    with pytest.raises(DataError, match="got 1 rows; allowed: 2"):
        open_dataset(tmp_path)


def broken(folder: Path, old: str, new: str) -> Path:
    table = folder / "labels.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    return folder


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "training,angry",
            "training,furious",
            r"labels\.csv:2: label: got 'furious'; allowed: angry, disgust",
        ),
        (
            "training,angry",
            "dev,angry",
            r"labels\.csv:2: split: got 'dev'; allowed: training, public_test",
        ),
        ("training-0.webp,0", "training-0.webp,-1", r"labels\.csv:2: tile: got '-1'"),
        ("training-0.webp,0", "training-9.webp,0", r"training-9\.webp: named in labels\.csv but"),
    ],
)
def test_broken_mosaic_table(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        open_dataset(broken(mosaic(tmp_path / "m"), old, new))


def test_tile_beyond_the_mosaic_and_mosaic_that_is_no_picture(tmp_path: Path) -> None:
    data = open_dataset(broken(mosaic(tmp_path / "m"), "training-0.webp,0", "training-0.webp,900"))
    with pytest.raises(DataError, match=r"training-0\.webp: tile: got 900; it has 160 tiles"):
        data.faces()
    (tmp_path / "m" / "training-0.webp").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"training-0\.webp: not a picture"):
        open_dataset(tmp_path / "m").faces()


def test_broken_pictures_are_skipped_and_listed(tmp_path: Path) -> None:
    folder = tmp_path / "train" / "happy"
    folder.mkdir(parents=True)
    for name in ("good.jpg", "cut.jpg", "cut.png"):
        assert cv2.imwrite(str(folder / name), faces(1)[0])
    for name in ("cut.jpg", "cut.png"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("this is no picture")
    data = open_dataset(tmp_path)
    assert data.names == ("train/happy/good.jpg",)
    assert {Path(s.file).name: s.reason for s in data.skipped} == {
        "cut.jpg": "cut off before its end",
        "cut.png": "cut off before its end",
        "empty.png": "empty file",
        "text.jpg": "not a picture that OpenCV can read",
    }


def test_table_that_lists_a_missing_picture_and_an_empty_label(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), faces(1)[0])
    rows: list[list[object]] = [["a.png", "sad"], ["b.png", "sad"]]
    table = write_rows(tmp_path / "t.csv", ["path", "label"], rows)
    data = open_dataset(table)
    assert len(data) == 1 and data.skipped[0].reason == "No such file or directory"
    write_rows(table, ["path", "label"], [["a.png", ""]])
    with pytest.raises(DataError, match=r"t\.csv:2: label: empty"):
        open_dataset(table)


def test_class_folders_beside_split_folders(tmp_path: Path) -> None:
    for folder in ("train/happy", "sad"):
        (tmp_path / folder).mkdir(parents=True)
        assert cv2.imwrite(str(tmp_path / folder / "a.png"), faces(1)[0])
    with pytest.raises(DataError, match="folder 'sad' lies beside split folders"):
        open_dataset(tmp_path)


def test_nothing_there_and_nothing_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder") as e:
        open_dataset(tmp_path / "nowhere")
    assert e.value.exit_code == 66
    with pytest.raises(DataError, match="no data set in it; allowed: FER2013's mosaics"):
        open_dataset(tmp_path)
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="no data set in it"):
        open_dataset(tmp_path / "odd.csv")


def test_empty_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fer2013\.csv:1: no faces in it"):
        open_dataset(write_rows(tmp_path / "fer2013.csv", KAGGLE, []))


def test_text_with_a_wrong_byte_in_the_middle(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "t.csv", ["path", "label"], [["a.png", "sad"]] * 3)
    table.write_bytes(table.read_bytes().replace(b"sad", b"s\xffd", 1))
    with pytest.raises(DataError, match="not UTF-8 text"):
        open_dataset(table)
