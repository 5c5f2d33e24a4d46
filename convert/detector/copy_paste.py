"""Pictures to train on, made of photographs: faces pasted anywhere, in any size and turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.detector import corruptions
from convert.detector.medical_masks import masked
from convert.detector.photos import SURE, Photo
from edge.errors import ConfigError

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]

ENLARGED = 3.0  # times a photograph's face is enlarged at most; more shows nothing new
LEAST = 9.0  # pixels: smaller faces of the photographs are neither faces nor none
WHOLE = 0.5  # fraction of a face inside the picture from which it must be found
FLAT = 7.0  # standard deviation of luma under which nobody could tell a face
TRIES = 8  # places looked at for one more face
TURN_CALM, TURN_WILD = 9.0, 45.0  # degrees: sigma of most faces, bound of the others
ROOM = 0.12  # fraction of a pasted patch that may cover a face already there


@dataclass(frozen=True, slots=True)
class Recipe:
    """How often what is composed."""

    people: float = 0.5  # background: a photograph with faces of its own
    plain: float = 0.05  # background: no photograph, smooth light
    faces: tuple[float, ...] = (0.35, 0.35, 0.15, 0.09, 0.06)  # none, one, two, ... pasted
    sizes: tuple[float, float] = (10.0, 110.0)  # pixels: geometric mean of most faces' sides
    close: float = 0.3  # how often a face is large instead
    close_sizes: tuple[float, float] = (0.3, 1.12)  # then: as fractions of the picture's width
    outside: float = 0.15  # up to this fraction of a large face's side is beyond each border
    row: float = 0.12  # several of one size, side by side
    wild: float = 0.4  # faces turned up to `TURN_WILD`
    covered: float = 0.3  # faces with something in front
    masked: float = 0.0  # faces with a mask over nose and mouth
    prints: float = 0.1  # pictures with a drawing of a face that is none
    headless: float = 0.1  # pictures with head and shoulders, but nothing in the face
    things: float = 0.15  # backgrounds without people: simple shapes, as of screens or bottles
    mined: float = 0.25  # background: a place where an earlier network saw a face in nothing


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Picture:
    """A composed picture and what is in it."""

    luma: Luma  # (height, width)
    faces: Floats  # (n, 14): x, y, width, height, five landmarks (x, y)
    ignored: NDArray[np.bool_]  # (n,): neither a face nor none


def turned_box(box: Floats, matrix: Floats) -> tuple[float, float, float, float]:
    """Return the upright box around a face's ellipse after an affine map (2, 3) of its picture."""
    x, y, w, h = box.tolist()
    cx, cy = matrix @ (x + w / 2, y + h / 2, 1.0)
    across = 2 * np.hypot(matrix[0, 0] * w / 2, matrix[0, 1] * h / 2)
    down = 2 * np.hypot(matrix[1, 0] * w / 2, matrix[1, 1] * h / 2)
    return float(cx - across / 2), float(cy - down / 2), float(across), float(down)


def mapped(face: Floats, matrix: Floats) -> Floats:
    """Return a face (15,) as (14,) after an affine map; mirrored landmarks change their names."""
    points = face[4:14].reshape(5, 2) @ matrix[:, :2].T + matrix[:, 2]
    if np.linalg.det(matrix[:, :2]) < 0:
        points = points[[1, 0, 2, 4, 3]]
    box = turned_box(face[:4], matrix)
    return np.concatenate([box, points.reshape(10)]).astype(np.float32)


def visible(face: Floats, height: int, width: int) -> float:
    """Return which fraction of a face's box is inside the picture."""
    x, y, w, h = face[:4]
    inside = max(0.0, min(x + w, width) - max(x, 0)) * max(0.0, min(y + h, height) - max(y, 0))
    return float(inside / max(w * h, 1e-6))


def _main(photo: Photo) -> int:
    """Return which face of a photograph is the largest."""
    return int(np.argmax(photo.faces[:, 2] * photo.faces[:, 3]))


def _main_size(photo: Photo) -> float:
    """Return the geometric mean of the sides of a photograph's largest face, 0 without one."""
    if not len(photo.faces):
        return 0.0
    return float(np.sqrt(np.prod(photo.faces[_main(photo), 2:4])))


