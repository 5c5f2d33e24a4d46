"""Training crops: a patch turned, shifted, covered and spoilt, with the values that it then has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.detector.corruptions import corrupted
from convert.state.cover import (
    clear_glasses,
    dark_glasses,
    eye_of,
    mask,
    something_before,
    with_eyes,
)
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
EYES_ABOUT = 25.0  # degrees of yaw: eyes are exchanged between faces that are turned by less,
EYES_APART = 15.0  # or whose yaw differs by less, after mirroring
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
    exchanged: float = 0.25  # with the eyes of another face
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
        patch = with_eyes_of(faces, _any_or_shut(faces, rng), patch, points, values)
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


def _any_or_shut(faces: Faces, rng: Rng) -> int:
    """Return a row to take eyes from; half of them shut.

    What the rest of the picture looks like then says nothing about the eyes: faces with shut eyes
    are from one source.
    """
    other = int(rng.integers(len(faces)))
    if rng.random() < 0.5:
        shut = np.flatnonzero(faces.values[:, EYE_LEFT] + faces.values[:, EYE_RIGHT] < 0.3)
        other = int(rng.choice(shut)) if len(shut) else other
    return other


def with_eyes_of(faces: Faces, other: int, patch: Luma, points: Floats, values: Floats) -> Luma:
    """Return the patch with the eyes of row `other`, and give `values` their openness.

    Eyes of a head that is turned to the other side are mirrored. Where heads are turned too
    differently, or the other's eyes are not known, nothing is done.
    """
    theirs = faces.values[other]
    if not np.isfinite(theirs[[EYE_LEFT, EYE_RIGHT]]).all():
        return patch
    eyes = [eye_of(faces.patches[other], faces.landmarks[other], k) for k in (0, 1)]
    yaw, their_yaw = (float(np.nan_to_num(v[YAW])) for v in (values, theirs))
    if yaw * their_yaw < 0:
        theirs = mirrored(theirs)
        eyes = [np.ascontiguousarray(eye[:, ::-1]) for eye in eyes[::-1]]
    yaw, their_yaw = abs(yaw), abs(their_yaw)
    if max(yaw, their_yaw) > EYES_ABOUT and abs(yaw - their_yaw) > EYES_APART:
        return patch
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
