"""Masks over nose and mouth, drawn on photographs of faces; of real ones there are too few."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
Rng = np.random.Generator

# The outline as people wear it, from photographs: across in half widths of the face's box, down in
# distances between the middle of the eyes and of the mouth.
BRIDGE, UNDER_NOSE = (0.22, 0.5), (0.62, 0.8)  # down: where the mask begins in the middle
SLIPPED = 0.12  # how often it lies under the nose
CHEEK, JAW, CHIN = (0.35, 0.6), (1.1, 1.4), (1.5, 1.85)  # down, at the sides, corners and bottom
# How often: white or light, grey or blue, black, printed.
KINDS = (0.45, 0.25, 0.2, 0.1)
TONES = ((180, 250), (90, 180), (8, 55))  # luma of the first three in usual light
USUAL = 130.0  # luma of a face in it


def masked(luma: Luma, face: Floats, rng: Rng) -> Luma:
    """Return the photograph with a medical mask, a respirator or a cloth over nose and mouth.

    Args:
        luma: (rows, columns).
        face: (14 or more): x, y, width, height, then right eye, left eye, nose and the corners of
            the mouth; without landmarks nothing is drawn.
        rng: what differs from mask to mask.
    """
    points = face[4:14].reshape(5, 2).astype(np.float64)
    if not np.isfinite(points).all():
        return luma
    eyes, nose, mouth = points[:2].mean(0), points[2], points[3:].mean(0)
    down = mouth - eyes
    length = float(np.linalg.norm(down))
    half = float(face[2]) / 2
    if length < 2 or half < 2:
        return luma
    across = np.array([down[1], -down[0]]) / length * half
    middle = face[:2] + face[2:4] / 2
    shift = float((middle - eyes) @ across) / half**2  # the box's middle beside the eyes'
    tip = float((nose - eyes) @ across) / half**2

    def at(u: float, t: float) -> NDArray[np.float64]:
        return np.asarray(eyes + across * u + down * t)

    top = rng.uniform(*(UNDER_NOSE if rng.random() < SLIPPED else BRIDGE))
    side, jaw, chin = (rng.uniform(*span) for span in (CHEEK, JAW, CHIN))
    side = max(side, top)
    wide = rng.uniform(0.85, 1.02)
    left, right = shift - wide, shift + wide
    outline = [
        (left, side), ((left + tip) / 2, (side + top) / 2), (tip, top),
        ((right + tip) / 2, (side + top) / 2), (right, side), (right - 0.06, (side + jaw) / 2),
        (right - 0.35, jaw), (shift + 0.2, chin), (shift - 0.2, chin), (left + 0.35, jaw),
        (left + 0.06, (side + jaw) / 2),
    ]  # fmt: skip
    corners = np.array([at(u, t) for u, t in outline])
    alpha = np.zeros(luma.shape, np.uint8)
    cv2.fillPoly(alpha, [np.round(corners * 8).astype(np.int32)], 255, cv2.LINE_AA, shift=3)
    cloth = _cloth(luma, eyes, across, down, shift, rng)
    out = luma.copy()
    if rng.random() < 0.8:  # straps to the ears
        tone = float(np.clip(cloth[alpha > 0].mean() if alpha.any() else 200, 0, 255))
        for end in (-1, 1):
            ear = at(shift + end * rng.uniform(1.05, 1.3), rng.uniform(0.0, 0.4))
            for t in (side + 0.03, (side + jaw) / 2):
                begin = at(shift + end * (wide - 0.04), t)
                (x0, y0), (x1, y1) = np.round(np.array([begin, ear]) * 8).astype(int).tolist()
                thick = max(1, round(half * 0.05))
                cv2.line(out, (x0, y0), (x1, y1), tone, thick, cv2.LINE_AA, 3)
    weight = cv2.blur(alpha, (3, 3)).astype(np.float32) / 255
    return np.asarray(out * (1 - weight) + cloth * weight, np.uint8)


def _cloth(
    luma: Luma,
    eyes: NDArray[np.float64],
    across: NDArray[np.float64],
    down: NDArray[np.float64],
    shift: float,
    rng: Rng,
) -> NDArray[np.float32]:
    rows, columns = luma.shape
    ys, xs = np.mgrid[0:rows, 0:columns].astype(np.float32)
    u = ((xs - eyes[0]) * across[0] + (ys - eyes[1]) * across[1]) / (across @ across) - shift
    t = ((xs - eyes[0]) * down[0] + (ys - eyes[1]) * down[1]) / (down @ down)
    kind = int(rng.choice(len(KINDS), p=KINDS))
    if kind < len(TONES):
        light = np.clip(float(np.median(luma)) / USUAL, 0.4, 1.3)
        cloth = np.full(luma.shape, rng.uniform(*TONES[kind]) * light, np.float32)
    else:  # a print: the photograph itself, much smaller and again and again
        side = max(4, round(float(np.linalg.norm(across)) * rng.uniform(0.3, 1.2)))
        piece = cv2.resize(luma, (side, side), interpolation=cv2.INTER_AREA)
        times = (rows // side + 1, columns // side + 1)
        cloth = np.tile(piece, times)[:rows, :columns].astype(np.float32)
    bulge = rng.uniform(0.05, 0.35)  # darker where it turns away
    lit = rng.normal(0, 0.15)  # from one side
    cloth *= 1 - bulge * u * u + lit * u
    if rng.random() < 0.45:  # folds
        cloth *= 1 + rng.uniform(0.03, 0.12) * np.sin(t * rng.uniform(12, 30) + rng.uniform(0, 6))
    if rng.random() < 0.35:  # a seam or edge down the middle
        seam = np.exp(-((u - rng.normal(0, 0.05)) ** 2) / rng.uniform(0.0005, 0.004))
        cloth *= 1 + rng.uniform(-0.35, 0.2) * seam
    return np.clip(cloth, 0, 255).astype(np.float32)
