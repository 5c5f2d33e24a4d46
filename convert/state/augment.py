"""Training crops: a patch turned, shifted, covered and spoilt, with the values that it then has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.detector.corruptions import corrupted
from convert.state.faces import PATCH, Faces
from convert.state.outputs import (
    EYE_LEFT,
    EYE_RIGHT,
    MOUTH,
    PITCH,
    ROLL,
    SCALES,
    SMILE,
    YAW,
    N,
    mirrored,
)
from edge.geometry import turned_pose
from edge.image import resize

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
Rng = np.random.Generator
MIRROR = np.array([1, 0, 2, 4, 3])  # landmarks of a mirror image
EYE_PATCH = 0.66  # eye distances: as wide as the eye crops of eyes.npz
EYE_PX = 24  # pixels, as there
EYES_ABOUT = 25.0  # degrees of yaw: eyes are exchanged between faces that are turned by less
MOST_ROLL = 60.0  # degrees: heads tilted further are not asked for


@dataclass(frozen=True, slots=True)
class Recipe:
    """How much is done to a crop; the shares are of the crops."""

    size: int = 64  # pixels of the network's input
    shift: float = 0.05  # of the box's side, standard deviation: as far as detectors differ
    grow: float = 0.08  # of the box's side, the same, as a logarithm
    small_turn: float = 8.0  # degrees, standard deviation
    large_turn: float = 45.0  # degrees, most
    turned: float = 0.35  # of the crops: by any angle up to the most
    bordered: float = 0.2  # whose surroundings are the face's own border pixels
    low: float = 0.3  # seen with fewer pixels
    lowest: int = 12  # pixels
    spoilt: float = 0.5  # light, blur, noise, compression
    dark: float = 0.08
    glasses: float = 0.05  # dark ones
    clear: float = 0.06  # other glasses
    exchanged: float = 0.15  # with the eyes of another face
    masked: float = 0.06
    patched: float = 0.1  # something before a part of the face


def crop_of(faces: Faces, row: int, recipe: Recipe, rng: Rng) -> tuple[Luma, Floats]:
    """Return one crop (size, size) and its values (7,) in their units; NaN where not known."""
    patch, points = faces.patches[row], faces.landmarks[row].copy()
    values = faces.values[row].copy()
    if rng.random() < 0.5:
        patch = np.ascontiguousarray(patch[:, ::-1])
        points = points[MIRROR]
        points[:, 0] = PATCH - points[:, 0]
        values = mirrored(values)
    if rng.random() < recipe.bordered:
        patch = bordered(patch, rng)
    if rng.random() < recipe.exchanged:
        patch = _exchanged(faces, patch, points, values, rng)
    covered = patch
    if rng.random() < recipe.clear:
        covered = clear_glasses(covered, points, rng)
    if rng.random() < recipe.glasses:
        covered = dark_glasses(covered, points, rng)
        values[[EYE_LEFT, EYE_RIGHT]] = np.nan
    if rng.random() < recipe.masked:
        covered = mask(covered, points, rng)
        values[[MOUTH, SMILE]] = np.nan
    if rng.random() < recipe.patched:
        covered = something_before(covered, rng)
    turn = float(rng.normal(0, recipe.small_turn))
    if rng.random() < recipe.turned:
        turn = float(rng.uniform(-recipe.large_turn, recipe.large_turn))
    if np.isfinite(values[: ROLL + 1]).all():
        yaw, pitch, roll = (float(v) for v in values[[YAW, PITCH, ROLL]])
        turned = turned_pose(yaw, pitch, roll, turn)
        if abs(turned[2]) > MOST_ROLL:
            turn = -turn
            turned = turned_pose(yaw, pitch, roll, turn)
        values[[YAW, PITCH, ROLL]] = turned
    grow = float(np.exp(rng.normal(0, recipe.grow)))
    shift = rng.normal(0, recipe.shift, 2) * PATCH / 2
    luma = cut(covered, turn, grow, (float(shift[0]), float(shift[1])), recipe.size)
    if rng.random() < recipe.low:
        side = int(rng.integers(recipe.lowest, recipe.size * 3 // 4 + 1))
        luma = resize(resize(luma, side, side), recipe.size, recipe.size)
    if rng.random() < recipe.dark:
        luma = darkened(luma, rng)
    if rng.random() < recipe.spoilt:
        luma = corrupted(luma, rng)
    return luma, values


def _exchanged(faces: Faces, patch: Luma, points: Floats, values: Floats, rng: Rng) -> Luma:
    """Return the patch with the eyes of another face, and give `values` their openness.

    What the rest of the picture looks like then says nothing about the eyes: faces with shut eyes
    are from one source.
    """
    other = int(rng.integers(len(faces)))
    if rng.random() < 0.5:  # a shut pair
        shut = np.flatnonzero(faces.values[:, EYE_LEFT] + faces.values[:, EYE_RIGHT] < 0.3)
        other = int(rng.choice(shut)) if len(shut) else other
    theirs = faces.values[other]
    turned = max(abs(float(np.nan_to_num(v[YAW]))) for v in (values, theirs))
    if turned > EYES_ABOUT or not np.isfinite(theirs[[EYE_LEFT, EYE_RIGHT]]).all():
        return patch
    eyes = [eye_of(faces.patches[other], faces.landmarks[other], k) for k in (0, 1)]
    values[[EYE_LEFT, EYE_RIGHT]] = theirs[[EYE_LEFT, EYE_RIGHT]]
    return with_eyes(patch, points, (eyes[0], eyes[1]))


def cut(patch: Luma, turn: float, grow: float, shift: tuple[float, float], size: int) -> Luma:
    """Return a square of the patch, `grow` boxes wide, turned clockwise by `turn` degrees.

    Args:
        patch: (PATCH, PATCH), whose box is half as wide.
        turn: degrees by which the picture is turned.
        grow: side of the square, in sides of the box.
        shift: pixels of the patch by which its middle lies right of and below the box's.
        size: pixels of the result.
    """
    k = PATCH / 2 * grow / size
    cos, sin = k * math.cos(math.radians(turn)), k * math.sin(math.radians(turn))
    half, middle = (size - 1) / 2, (PATCH - 1) / 2
    x, y = middle + shift[0], middle + shift[1]
    # From the crop to the patch: a clockwise turn of the picture is read counter-clockwise.
    matrix = np.array(
        [[cos, sin, x - (cos + sin) * half], [-sin, cos, y - (cos - sin) * half]], np.float32
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(patch, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8)


def bordered(patch: Luma, rng: Rng) -> Luma:
    """Return the patch as if the picture ended at the face: some archives are cut like that."""
    low, high = PATCH // 4, PATCH - PATCH // 4
    cuts = rng.integers(-6, 7, 4)
    top, bottom, left, right = low + cuts[0], high + cuts[1], low + cuts[2], high + cuts[3]
    inner = patch[top:bottom, left:right]
    out = cv2.copyMakeBorder(
        inner, int(top), int(PATCH - bottom), int(left), int(PATCH - right), cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8)


def dark_glasses(patch: Luma, points: Floats, rng: Rng) -> Luma:
    """Return the patch with sunglasses on, lenses more or less opaque."""
    right, left = points[0], points[1]
    apart = max(float(np.linalg.norm(left - right)), 8.0)
    turn = math.degrees(math.atan2(*(left - right)[::-1]))
    layer = patch.copy()
    dark = float(np.clip(rng.normal(25, 15), 0, 80))
    axes = (int(apart * rng.uniform(0.34, 0.46)), int(apart * rng.uniform(0.24, 0.36)))
    for eye in (right, left):
        cv2.ellipse(layer, (int(eye[0]), int(eye[1])), axes, turn, 0, 360, dark, -1)
    ends = ((int(p[0]), int(p[1])) for p in (right, left))
    cv2.line(layer, next(ends), next(ends), dark, max(1, int(apart * 0.08)))
    if rng.random() < 0.4:  # a reflection
        side = right if rng.random() < 0.5 else left
        at = (int(side[0] + rng.normal(0, 4)), int(side[1] + rng.normal(0, 3)))
        cv2.ellipse(layer, at, (4, 2), turn, 0, 360, float(rng.uniform(100, 220)), -1)
    opacity = float(rng.uniform(0.85, 1.0))
    return np.asarray(cv2.addWeighted(layer, opacity, patch, 1 - opacity, 0), np.uint8)


def mask(patch: Luma, points: Floats, rng: Rng) -> Luma:
    """Return the patch with a cloth over mouth, chin and most of the nose."""
    eyes, nose, mouth = points[:2].mean(axis=0), points[2], points[3:].mean(axis=0)
    across = points[1] - points[0]
    reach = max(float(np.linalg.norm(across)), 0.6 * float(np.linalg.norm(mouth - eyes)), 8.0)
    across = across / max(float(np.linalg.norm(across)), 1.0) * reach
    down = mouth - eyes
    top = nose - down * rng.uniform(-0.05, 0.35)
    chin = mouth + down * rng.uniform(0.6, 0.9)
    wide = rng.uniform(0.85, 1.1)
    corners = np.array(
        [
            top - across * wide, top - down * 0.1, top + across * wide,
            (mouth + chin) / 2 + across * wide * 0.9, chin + across * 0.4,
            chin - across * 0.4, (mouth + chin) / 2 - across * wide * 0.9,
        ]
    )  # fmt: skip
    layer = patch.copy()
    tone = float(rng.uniform(15, 250))
    cv2.fillPoly(layer, [corners.astype(np.int32)], tone)
    for k in range(int(rng.integers(0, 4))):  # folds
        a, b = mouth - across * wide, mouth + across * wide
        drop = down * (0.25 * k - 0.2)
        cv2.line(
            layer,
            (int(a[0] + drop[0]), int(a[1] + drop[1])),
            (int(b[0] + drop[0]), int(b[1] + drop[1])),
            float(np.clip(tone + rng.normal(0, 25), 0, 255)), 1,
        )  # fmt: skip
    return np.asarray(cv2.blur(layer, (3, 3)), np.uint8)


def clear_glasses(patch: Luma, points: Floats, rng: Rng) -> Luma:
    """Return the patch with the frames of glasses, and reflections on their lenses."""
    out = patch.copy()
    apart = max(float(np.linalg.norm(points[1] - points[0])), 8.0)
    turn = math.degrees(math.atan2(*(points[1] - points[0])[::-1]))
    axes = (int(apart * rng.uniform(0.34, 0.44)), int(apart * rng.uniform(0.24, 0.34)))
    tone, thick = float(rng.uniform(0, 90)), int(rng.integers(1, 4))
    for x, y in points[:2]:
        cv2.ellipse(out, (int(x), int(y)), axes, turn, 0, 360, tone, thick, cv2.LINE_AA)
        if rng.random() < 0.4:
            dx, dy = rng.uniform(-0.25, 0.1, 2) * apart
            ends = (int(x + dx), int(y + dy)), (int(x + dx + apart * 0.1), int(y + dy + 2))
            cv2.line(out, *ends, float(rng.uniform(180, 255)), 1, cv2.LINE_AA)
    (x0, y0), (x1, y1) = points[0], points[1]
    k = axes[0] / apart  # the bridge
    start = (int(x0 + (x1 - x0) * k), int(y0 + (y1 - y0) * k))
    end = (int(x1 - (x1 - x0) * k), int(y1 - (y1 - y0) * k))
    cv2.line(out, start, end, tone, thick, cv2.LINE_AA)
    return out


def with_eyes(patch: Luma, points: Floats, eyes: tuple[Luma, Luma]) -> Luma:
    """Return the patch with other eyes over its own, as bright as what was there.

    Args:
        patch: (PATCH, PATCH).
        points: its landmarks.
        eyes: crops as `eye_of` cuts them, of any size, for its right and left eye.
    """
    out = patch.astype(np.float32)
    for which, eye in enumerate(eyes):
        matrix = _eye_square(points, which, len(eye))
        n = len(eye)
        across = np.linspace(-1, 1, n)
        far = np.maximum(*np.meshgrid(np.abs(across), 0.8 * np.abs(across)))
        weight = np.clip(3.0 - 3.0 * far, 0, 1).astype(np.float32)
        laid = cv2.warpAffine(
            eye.astype(np.float32), matrix, (PATCH, PATCH), borderMode=cv2.BORDER_REPLICATE
        )
        where = cv2.warpAffine(weight, matrix, (PATCH, PATCH))
        rim = (where > 0.02) & (where < 0.6)  # skin: an open eye is darker than a shut one
        if not rim.any():
            continue
        was, new = float(np.median(out[rim])), float(np.median(laid[rim]))
        gain = float(np.clip(was / max(new, 1.0), 0.6, 1.6))
        laid = was + (laid - new) * gain
        out = where * laid + (1 - where) * out
    return np.clip(out, 0, 255).astype(np.uint8)


def eye_of(patch: Luma, points: Floats, which: int) -> Luma:
    """Return a crop of the right (0) or left (1) eye, EYE_PX pixels wide, level with the eyes."""
    matrix = _eye_square(points, which, EYE_PX)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(
        patch, matrix, (EYE_PX, EYE_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8)


def _eye_square(points: Floats, which: int, n: int) -> Floats:
    """Return the transform (2, 3) from an eye's crop of n pixels to the patch."""
    right, left = points[0], points[1]
    apart = max(float(np.linalg.norm(left - right)), 8.0)
    angle = math.atan2(*(left - right)[::-1])
    k = apart * EYE_PATCH / n
    cos, sin = k * math.cos(angle), k * math.sin(angle)
    half, (x, y) = (n - 1) / 2, points[which]
    return np.array(
        [[cos, -sin, x - (cos - sin) * half], [sin, cos, y - (sin + cos) * half]], np.float32
    )


