"""A broken table stops and says file, line and reason; a broken picture is skipped and listed."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import pytest

from convert.data import DataError, open_dataset
from tests.conftest import ROOT
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


def test_class_folders_that_give_nothing_are_named(tmp_path: Path) -> None:
    for kind in ("happy", "sad", "fear", "angry"):
        (tmp_path / kind).mkdir()
    for name in ("a.png", ".hidden", "Thumbs.db", "notes.txt"):
        (tmp_path / "happy" / name).write_bytes(b"")
    assert cv2.imwrite(str(tmp_path / "happy" / "a.png"), faces(1)[0])
    assert cv2.imwrite(str(tmp_path / "angry" / "a.png"), faces(1)[0])
    (tmp_path / "angry" / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "sad" / "a.gif").write_bytes(b"GIF89a")
    data = open_dataset(tmp_path)
    assert data.classes == ("angry", "happy")
    assert {s.file: s.reason.split(";")[0] for s in data.skipped} == {
        "angry/gone.jpg": "no regular file",
        "fear": "no pictures in this class folder (other files: 0)",
        "happy/notes.txt": "not a picture",
        "sad": "no pictures in this class folder (other files: 1)",
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


def listing(folder: Path, *rows: list[object]) -> Path:
    for i, face in enumerate(faces(4)):
        cv2.imwrite(str(folder / f"{i}.png"), face)
    good = [[f"{i}.png", ("sad", "happy")[i % 2]] for i in range(4)]
    return write_rows(folder / "list.csv", ["path", "label"], [*good, *rows])


def test_absolute_paths_in_a_listing_are_read(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    cv2.imwrite(str(elsewhere / "a.png"), faces(1)[0])
    data = open_dataset(listing(tmp_path, [str(elsewhere / "a.png"), "sad"]))
    assert data.names[-1] == str(elsewhere / "a.png")
    assert len(data.faces()) == 5


def test_a_nul_in_a_path_is_named(tmp_path: Path) -> None:
    table = listing(tmp_path)
    table.write_bytes(table.read_bytes() + b"a\0b.png,sad\n")
    with pytest.raises(DataError, match=r"list\.csv:6: (path: holds a NUL|not a CSV table)"):
        open_dataset(table)
    folder = mosaic(tmp_path / "m")
    text = (folder / "labels.csv").read_bytes()
    (folder / "labels.csv").write_bytes(text.replace(b"training-0.webp", b"tr\0-0.webp", 1))
    with pytest.raises(DataError, match=r"labels\.csv|named in"):
        open_dataset(folder)


def test_what_is_no_regular_file_is_skipped_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    data = open_dataset(listing(tmp_path, ["pipe.png", "sad"], ["/dev/zero", "sad"], [".", "sad"]))
    assert [s.reason for s in data.skipped] == ["not a regular file"] * 2 + ["Is a directory"]


@pytest.mark.parametrize(
    "text", ["path,label" + ",x" * 1_000_000 + "\n", "path,label\na.png," + "y" * 1_100_000]
)
def test_a_line_without_end_is_not_read_whole(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DataError, match=r"no data set in it|longer than 1048576 characters"):
        open_dataset(tmp_path / "list.csv")


def test_too_many_columns(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label" + ",x" * 1000 + "\n")
    with pytest.raises(DataError):
        open_dataset(tmp_path / "list.csv")


def png(width: int, height: int) -> bytes:
    """Return a grey PNG of black pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer, row = zlib.compressobj(1), bytes(width + 1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_picture_of_very_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    """In a process of its own: OpenCV takes its limit when it is loaded."""
    (tmp_path / "large.png").write_bytes(png(12_000, 12_000))
    (tmp_path / "usual.png").write_bytes(png(1_000, 1_000))
    code = (
        "import sys; from pathlib import Path; from convert.data import DataError\n"
        "from convert.data.pictures import decode\n"
        "print(decode(Path(sys.argv[1], 'usual.png'), (48, 48)).shape)\n"
        "try: decode(Path(sys.argv[1], 'large.png'), (48, 48))\n"
        "except DataError as e: print(e)"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENCV_")}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT, check=True, env=environment,
    )  # fmt: skip
    assert "(48, 48)" in done.stdout
    assert "more than 134217728 pixels" in done.stdout
