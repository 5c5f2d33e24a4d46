"""What may be before a face: glasses, masks, hands; and the eyes of another face put in."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.state.faces import PATCH

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
Rng = np.random.Generator
EYE_PATCH = 0.66  # eye distances: as wide as the eye crops of eyes.npz
EYE_PX = 24  # pixels, as there


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
