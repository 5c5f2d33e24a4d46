"""JPEG as cameras send it: how large it is, before anything is decoded, and its luma."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

# Largest picture that is decoded: 4096x4096, the largest that can be asked for. Seventeen megabytes
# as luma; a header can claim four gigabytes.
MAX_PIXELS = 4096 * 4096
_ALONE = (0x01, *range(0xD0, 0xD8))  # TEM and RSTn, B.1.1.3: no segment follows
TAIL_BYTES = 4096  # of a buffer, in which a whole JPEG ends; padding follows
# As it is: libjpeg alone, no turning by EXIF data.
_GREY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION


def decoded(data: NDArray[np.uint8], most_pixels: int = MAX_PIXELS) -> NDArray[np.uint8] | None:
    """Return the luma, (height, width), full range; None: broken, or larger than allowed."""
    # Cut off in transfer, every other time on some cameras; libjpeg would write a line about each.
    if b"\xff\xd9" not in data[-TAIL_BYTES:].tobytes():
        return None
    width, height = size(data)
    if not 0 < width * height <= most_pixels:
        return None
    try:
        luma = cv2.imdecode(data, _GREY)
    except cv2.error:
        return None
    return None if luma is None else np.asarray(luma, np.uint8)


def size(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Return width and height as the frame header has them (ITU-T T.81, B.2.2); 0, 0: none.

    Segments before it (EXIF with a thumbnail of its own, tables) are stepped over, not searched,
    and so are fill bytes and markers without a length, or a picture could show us another frame
    header than the one that libjpeg finds.
    """
    if data[:2].tobytes() != b"\xff\xd8":
        return 0, 0
    at = 2
    while at + 9 <= data.size and data[at] == 0xFF:
        marker = int(data[at + 1])
        if marker == 0xFF:
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9].tobytes())
            return width, height
        at += 2 + (int(data[at + 2]) << 8 | int(data[at + 3]))
    return 0, 0