def something_before(patch: Luma, rng: Rng) -> Luma:
    """Return the patch with a hand, bar or block before a part of the face."""
    out = patch.copy()
    low, high = PATCH // 4, PATCH - PATCH // 4
    tone = float(rng.uniform(0, 255)) if rng.random() < 0.5 else float(np.median(patch))
    x, y = (int(v) for v in rng.integers(low, high, 2))
    if rng.random() < 0.5:
        a, b = (int(v) for v in rng.integers(8, 30, 2))
        cv2.ellipse(out, (x, y), (a, b), float(rng.uniform(0, 180)), 0, 360, tone, -1)
    else:
        angle = rng.uniform(0, math.pi)
        dx, dy = int(PATCH * math.cos(angle)), int(PATCH * math.sin(angle))
        cv2.line(out, (x - dx, y - dy), (x + dx, y + dy), tone, int(rng.integers(5, 18)))
    return out


def darkened(luma: Luma, rng: Rng) -> Luma:
    """Return the crop as seen with little light, or against it: few grey values, and noise."""
    gain = float(rng.uniform(0.06, 0.35))
    out = luma.astype(np.float32) * gain + float(rng.uniform(0, 18))
    out += rng.normal(0, rng.uniform(0.5, 5.0), luma.shape).astype(np.float32)
    return np.asarray(np.clip(out, 0, 255), np.uint8)


