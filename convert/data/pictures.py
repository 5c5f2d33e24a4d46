"""Faces kept as picture files, one a face: decoded to grey, squared up and resized."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from convert import MAX_PIXELS
from convert.data.dataset import Faces, Indices, Skipped
from convert.data.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".tif", ".tiff")
MAX_BYTES = 64 * 1024 * 1024  # of a picture file; a bound against nonsense
SIZE = (48, 48)  # height, width in pixels, FER2013's and the shipped models'


class Cut(Protocol):
    """Cuts what is to be looked at out of a picture."""

    def __call__(self, path: Path, grey: Faces, size: tuple[int, int], /) -> Faces:
        """Return luma of `size` (height, width).

        Raises:
            DataError: there is nothing to cut out.
        """


def decode(path: Path, size: tuple[int, int], cut: Cut | None = None) -> Faces:
    """Return the picture as luma of `size`.

    Args:
        path: of the picture.
        size: height and width of the result.
        cut: what to take of it; None: its middle, of the same proportions as `size`.

    Raises:
        DataError: the file is missing, empty, cut off or no picture; or `cut` finds nothing.
    """
    raw = read_bounded(path)
    if raw.size == 0:
        raise DataError(path, "empty file")
    if _cut_off(raw, path.suffix.lower()):
        raise DataError(path, "cut off before its end")
    try:
        grey = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE)
    except cv2.error as e:  # raised, instead of None, for sizes beyond the limit
        raise DataError(path, f"more than {MAX_PIXELS} pixels, or no picture") from e
    if grey is None or grey.size == 0:
        raise DataError(path, "not a picture that OpenCV can read")
    luma = np.asarray(grey, np.uint8)
    return cut(path, luma, size) if cut is not None else middle(luma, size)


def middle(grey: Faces, size: tuple[int, int]) -> Faces:
    """Return the middle of a picture with the proportions of `size`, resized to it."""
    height, width = size
    h, w = grey.shape[:2]
    if h * width > w * height:  # too tall
        keep = max(1, round(w * height / width))
        top = (h - keep) // 2
        grey = grey[top : top + keep]
    elif h * width < w * height:  # too wide
        keep = max(1, round(h * width / height))
        left = (w - keep) // 2
        grey = grey[:, left : left + keep]
    if grey.shape != size:
        smaller = grey.shape[0] > height
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        grey = np.asarray(cv2.resize(grey, (width, height), interpolation=how), np.uint8)
    return grey


def read_bounded(path: Path) -> NDArray[np.uint8]:
    """Return the bytes of a picture file.

    Raises:
        DataError: it is missing, no regular file (a pipe would block), or too large for a picture.
    """
    try:
        # Not `path.open`: that waits for whoever writes to a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as f:
            status = os.fstat(f.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise DataError(path, "not a regular file")
            if status.st_size > MAX_BYTES:
                raise DataError(path, f"{status.st_size} bytes; allowed: up to {MAX_BYTES}")
            return np.frombuffer(f.read(MAX_BYTES), np.uint8)
    except OSError as e:
        raise DataError(path, e.strerror or "cannot be read") from e
    except ValueError as e:  # a NUL in the name
        raise DataError(path, f"no file name: {e}") from e


def _cut_off(raw: np.ndarray, suffix: str) -> bool:
    """Return whether a JPEG or PNG lacks its end; OpenCV fills the rest with grey in silence."""
    end = raw[-64:].tobytes()  # some writers append a few bytes
    if suffix in (".jpg", ".jpeg"):
        return raw[:2].tobytes() == b"\xff\xd8" and b"\xff\xd9" not in end
    if suffix == ".png":
        return raw[:4].tobytes() == b"\x89PNG" and b"IEND" not in end
    return False


class Pictures:
    """The loader of faces that are one file each; keeps no pixels."""

    def __init__(
        self, paths: Sequence[Path], size: tuple[int, int], cut: Cut | None = None
    ) -> None:
        self._paths = tuple(paths)
        self._size = size
        self._cut = cut

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, in the order of the faces."""
        return self._paths

    def __call__(self, indices: Indices) -> Faces:
        """Return the faces at these indices, shape (n, height, width), uint8."""
        out = np.empty((len(indices), *self._size), np.uint8)
        for k, i in enumerate(indices):
            out[k] = decode(self._paths[i], self._size, self._cut)
        return out


def readable(
    paths: Sequence[Path], size: tuple[int, int], cut: Cut | None = None
) -> tuple[list[int], tuple[Skipped, ...]]:
    """Try each picture once; return the indices of the good ones and a list of the others."""
    good: list[int] = []
    bad: list[Skipped] = []
    for i, path in enumerate(paths):
        try:
            decode(path, size, cut)
        except DataError as e:
            bad.append(Skipped(e.file, e.reason))
        else:
            good.append(i)
    return good, tuple(bad)
