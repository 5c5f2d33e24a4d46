"""Measures movements of a small fraction of a pixel against a reference, whatever the light does.

One step of Lucas and Kanade 1981: movement and light are fitted together by least squares. The
matrix depends on the reference alone, so that a later sample costs one small product.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import Box
from edge.image import resize

Floats = NDArray[np.float32]

SIDE = 32  # pixels that a face is reduced to: its features survive, sensor noise averages out
CELLS = 8  # cells across, in which what neither movement nor light explains is averaged
CAMERA_PX = 160  # pixels of width that a frame is reduced to for the camera's own movement
TILE = 20  # pixels of it: small beside the bands that mains flicker makes
MIN_TILES = 6  # that are free of people and have a texture, or the camera counts as fixed
MAX_TILE_ERROR = 0.05  # pixels that a level of noise moves a tile: flat walls say nothing
FINE = 0.05  # pixels of the reduced frame; from here on a second step is taken
AGREED = 0.1  # pixels of the reduced frame: median distance of the parts from their median
LOST_S = 5.0  # s without agreement before another reference is taken
ANCHOR_S = 60.0  # s after which another one is taken anyway: daylight moves on
RANGE = 0.7  # pixels of the reduced frame; farther, one step is no longer right


class Reference:
    """A face's inside at one instant, with what is needed to measure later ones against it."""

    def __init__(self, patch: Floats) -> None:
        """Take `patch`, shape (SIDE, SIDE), as made by `inside`."""
        self._patch = patch
        self._columns = _columns(patch[None], whole=True)[0]
        self._solve, error = (a[0] for a in _solvers(self._columns[None], 4))
        # What a level of noise moves it by, as a fraction of the side: how much there is to see.
        self.error = float(error) / SIDE

    def compare(self, patch: Floats) -> tuple[Floats, float, float]:
        """Measure `patch` against the reference.

        Returns:
            Right, down, growth and roll (both at the box's edge), as fractions of the box's side;
            the largest change of a cell that they and the light do not explain, in levels of luma;
            and how large such changes usually are in this sample.
        """
        change = (patch - self._patch).ravel()
        found = self._solve @ change
        rest = (change - self._columns @ found).reshape(CELLS, SIDE // CELLS, CELLS, SIDE // CELLS)
        cells = np.abs(rest.mean(axis=(1, 3)))
        # 1.4826: from the median of absolute values to a standard deviation.
        return found[:4] / SIDE, float(cells.max()), 1.4826 * float(np.median(cells))


def inside(luma: NDArray[np.uint8], box: Box) -> Floats:
    """Return a box's inside, reduced and a little smoothed, shape (SIDE, SIDE)."""
    size, (x, y) = (max(round(box.width), 1), max(round(box.height), 1)), box.centre
    part = cv2.getRectSubPix(luma, size, (x - 0.5, y - 0.5))
    return _smooth(resize(np.asarray(part, np.uint8), SIDE, SIDE))


class CameraShift:
    """How far the whole picture has shifted: the median of its parts without people."""

    def __init__(self) -> None:
        """Begin with the first frame."""
        self._shape: tuple[int, ...] = ()
        self._first: Floats | None = None
        self._solve = np.zeros((0, 2, 1), np.float32)
        self._textured = np.zeros(0, bool)
        self._base = self._at = (0.0, 0.0)  # pixels: where the reference was, and the last frame
        self._anchored = self._agreed = 0.0  # s

    def update(
        self, t: float, luma: NDArray[np.uint8], faces: Sequence[Box]
    ) -> tuple[float, float]:
        """Return how far right and down the picture has moved since the first call, in pixels.

        Where too little is free of people and has a texture, or its parts do not agree, the camera
        counts as fixed.
        """
        rows, columns = luma.shape
        scale = columns / CAMERA_PX
        small = _smooth(resize(luma, CAMERA_PX, max(round(rows / scale), TILE)))
        tiles = _tiles(small)
        if self._first is None or self._shape != luma.shape:
            self._shape = luma.shape
            self._anchor(t, tiles)
            return self._at
        found = self._found(small, tiles, self._textured & _free(faces, scale, self._shape))
        if found is not None:
            self._agreed = t
            x, y = self._base
            self._at = (x + float(found[0]) * scale, y + float(found[1]) * scale)
        if t - self._agreed > LOST_S or t - self._anchored > ANCHOR_S:
            self._anchor(t, tiles)
        return self._at

    def _found(self, small: Floats, tiles: Floats, free: NDArray[np.bool_]) -> Floats | None:
        if int(free.sum()) < MIN_TILES or self._first is None:
            return None
        first, solve = self._first[free], self._solve[free]
        each = _shifts(solve, tiles[free] - first)
        found = np.median(each, axis=0)
        if np.abs(found).max() > RANGE or np.median(np.abs(each - found), axis=0).max() > AGREED:
            return None
        if np.abs(found).max() > FINE:  # one step alone is a few percent off
            found += np.median(
                _shifts(solve, _tiles(_moved_back(small, found))[free] - first), axis=0
            )
        return np.asarray(found, np.float32)

    def _anchor(self, t: float, tiles: Floats) -> None:
        self._first, self._base, self._anchored, self._agreed = tiles, self._at, t, t
        solve, error = _solvers(_columns(tiles, whole=False), 2)
        self._solve, self._textured = np.ascontiguousarray(solve[:, :2]), error < MAX_TILE_ERROR


def _smooth(picture: NDArray[np.uint8]) -> Floats:
    """Smooth so that slopes hold over the distance that is measured."""
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (5, 5), 1.0), np.float32)


