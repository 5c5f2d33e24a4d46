"""A face that changes between photographs: warped by landmarks and cross-faded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]  # (n, 2): x, y in pixels

SIDE = 160  # pixels of every picture, as LFW's are stored
GRAINS = 6  # pictures of noise, drawn anew each frame: more would take longer than the daemon
SOFT = 14.0  # pixels over which a head's surroundings become the room
BORDER = 4  # fixed points on each side of a picture: what is not a face stays where it is


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A photograph of SIDE x SIDE pixels and where its face's landmarks are."""

    picture: Picture
    points: Points
    radius: float  # pixels around the landmarks' middle that show head, and nobody else


def aligned(portrait: Portrait, to: Points) -> Portrait:
    """Return a portrait turned, scaled and moved so that its landmarks lie on `to` (n, 2)."""
    matrix, _ = cv2.estimateAffinePartial2D(portrait.points, to, method=cv2.LMEDS)
    if matrix is None:
        raise ValueError("landmarks without extent")
    picture = cv2.warpAffine(
        portrait.picture, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE
    )
    points = cv2.transform(portrait.points[None], matrix)[0]
    return Portrait(np.asarray(picture, np.uint8), points.astype(np.float32), portrait.radius)


class Morph:
    """From one portrait to another that is aligned with it."""

    def __init__(self, a: Portrait, b: Portrait) -> None:
        self._a, self._b = a.picture, b.picture
        self._move = displacement((a.points + b.points) / 2, b.points - a.points)
        self._y, self._x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)

    def at(self, share: float) -> Picture:
        """Return the picture `share` of the way, 0 to 1."""
        if share <= 0:
            return self._a
        if share >= 1:
            return self._b
        dx, dy = self._move[..., 0], self._move[..., 1]
        sample = [
            cv2.remap(
                picture,
                self._x + np.float32(by) * dx,
                self._y + np.float32(by) * dy,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for picture, by in ((self._a, -share), (self._b, 1 - share))
        ]
        return np.asarray(cv2.addWeighted(sample[0], 1 - share, sample[1], share, 0), np.uint8)


def displacement(points: Points, moves: Points) -> NDArray[np.float32]:
    """Spread the moves of some points over a picture by a thin-plate spline (Bookstein 1989).

    Args:
        points: (n, 2) pixels.
        moves: (n, 2) pixels.

    Returns:
        (SIDE, SIDE, 2): x, y in pixels.
    """
    edge = np.linspace(0, SIDE - 1, BORDER + 1)
    rim = {(x, y) for e in edge for x, y in ((e, 0), (e, SIDE - 1), (0, e), (SIDE - 1, e))}
    known = np.vstack([points, np.array(sorted(rim))]).astype(np.float64)
    values = np.vstack([moves, np.zeros((len(rim), 2))]).astype(np.float64)
    n = len(known)
    flat = np.hstack([np.ones((n, 1)), known])
    system = np.zeros((n + 3, n + 3))
    # A little smoothing: landmarks are noisy by a pixel.
    system[:n, :n] = _kernel(known, known) + 50.0 * np.eye(n)
    system[:n, n:], system[n:, :n] = flat, flat.T
    weights = np.linalg.solve(system, np.vstack([values, np.zeros((3, 2))]))
    step = 4  # pixels: a spline is smooth
    grid = np.stack(np.meshgrid(np.arange(0, SIDE, step), np.arange(0, SIDE, step)), -1)
    at = grid.reshape(-1, 2).astype(np.float64)
    field = _kernel(at, known) @ weights[:n] + np.hstack([np.ones((len(at), 1)), at]) @ weights[n:]
    small = field.reshape(SIDE // step, SIDE // step, 2).astype(np.float32)
    return np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.float32)


def _kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return np.asarray(squared * np.log(np.maximum(squared, 1e-9)) / 2)


Keyframe = tuple[float, int]  # seconds, index of a portrait


class Film:
    """Portraits in turn, each at its time, as a camera would see them in a room."""

    def __init__(
        self,
        portraits: Sequence[Portrait],
        keyframes: Sequence[Keyframe],
        room: Picture,
        *,
        seed: int,
        noise: float,
        fps: float,
    ) -> None:
        """Make a film.

        Args:
            portraits: of one face; aligned with the first here.
            keyframes: by time; the first at 0. Between two, one becomes the other.
            room: (480, 640) luma behind the face.
            seed: of place, motion and noise.
            noise: standard deviation of the camera's noise, in luma.
            fps: frames a second.
        """
        first = portraits[0]
        self._portraits = [first, *(aligned(p, first.points) for p in portraits[1:])]
        self._keys, self._room, self._fps = list(keyframes), room.astype(np.float32), fps
        self._rng = np.random.default_rng(seed)
        self._morphs: dict[tuple[int, int], Morph] = {}
        r = self._rng
        grain = r.standard_normal((GRAINS, *room.shape), np.float32)
        self._grain = np.asarray(grain * np.float32(noise) + np.float32(0.5))
        self._place = r.uniform((250, 200), (390, 280))
        self._scale = r.uniform(1.5, 2.2)
        # Two slow sines of each of x, y (pixels) and turn (degrees): a head is never quite still.
        self._sway = [
            (r.uniform(0.5, most), r.uniform(0.15, 0.6), r.uniform(0, 2 * np.pi))
            for most in (5.0, 5.0, 3.0, 3.0, 3.0, 1.5)
        ]
        y, x = np.mgrid[0:SIDE, 0:SIDE] - first.points.mean(0)[::-1, None, None]
        self._mask = np.clip((first.radius - np.hypot(x, y)) / SOFT, 0, 1).astype(np.float32)

    def __len__(self) -> int:
        return round(self._keys[-1][0] * self._fps)

    def __getitem__(self, n: int) -> Picture:
        """Return a frame, (480, 640), made as it is asked for: a film is 9 MB a second.

        Raises:
            IndexError: the film is over.
        """
        if not 0 <= n < len(self):
            raise IndexError(n)
        return self._frame(n / self._fps)

    def frames(self) -> list[Picture]:
        """Return the frames, each (480, 640)."""
        return [self._frame(n / self._fps) for n in range(len(self))]

    def _frame(self, t: float) -> Picture:
        later = next((i for i, (at, _) in enumerate(self._keys) if at > t), len(self._keys) - 1)
        (t0, a), (t1, b) = self._keys[later - 1], self._keys[later]
        share = min(max((t - t0) / (t1 - t0), 0.0), 1.0)
        face = self._portraits[a].picture
        if a != b:
            if (a, b) not in self._morphs:
                self._morphs[a, b] = Morph(self._portraits[a], self._portraits[b])
            face = self._morphs[a, b].at(share * share * (3 - 2 * share))
        s = [size * np.sin(2 * np.pi * hz * t + phase) for size, hz, phase in self._sway]
        matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), s[4] + s[5], self._scale)
        matrix[:, 2] += self._place - SIDE / 2 + (s[0] + s[2], s[1] + s[3])
        size = self._room.shape[::-1]
        mask = cv2.warpAffine(self._mask, matrix, size)
        shown = cv2.warpAffine(face, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        out = self._room + mask * (shown.astype(np.float32) - self._room)
        out += self._grain[self._rng.integers(GRAINS)]
        return np.asarray(np.clip(out, 0, 255), np.uint8)
