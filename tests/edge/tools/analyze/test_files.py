"""Which files are found, in what order, and what cannot be read."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import NoInputError, UsageError
from edge.tools.analyze.files import Kind, find
from edge.tools.analyze.picture import read_picture
from edge.tools.analyze.targets import tasks_of
from tests.edge.tools.analyze.rig import analyze, face, save


def test_folders_are_walked_in_the_order_people_count(tmp_path: Path) -> None:
    for name in ("b/img10.jpg", "b/img2.jpg", "a.png", "c.mp4", "notes.txt", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.jpg").touch()
    found = find([str(tmp_path)])
    assert [i.below for i in found] == ["a.png", "c.mp4", "b/img2.jpg", "b/img10.jpg"]
    assert [i.kind for i in found[:2]] == [Kind.PICTURE, Kind.RECORDING]


def test_a_file_is_found_once_however_often_it_is_named(tmp_path: Path) -> None:
    one = tmp_path / "one.jpg"
    one.touch()
    (tmp_path / "link.jpg").symlink_to(one)
    (tmp_path / "around").symlink_to(tmp_path)  # a circle
    assert len(find([str(one), str(tmp_path), str(one)])) == 1


def test_what_is_written_is_not_read_again(tmp_path: Path) -> None:
    for name in ("a.jpg", "out/a.jpg", "page.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find([str(tmp_path)], [tmp_path / "out", tmp_path / "page.jpg"])
    assert [i.below for i in found] == ["a.jpg"]


def test_a_named_file_is_taken_whatever_its_name_says(tmp_path: Path) -> None:
    assert [i.kind for i in find([str(tmp_path / "IMG_0001")])] == [Kind.UNKNOWN]


def exif(orientation: int) -> bytes:
    """An EXIF segment that says how a picture is turned."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def test_a_picture_is_upright_as_exif_says(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", np.asarray(cv2.rotate(face(), cv2.ROTATE_90_COUNTERCLOCKWISE)))
    plain = path.read_bytes()
    assert read_picture(str(path)).luma.shape == (320, 240)
    path.write_bytes(plain[:2] + exif(6) + plain[2:])
    picture = read_picture(str(path))
    assert (picture.width, picture.height) == (320, 240)
    assert np.abs(picture.luma.astype(int) - face()).mean() < 8


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_large_picture_is_decoded_reduced_and_says_its_own_size(
    tmp_path: Path, suffix: str
) -> None:
    large = cv2.resize(face(), (8000, 6000))
    picture = read_picture(str(save(tmp_path / f"large{suffix}", np.asarray(large, np.uint8))))
    assert (picture.width, picture.height) == (8000, 6000)
    assert picture.luma.shape == (1500, 2000)


RISE = """
import sys
from edge.tools.analyze.picture import read_picture

def peak_kib():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0])

before = peak_kib()
read_picture(sys.argv[1])
print(peak_kib() - before)
"""