def _columns(patches: Floats, *, whole: bool) -> Floats:
    """Return what movement and light do to luma, shape (patches, pixels, effects).

    First right and down, with `whole` also growth and roll. Light is luma times a slowly varying
    factor, plus a slope: exposure, a lamp elsewhere, a soft shadow. Mains flicker makes bands
    across a rolling shutter: with `whole` the factor follows them down the picture.
    """
    n, rows, columns = patches.shape
    x = np.broadcast_to(np.linspace(-1, 1, columns, dtype=np.float32), patches.shape)
    y = np.broadcast_to(np.linspace(-1, 1, rows, dtype=np.float32)[:, None], patches.shape)
    down, along = (np.asarray(g, np.float32) for g in np.gradient(patches, axis=(1, 2)))
    one = np.ones_like(patches)
    effects = [-along, -down]
    if whole:
        effects += [-(x * along + y * down), x * down - y * along]
    factors = [one, x, y, y * y] + ([x * x, x * y, y**3, y**4] if whole else [])
    effects += [patches * f for f in factors] + [one, x, y]
    return np.stack([e.reshape(n, -1) for e in effects], axis=2)


def _solvers(columns: Floats, movements: int) -> tuple[Floats, Floats]:
    """Return the least-squares solvers, and the pixels that a level of noise moves each patch."""
    transposed = columns.swapaxes(1, 2).astype(np.float64)
    normal = transposed @ columns
    size = normal.shape[1]
    # A trace of ridge: where nothing has a slope, nothing moves, and no inverse explodes.
    trace = np.trace(normal, axis1=1, axis2=2)[:, None, None]
    inverse = np.linalg.inv(normal + np.eye(size) * (1e-7 * trace / size + 1e-4))
    worst = np.diagonal(inverse, axis1=1, axis2=2)[:, :movements].max(axis=1)
    return (inverse @ transposed).astype(np.float32), np.sqrt(worst).astype(np.float32)


def _shifts(solve: Floats, change: Floats) -> Floats:
    return np.asarray((solve @ change.reshape(len(change), -1, 1))[:, :, 0], np.float32)


def _moved_back(small: Floats, shift: Floats) -> Floats:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = small.shape[1], small.shape[0]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(small, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(back, np.float32)


def _tiles(small: Floats) -> Floats:
    rows, columns = small.shape[0] // TILE, small.shape[1] // TILE
    cut = small[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    return cut.swapaxes(1, 2).reshape(rows * columns, TILE, TILE)


def _free(faces: Sequence[Box], scale: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which tiles hold nobody: no face, no shoulders beside and no body below one."""
    side = TILE * scale
    top = np.arange(max(round(shape[0] / scale), TILE) // TILE)[:, None] * side
    left = np.arange(CAMERA_PX // TILE)[None, :] * side
    free = np.ones((len(top), left.shape[1]), bool)
    for box in faces:
        beside = (left < box.x + 2 * box.width) & (left + side > box.x - box.width)
        free &= ~(beside & (top + side > box.y - box.height / 2))
    return free.ravel()
