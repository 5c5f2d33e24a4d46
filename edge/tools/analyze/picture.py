"""Reads a photograph: its luma, upright, not larger than is of use, or why there is none."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera import jpeg
from edge.camera.opencv import Luma, quiet
from edge.errors import NoInputError
from edge.tools.analyze import MAX_PIXELS

MAX_BYTES = 512 * 1024 * 1024  # of a file; a bound against nonsense
_PNG = b"\x89PNG"
# Pixels of the longer side that a picture keeps when it is decoded at a half, quarter or eighth:
# the smallest face that counts is then some 100 pixels high, twice the models' input.
ENOUGH_PX = 2000
_REDUCED = (
    (8, cv2.IMREAD_REDUCED_GRAYSCALE_8),
    (4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    (2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
)


class Picture:
    """Luma of a picture, and how large the picture itself is."""

    def __init__(self, luma: Luma, width: int, height: int) -> None:
        self.luma = luma
        self.width = width
        self.height = height


def read_picture(path: str) -> Picture:
    """Return a picture, upright as its EXIF data says; large JPEG and PNG come reduced.

    Raises:
        NoInputError: it is missing, empty, cut off, too large or no picture; only why, no name.
    """
    with _opened(path) as file:
        if os.pread(file, len(_PNG), 0) == _PNG:
            return _png(file)
        data = _all_bytes(file)
    is_jpeg = data[:2].tobytes() == b"\xff\xd8"
    if is_jpeg and not _jpeg_is_whole(data):
        raise NoInputError("cut off before its end")
    width, height = jpeg.size(data) if is_jpeg else (0, 0)
    flags = _flags(width, height)
    return _upright(_decoded(lambda: cv2.imdecode(data, flags), _hint(data)), width, height)


def _png(file: int) -> Picture:
    """Read a PNG row by row from its file: it can be as large as its pixels, or larger."""
    head, length = os.pread(file, 24, 0), os.fstat(file).st_size
    if len(head) < 24 or b"IEND" not in os.pread(file, 4096, max(0, length - 4096)):
        raise NoInputError("cut off before its end")
    width, height = struct.unpack(">II", head[16:24])  # of the IHDR chunk, which is the first
    flags = _flags(width, height)
    luma = _decoded(lambda: cv2.imread(f"/proc/self/fd/{file}", flags), "not a readable picture")
    return _upright(luma, width, height)


def _flags(width: int, height: int) -> int:
    """Return how OpenCV is to decode a picture of this size; 0, 0: not known.

    Raises:
        NoInputError: it is too large.
    """
    if width * height > MAX_PIXELS:
        raise NoInputError(f"{width}x{height} pixels; allowed: up to {MAX_PIXELS} in all")
    longer = max(width, height)
    return next((f for by, f in _REDUCED if longer >= by * ENOUGH_PX), cv2.IMREAD_GRAYSCALE)


def _upright(luma: Luma, width: int, height: int) -> Picture:
    """Return the picture; its own size is that of the luma where it is not known."""
    rows, columns = luma.shape
    if not width:
        width, height = columns, rows
    elif (width > height) != (columns > rows) and width != height:  # turned
        width, height = height, width
    return Picture(luma, width, height)


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """Open a file.

    Raises:
        NoInputError: it is missing, empty, no regular file (a pipe would block) or too large.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as e:
        raise NoInputError((e.strerror or str(e)).lower()) from e
    except ValueError as e:  # a NUL in the name
        raise NoInputError(f"no file name: {e}") from e
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise NoInputError("not a regular file")
        if status.st_size > MAX_BYTES:
            raise NoInputError(f"{status.st_size} bytes; allowed: up to {MAX_BYTES}")
        if not status.st_size:
            raise NoInputError("is empty")
        yield file
    except OSError as e:  # of the disk
        raise NoInputError((e.strerror or str(e)).lower()) from e
    finally:
        os.close(file)


def _all_bytes(file: int) -> NDArray[np.uint8]:
    with os.fdopen(file, "rb", closefd=False) as f:
        return np.frombuffer(f.read(MAX_BYTES), np.uint8)


def _decoded(decode: Callable[[], Any], otherwise: str) -> Luma:
    quiet()
    try:
        luma = decode()
    except cv2.error as e:
        if "CV_IO_MAX_IMAGE_PIXELS" in str(e):  # of TIFF, BMP, ...: OpenCV alone knows their size
            most = os.environ.get("OPENCV_IO_MAX_IMAGE_PIXELS", MAX_PIXELS)
            raise NoInputError(f"too many pixels; allowed: up to {most} in all") from e
        luma = None
    if luma is None or luma.size == 0:
        raise NoInputError(otherwise)
    return np.asarray(luma, np.uint8)


def _hint(data: NDArray[np.uint8]) -> str:
    head = data[:16].tobytes()
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "HEIC, which OpenCV cannot read; convert it with: heif-convert IN OUT.jpg"
    return "not a readable picture"


def _jpeg_is_whole(data: NDArray[np.uint8]) -> bool:
    """Return whether the end of the image comes after the start of its scan.

    OpenCV fills what is missing with grey, in silence. A thumbnail in the EXIF data has an end of
    its own, and some phones append a video: neither the first nor the last bytes tell.
    """
    at = 2
    while at + 4 <= data.size and data[at] == 0xFF:
        if data[at + 1] == 0xFF:  # fill byte
            at += 1
            continue
        if data[at + 1] == 0xDA:  # start of scan
            return data[at:].tobytes().find(b"\xff\xd9") >= 0
        at += 2 + (int(data[at + 2]) << 8 | int(data[at + 3]))
    return False