class Batches:
    """Draws training batches; rare states are drawn more often."""

    def __init__(self, faces: Faces, recipe: Recipe, seed: int) -> None:
        self._faces, self._recipe = faces, recipe
        self._rng = np.random.default_rng(seed)
        weights = drawn(faces)
        self._chances = weights / weights.sum()

    def draw(self, n: int) -> tuple[NDArray[np.float32], Floats]:
        """Return n crops (n, size, size, 1), 0 to 255, and their scaled values (n, 7) or NaN."""
        size = self._recipe.size
        x = np.empty((n, size, size, 1), np.float32)
        y = np.empty((n, N), np.float32)
        for k, row in enumerate(self._rng.choice(len(self._faces), n, p=self._chances)):
            luma, values = crop_of(self._faces, int(row), self._recipe, self._rng)
            self.unknowable(values, bool(self._faces.hidden[row]))
            x[k, :, :, 0], y[k] = luma, values / SCALES
        return x, y

    def unknowable(self, values: Floats, hidden: bool) -> None:
        """Give covered eyes and a covered mouth any value from 0 to 1, in place.

        The likelihood is then best when the network says one half with the deviation of a uniform
        distribution, which is above that of any eye or mouth that is seen.
        """
        for k in (EYE_LEFT, EYE_RIGHT, MOUTH, SMILE):
            if (hidden and k in (MOUTH, SMILE)) or not np.isfinite(values[k]):
                values[k] = self._rng.random()


def drawn(faces: Faces) -> NDArray[np.float64]:
    """Return how often each face is drawn, beside 1 for a usual one."""
    v = np.nan_to_num(faces.values, nan=0.5)
    weights = np.ones(len(faces))
    weights += 1.5 * (np.abs(v[:, YAW]) > 20) + 2.0 * (np.abs(v[:, YAW]) > 32)
    weights += 1.0 * (np.abs(v[:, PITCH]) > 16)
    weights += 2.5 * (v[:, MOUTH] > 0.3) + 2.5 * (v[:, MOUTH] > 0.5)
    weights += 1.0 * (v[:, 3:5].min(axis=1) < 0.2)
    weights += 1.5 * (faces.source == "closed_eyes") + 3.0 * (faces.source == "yawn")
    return weights