class Composer:
    """Makes pictures; holds the photographs and a source of chance."""

    def __init__(
        self,
        portraits: Sequence[Photo],
        scenes: Sequence[Photo],
        *,
        height: int,
        width: int,
        seed: int,
        recipe: Recipe | None = None,
    ) -> None:
        """Take photographs with one main face each, and everyday ones with and without faces.

        Raises:
            ConfigError: there is no face to paste, or nothing without a face to paste it on.
        """
        self.recipe = recipe or Recipe()
        self.rng = np.random.default_rng(seed)
        self._portraits = [p for p in portraits if _main_size(p) >= self.recipe.sizes[0]]
        self._peopled = [p for p in scenes if len(p.faces)]
        self._empty = [p for p in scenes if not len(p.faces)]
        if not self._portraits or not self._empty:
            raise ConfigError(
                f"{len(self._portraits)} photographs with a face to paste and {len(self._empty)} "
                "without one to paste it on; allowed: at least 1 of each"
            )
        self._h, self._w = height, width
        self.mined: list[Luma] = []  # pictures without a face that an earlier network mistook
        self._masks = corruptions.masks()

    def picture(self) -> Picture:
        """Return one more picture."""
        r, rng = self.recipe, self.rng
        canvas, faces, ignored = self._background()
        wanted = int(rng.choice(len(r.faces), p=np.array(r.faces) / sum(r.faces)))
        if faces and rng.random() < 0.7:
            wanted = 0
        if not faces and rng.random() < r.things:
            corruptions.things(canvas, rng)
        if rng.random() < r.prints:
            self._paste(canvas, faces, ignored, self._any_size(12, 80), instead=corruptions.drawing)
        if rng.random() < r.headless:
            self._paste(
                canvas, faces, ignored, self._any_size(12, 80), instead=corruptions.faceless
            )
        if wanted > 1 and rng.random() < r.row / sum(r.faces[2:]):
            self._row(canvas, faces, ignored, wanted + 1)
        elif wanted and rng.random() < r.close:
            self._close(canvas, faces, ignored)
        else:
            for _ in range(wanted):
                self._paste(canvas, faces, ignored, self._any_size())
        luma = corruptions.corrupted(canvas, rng)
        for k, face in enumerate(faces):
            ignored[k] = ignored[k] or self._too_dim(luma, face)
        array = np.array(faces, np.float32).reshape(-1, 14)
        return Picture(luma, array, np.array(ignored, bool))

    def faceless(self) -> Luma:
        """Return a picture without a face; nothing mined."""
        usual = self.recipe
        self.recipe = replace(usual, people=0.0, mined=0.0, faces=(1.0,))
        try:
            return self.picture().luma
        finally:
            self.recipe = usual

    def _too_dim(self, luma: Luma, face: Floats) -> bool:
        x0, y0 = np.maximum(face[:2], 0).astype(int)
        x1, y1 = (face[:2] + face[2:4]).astype(int) + 1
        part = luma[y0:y1, x0:x1]
        return part.size == 0 or float(cv2.blur(part, (3, 3)).std()) < FLAT

    def _any_size(self, low: float | None = None, high: float | None = None) -> float:
        smallest, largest = self.recipe.sizes
        low, high = low or smallest, high or largest
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def _background(self) -> tuple[Luma, list[Floats], list[bool]]:
        rng, r = self.rng, self.recipe
        draw = rng.random()
        if draw < r.plain:
            return corruptions.smooth_light(self._h, self._w, rng), [], []
        if draw < r.plain + r.mined and self.mined:
            luma = self.mined[int(rng.integers(len(self.mined)))]
            canvas = np.ascontiguousarray(luma[:, ::-1] if rng.random() < 0.5 else luma)
            return canvas.copy(), [], []
        if self._peopled and rng.random() < r.people:
            return self._people()
        return self._place(), [], []

    def _place(self) -> Luma:
        """Return a view of a photograph without a face."""
        rng = self.rng
        photo = self._empty[int(rng.integers(len(self._empty)))]
        h, w = photo.luma.shape
        scale = float(np.exp(rng.uniform(np.log(0.5), np.log(2.0))))
        if rng.random() < 0.4:  # as a camera shows it
            scale = float(rng.uniform(0.9, 1.2)) * max(self._h / h, self._w / w)
        scale = max(scale, 0.75 * max(self._h / h, self._w / w))
        middle = float(rng.uniform(0, w)), float(rng.uniform(0, h))
        matrix = self._affine(scale, self._angle(), middle, (self._w / 2, self._h / 2))
        warped = cv2.warpAffine(
            corruptions.reduced(photo.luma, scale),
            matrix,
            (self._w, self._h),
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return np.asarray(warped, np.uint8)

    def _people(self) -> tuple[Luma, list[Floats], list[bool]]:
        """Return a view of a photograph with faces; what lies beyond it is another photograph."""
        rng = self.rng
        photo = self._peopled[int(rng.integers(len(self._peopled)))]
        h, w = photo.luma.shape
        x, y, fw, fh, score = photo.faces[int(rng.integers(len(photo.faces)))][[0, 1, 2, 3, 14]]
        size = max(float(np.sqrt(fw * fh)), 1.0)
        if score >= SURE and rng.random() < self.recipe.close:
            wanted = float(rng.uniform(*self.recipe.close_sizes)) * self._w
        else:
            wanted = self._any_size()
        scale = min(wanted / size, ENLARGED)
        wanted = scale * size
        # The face somewhere in the picture, or up to a quarter of it outside.
        spare = np.maximum(np.array([self._w, self._h]) - wanted, 0) / 2 + 0.2 * wanted
        at = np.array([self._w, self._h]) / 2 + rng.uniform(-1, 1, 2) * spare
        centre = (float(x + fw / 2), float(y + fh / 2))
        matrix = self._affine(scale, self._angle(), centre, (float(at[0]), float(at[1])))
        warped = cv2.warpAffine(
            corruptions.reduced(photo.luma, scale), matrix, (self._w, self._h)
        ).astype(np.uint8)
        alpha = cv2.warpAffine(np.full((h, w), 255, np.uint8), matrix, (self._w, self._h))
        canvas = warped
        if int(alpha.min()) < 255:
            canvas = self._place()
            corruptions.blend(canvas, warped, np.asarray(alpha, np.uint8))
        faces: list[Floats] = []
        ignored: list[bool] = []
        for face in photo.faces:
            self._add(faces, ignored, face, matrix)
        return canvas, faces, ignored

    def _angle(self) -> float:
        rng = self.rng
        draw = rng.random()
        if draw < 0.2:
            return float(rng.uniform(-TURN_WILD, TURN_WILD))
        return float(rng.normal(0, 8)) if draw < 0.7 else 0.0

    def _affine(
        self, scale: float, angle: float, at: tuple[float, float], to: tuple[float, float]
    ) -> Floats:
        """Return the map that turns and scales about `at`, brings it to `to`, mirrors half."""
        a = np.deg2rad(angle)
        turn = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        if self.rng.random() < 0.5:
            turn[:, 0] *= -1
        shift = np.array(to) - turn @ np.array(at)
        return np.concatenate([turn, shift[:, None]], axis=1).astype(np.float32)

    def _add(self, faces: list[Floats], ignored: list[bool], face: Floats, matrix: Floats) -> None:
        there = mapped(face, matrix)
        seen = visible(there, self._h, self._w)
        if seen <= 0.05:
            return
        size = float(np.sqrt(there[2] * there[3]))
        cx, cy = there[0] + there[2] / 2, there[1] + there[3] / 2
        inside = 0 <= cx < self._w and 0 <= cy < self._h
        faces.append(there)
        ignored.append(bool(size < LEAST or face[14] < SURE or seen < WHOLE or not inside))

    def _close(self, canvas: Luma, faces: list[Floats], ignored: list[bool]) -> None:
        """Put one large face into the picture, a part of it outside."""
        size = float(self.rng.uniform(*self.recipe.close_sizes)) * self._w
        spare = np.maximum(np.array([self._w, self._h]) - size, 0) / 2 + self.recipe.outside * size
        at = np.array([self._w, self._h]) / 2 + self.rng.uniform(-1, 1, 2) * spare
        self._paste(canvas, faces, ignored, size, at=(float(at[0]), float(at[1])))

    def _row(self, canvas: Luma, faces: list[Floats], ignored: list[bool], n: int) -> None:
        size = self._any_size(12, max(12.0, 0.75 * self._w / n))
        level = self.rng.uniform(0.25, 0.75) * self._h
        step = self._w / n
        for k in self.rng.permutation(n):
            x = (k + 0.5) * step + self.rng.normal(0, 0.08 * step)
            y = level + self.rng.normal(0, 0.3 * size)
            self._paste(canvas, faces, ignored, size * self.rng.uniform(0.8, 1.2), at=(x, y))

    def _paste(
        self,
        canvas: Luma,
        faces: list[Floats],
        ignored: list[bool],
        size: float,
        *,
        at: tuple[float, float] | None = None,
        instead: Callable[[Luma, Floats, np.random.Generator], Luma] | None = None,
    ) -> None:
        """Put a face of `size` pixels into the picture, or what `instead` makes of it: no face."""
        rng = self.rng
        for _ in range(TRIES):  # one that need not be enlarged by much
            photo = self._portraits[int(rng.integers(len(self._portraits)))]
            if size <= ENLARGED * _main_size(photo):
                break
        main = photo.faces[_main(photo)]
        if main[14] < SURE:
            return
        fw, fh = main[2:4]
        mask = self._masks[int(rng.integers(len(self._masks)))]
        scale = size / float(np.sqrt(fw * fh))
        wild = rng.random() < self.recipe.wild
        angle = rng.uniform(-TURN_WILD, TURN_WILD) if wild else rng.normal(0, TURN_CALM)
        centre = (float(main[0] + fw / 2), float(main[1] + fh / 2))
        place = at or self._free_place(faces, size * mask.reach)
        if place is None:
            return
        matrix = self._affine(scale, float(angle), centre, place)
        luma = corruptions.reduced(photo.luma, scale)
        if instead is not None:
            luma = instead(luma, main, rng)
        elif rng.random() < self.recipe.masked:
            luma = masked(luma, main, rng)
        elif rng.random() < self.recipe.covered:
            luma = corruptions.cover(luma, main, rng)
        alpha = mask.over(main, luma.shape, rng)
        left, top, right, bottom = self._reach(luma.shape, matrix)
        if right <= left or bottom <= top:
            return
        local = matrix.copy()
        local[:, 2] -= (left, top)
        part = (right - left, bottom - top)
        patch = cv2.warpAffine(luma, local, part, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)
        weight = np.zeros_like(canvas)
        weight[top:bottom, left:right] = cv2.warpAffine(alpha, local, part)
        if instead is not corruptions.drawing:
            patch = corruptions.match(patch, canvas, place, size, rng)
        corruptions.blend(canvas[top:bottom, left:right], patch, weight[top:bottom, left:right])
        for k, old in enumerate(faces):  # what lies behind now
            x0, y0 = np.maximum(old[:2], 0).astype(int)
            x1, y1 = (old[:2] + old[2:4]).astype(int) + 1
            hidden = weight[y0:y1, x0:x1]
            if hidden.size and float((hidden > 100).mean()) > ROOM:
                ignored[k] = True
        if instead is not None:
            return
        for face in photo.faces:
            there = mapped(face, matrix)
            c = (there[:2] + there[2:4] / 2).astype(int)
            if not (0 <= c[0] < self._w and 0 <= c[1] < self._h):
                if face is main:
                    self._add(faces, ignored, face, matrix)
                continue
            if weight[c[1], c[0]] > 128:
                self._add(faces, ignored, face, matrix)

    def _reach(self, shape: Sequence[int], matrix: Floats) -> tuple[int, int, int, int]:
        """Return the part of the picture that a mapped photograph covers."""
        h, w = shape
        corners = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]]) @ matrix.T
        x0, y0 = np.floor(corners.min(axis=0)).astype(int).tolist()
        x1, y1 = np.ceil(corners.max(axis=0)).astype(int).tolist()
        return max(x0, 0), max(y0, 0), min(x1, self._w), min(y1, self._h)

    def _free_place(self, faces: list[Floats], reach: float) -> tuple[float, float] | None:
        margin = 0.04
        for _ in range(TRIES):
            x = float(self.rng.uniform(-margin, 1 + margin) * self._w)
            y = float(self.rng.uniform(-margin, 1 + margin) * self._h)
            if all(
                np.hypot(x - f[0] - f[2] / 2, y - f[1] - f[3] / 2)
                > 0.55 * reach + 0.5 * float(np.sqrt(f[2] * f[3]))
                for f in faces
            ):
                return x, y
        return None
