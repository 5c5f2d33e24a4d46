"""Batches of crops: candidates turned, shifted, mirrored, and seen in other light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.refine.candidates import PATCH, Candidates
from edge.detect.refine import REACH

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
MARGIN = 0.25  # of the crop that the network sees, on each side of the box
SEEN = (1 + 2 * MARGIN) / 2.25  # fraction of a patch that it sees
HARD = 0.2  # the detector's score from which what is no face is a mistake to learn from
UNSURE = 0.7  # ... and under which a face is one
MIRRORED = [1, 0, 2, 4, 3]  # landmarks after a mirror: the right eye is the left one


@dataclass(frozen=True, slots=True)
class Recipe:
    """How crops are drawn."""

    size: int = 48  # pixels
    # Of a batch: sure faces, unsure ones, hard mistakes, easy ones, boxes between face and none.
    mix: tuple[float, ...] = (0.27, 0.18, 0.25, 0.27, 0.03)
    scale: float = 0.08  # sigma of the logarithm of the size
    shift: float = 0.04  # sigma, in crops
    turn: float = 8.0  # degrees, sigma
    light: float = 0.3  # how often gain, offset and gamma change
    noise: float = 0.2  # how often there is noise
    coarse: float = 0.15  # how often there are fewer pixels


class Batches:
    """Draws batches from candidates; the same for one seed."""

    def __init__(self, candidates: Candidates, recipe: Recipe) -> None:
        """Take the candidates and sort them into the kinds of `Recipe.mix`."""
        c = candidates
        self._c, self._recipe = c, recipe
        face, none = c.face == 1, c.face == 0
        kinds = [
            face & (c.scores >= UNSURE),
            face & (c.scores < UNSURE),
            none & (c.scores >= HARD),
            none & (c.scores < HARD),
            np.isnan(c.face),
        ]
        self._rows = [np.flatnonzero(kind) for kind in kinds]
        there = np.array([len(rows) > 0 for rows in self._rows])
        self._mix = np.array(recipe.mix) * there
        self._mix = self._mix / self._mix.sum()

    def draw(self, n: int, seed: int) -> tuple[Floats, dict[str, Floats]]:
        """Return n crops (n, size, size, 1) and their targets by output; NaN: not known."""
        rng = np.random.default_rng(seed)
        kinds = rng.choice(len(self._mix), n, p=self._mix)
        drawn = [self._one(int(rng.choice(self._rows[kind])), rng) for kind in kinds]
        return np.stack([d[0] for d in drawn])[..., None].astype(np.float32), {
            "score": np.array([[d[1]] for d in drawn], np.float32),
            "box": np.stack([d[2] for d in drawn]),
            "landmarks": np.stack([d[3] for d in drawn]),
        }

    def _one(self, row: int, rng: np.random.Generator) -> tuple[Luma, float, Floats, Floats]:
        r, c = self._recipe, self._c
        angle = np.deg2rad(rng.normal(0, r.turn))
        scale = r.size / (PATCH * SEEN) * float(np.exp(rng.normal(0, r.scale)))
        scale = float(np.clip(scale, r.size / PATCH, None))
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        mirrored = rng.random() < 0.5
        if mirrored:
            turn[:, 0] *= -1
        to = r.size * (0.5 + rng.normal(0, r.shift, 2))
        matrix = np.concatenate([turn, (to - turn @ np.full(2, PATCH / 2))[:, None]], axis=1)
        # OpenCV's pixels have their middle at whole numbers, ours at halves.
        shifted = matrix.copy()
        shifted[:, 2] += turn @ np.full(2, 0.5) - 0.5
        crop = cv2.warpAffine(
            c.patches[row], shifted, (r.size, r.size), borderMode=cv2.BORDER_REPLICATE
        )
        box = c.boxes[row]
        centre = matrix @ np.array([box[0], box[1], 1.0])
        values = np.concatenate(
            [centre / r.size - 0.5, np.log(scale * np.maximum(box[2:], 1e-3) / r.size)]
        )
        points = c.landmarks[row] @ matrix[:, :2].T + matrix[:, 2]
        points = points[MIRRORED] if mirrored else points
        return (
            self._seen(np.asarray(crop, np.uint8), rng),
            float(c.face[row]),
            (values / REACH).astype(np.float32),
            ((points / r.size - 0.5) / REACH).reshape(10).astype(np.float32),
        )

    def _seen(self, crop: Luma, rng: np.random.Generator) -> Luma:
        r = self._recipe
        if rng.random() < r.coarse:
            side = int(rng.integers(8, r.size))
            small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
            crop = np.asarray(cv2.resize(small, crop.shape[::-1]), np.uint8)
        if rng.random() < r.light:
            gamma, gain = np.exp(rng.normal(0, 0.35)), rng.uniform(0.4, 1.3)
            table = 255 * gain * (np.arange(256) / 255) ** gamma + rng.uniform(-20, 30)
            crop = np.asarray(cv2.LUT(crop, np.clip(table, 0, 255).astype(np.uint8)), np.uint8)
        if rng.random() < r.noise:
            noisy = crop + rng.normal(0, rng.uniform(2, 12), crop.shape)
            crop = np.clip(noisy, 0, 255).astype(np.uint8)
        return crop


def central(patches: Luma, size: int) -> Luma:
    """Return the crops that the device would see of patches, (n, size, size)."""
    seen = round(PATCH * SEEN)
    edge = (PATCH - seen) // 2
    return np.stack(
        [
            cv2.resize(p[edge : edge + seen, edge : edge + seen], (size, size),
                       interpolation=cv2.INTER_LINEAR)
            for p in patches
        ]
    ).astype(np.uint8)  # fmt: skip


def masked(values: Any, wanted: Any) -> Any:
    """Return `wanted` with `values` where it is NaN: nothing is to be learned there."""
    from keras import ops

    return ops.where(ops.isnan(wanted), values, wanted)