def test_a_large_png_takes_the_memory_of_its_pixels_once(tmp_path: Path) -> None:
    path, pixels = tmp_path / "large.png", 8000 * 6000
    plain = [cv2.IMWRITE_PNG_COMPRESSION, 0]  # the file has a byte a pixel too
    cv2.imwrite(str(path), np.zeros((6000, 8000), np.uint8), plain)
    assert path.stat().st_size > pixels
    done = subprocess.run(
        [sys.executable, "-c", RISE, str(path)], capture_output=True, text=True, check=True
    )
    assert 1024 * int(done.stdout) < 1.5 * pixels


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_that_is_cut_off_is_broken(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", face())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NoInputError, match="cut off"):
        read_picture(str(path))


def test_a_thumbnails_end_is_not_the_pictures(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", face())
    whole = path.read_bytes()
    thumbnail = save(tmp_path / "t.jpg", face()[:32, :32]).read_bytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    path.write_bytes(whole[:2] + segment + whole[2 : len(whole) // 2])
    with pytest.raises(NoInputError, match="cut off"):
        read_picture(str(path))
    # A phone's picture with a video after it is whole.
    path.write_bytes(whole + b"\0" * 100_000)
    assert read_picture(str(path)).width == 320


def claims(width: int, height: int) -> bytes:
    """A JPEG that claims a size and has nothing in it."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + frame + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + b"\xff\xd9"


def png_header(width: int, height: int) -> bytes:
    """The first chunk of a PNG, grey of 8 bits; its check sum is wrong."""
    return struct.pack(">I4sIIBBBBBI", 13, b"IHDR", width, height, 8, 0, 0, 0, 0, 0)


BROKEN = {
    "nothing.jpg": (b"", "is empty"),
    "text.png": (b"this is not a picture", "not a readable picture"),
    "bomb.png": (b"\x89PNG\r\n\x1a\n" + png_header(65000, 65000) + b"IEND", "65000x65000 pixels"),
    "head.png": (b"\x89PNG\r\n\x1a\n\0\0", "cut off"),
    "empty.png": (b"\x89PNG\r\n\x1a\n" + png_header(0, 0) + b"IEND", "not a readable picture"),
    "bomb.jpg": (claims(65000, 65000), "65000x65000 pixels; allowed"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_picture_says_why(tmp_path: Path, name: str) -> None:
    data, why = BROKEN[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(NoInputError, match=why):
        read_picture(str(tmp_path / name))


def test_a_pipe_and_a_missing_file_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(NoInputError, match="not a regular file"):
        read_picture(str(tmp_path / "pipe.jpg"))
    with pytest.raises(NoInputError, match="no such file"):
        read_picture(str(tmp_path / "gone.jpg"))


def test_targets_are_laid_out_as_the_folder_and_never_collide(tmp_path: Path) -> None:
    for name in ("x/a.jpg", "y/a.jpg", "x/b.gif", "x/b.gif.mp4", "x/c.avif", "x/c.avif.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    items = find([str(tmp_path / "x"), str(tmp_path / "y")])
    tasks = tasks_of(items, tmp_path / "drawn", tmp_path / "crops")
    drawn = [Path(t.annotate or "").name for t in tasks]
    assert len(set(drawn)) == 6
    assert drawn[1].startswith("b.gif-") and drawn[2] == "b.gif.mp4"


def test_a_target_never_replaces_what_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", face())
    for target in (tmp_path, path):
        with pytest.raises(UsageError, match="would replace"):
            tasks_of(find([str(path)]), target, None)
    odd = tmp_path / "odd"  # a recording or a picture, nobody knows yet
    tasks_of(find([str(odd)]), tmp_path, None)
    for name in ("odd.png", "odd.mp4"):
        with pytest.raises(UsageError, match="would replace"):
            tasks_of(find([str(odd), str(tmp_path / name)]), tmp_path, None)
    with pytest.raises(UsageError, match="allowed: the name of a folder"):
        tasks_of(find([str(path), str(tmp_path / "b.jpg")]), tmp_path / "out.png", None)
    with pytest.raises(UsageError, match="allowed for a picture"):
        tasks_of(find([str(path)]), tmp_path / "out.mp4", None)


def test_a_folder_that_cannot_be_listed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "album" / "2" / "a.jpg", face())
    for name in ("1", "3"):
        (tmp_path / "album" / name).mkdir()
    real = os.scandir

    def scandir(path: str):
        if Path(path).name in "13":  # not by its mode, which root may pass
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find([str(tmp_path / "album")])
    assert [i.below for i in found] == ["1", "2/a.jpg", "3"]
    code, _, err = analyze(tmp_path / "album", "--workers", 1)
    assert code == 65
    assert f"skipped {tmp_path}/album/1: permission denied" in err and "2 skipped" in err
    code, _, err = analyze(tmp_path / "album" / "3")
    assert code == 66
    assert f"skipped {tmp_path}/album/3: permission denied" in err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_tiff_of_very_many_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, workers: str
) -> None:
    """In a process of its own: OpenCV takes its limit when it is loaded."""
    side = 17_000
    strip = zlib.compress(bytes(side * side), 1)
    tags = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 273: 8, 277: 1, 278: side}
    entries = [struct.pack("<HHII", t, 4, 1, v) for t, v in (tags | {279: len(strip)}).items()]
    head = b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip
    tiff = head + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).write_bytes(tiff)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENCV_")}
    done = subprocess.run(
        [sys.executable, "-m", "edge", "analyze", str(tmp_path), "--workers", workers],
        capture_output=True, text=True, env=environment, timeout=120,
    )  # fmt: skip
    assert done.returncode == 66  # nothing could be read
    said = [line for line in done.stderr.splitlines() if ".tif: " in line]
    assert len(said) == 2
    assert all("too many pixels; allowed: up to 268435456 in all" in line for line in said)
    assert "OpenCV" not in done.stderr
