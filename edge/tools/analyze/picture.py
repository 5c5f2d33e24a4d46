"""Reads a photograph: its luma, upright, not larger than is of use, or why there is none."""

from __future__ import annotations

import os
import stat

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera import jpeg
from edge.camera.opencv import Luma, quiet
from edge.errors import NoInputError

MAX_BYTES = 512 * 1024 * 1024  # of a file; a bound against nonsense
MAX_PIXELS = 2**28  # 268 million: as luma, the memory of a small computer
# Pixels of the longer side that a JPEG keeps when it is decoded at a half, quarter or eighth: the
# smallest face that counts is then some 100 pixels high, twice the models' input.
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
    """Return a picture, upright as its EXIF data says; large JPEGs are decoded reduced.

    Raises:
        NoInputError: it is missing, empty, cut off, too large or no picture; only why, no name.
    """
    data = read_bytes(path)
    is_jpeg = data[:2].tobytes() == b"\xff\xd8"
    if is_jpeg and not _jpeg_is_whole(data):
        raise NoInputError("cut off before its end")
    if data[:4].tobytes() == b"\x89PNG" and b"IEND" not in data[-4096:].tobytes():
        raise NoInputError("cut off before its end")
    width, height = jpeg.size(data) if is_jpeg else (0, 0)
    if width * height > MAX_PIXELS:
        raise NoInputError(f"{width}x{height} pixels; allowed: up to {MAX_PIXELS} in all")
    longer = max(width, height)
    flags = next((f for by, f in _REDUCED if longer >= by * ENOUGH_PX), cv2.IMREAD_GRAYSCALE)
    luma = _decoded(data, flags)
    rows, columns = luma.shape
    if not width:
        width, height = columns, rows
    elif (width > height) != (columns > rows) and width != height:  # turned
        width, height = height, width
    return Picture(luma, width, height)


def read_bytes(path: str) -> NDArray[np.uint8]:
    """Return the bytes of a file.

    Raises:
        NoInputError: it is missing, empty, no regular file (a pipe would block) or too large.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as f:
            status = os.fstat(f.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise NoInputError("not a regular file")
            if status.st_size > MAX_BYTES:
                raise NoInputError(f"{status.st_size} bytes; allowed: up to {MAX_BYTES}")
            data = np.frombuffer(f.read(MAX_BYTES), np.uint8)
    except OSError as e:
        raise NoInputError((e.strerror or str(e)).lower()) from e
    except ValueError as e:  # a NUL in the name
        raise NoInputError(f"no file name: {e}") from e
    if not data.size:
        raise NoInputError("is empty")
    return data


def _decoded(data: NDArray[np.uint8], flags: int) -> Luma:
    quiet()
    try:
        luma = cv2.imdecode(data, flags)
    except cv2.error:  # for instance more pixels than OpenCV's bound
        luma = None
    if luma is None or luma.size == 0:
        raise NoInputError(_hint(data))
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
