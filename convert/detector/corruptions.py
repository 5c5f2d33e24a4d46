"""What cameras and the world do to a picture: light, blur, noise, things in front, drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Mask:
    """Which part of a photograph is pasted with its face."""

    kind: str
    reach: float  # pixels covered around the face's centre, in face sizes

    def over(self, face: Floats, shape: Sequence[int], rng: Rng) -> Luma:
        """Return how much of each pixel is pasted, 0-255."""
        h, w = shape[:2]
        alpha = np.zeros((h, w), np.uint8)
        x, y, fw, fh = face[:4].tolist()
        centre = (round(x + fw / 2), round(y + fh * 0.45))
        if self.kind == "photo":
            alpha[2 : h - 2, 2 : w - 2] = 255
        else:
            grow = rng.uniform(0.75, 1.0) if self.kind == "bust" else rng.uniform(0.62, 0.85)
            axes = (round(fw * grow), round(fh * grow))
            cv2.ellipse(alpha, centre, axes, 0, 0, 360, 255, -1)
            if self.kind == "bust":
                neck, waist = fw * rng.uniform(0.3, 0.45), fw * rng.uniform(1.0, 1.6)
                chin, shoulder = y + fh * 0.8, y + fh * rng.uniform(1.35, 1.6)
                outline = [
                    (centre[0] - neck, chin), (centre[0] + neck, chin),
                    (centre[0] + waist, shoulder),
                    (centre[0] + waist * 1.1, h), (centre[0] - waist * 1.1, h),
                    (centre[0] - waist, shoulder),
                ]  # fmt: skip
                cv2.fillPoly(alpha, [np.array(outline, np.int32)], 255)
        soft = int(rng.choice([1, 3, 7]))
        return cv2.blur(alpha, (soft, soft)).astype(np.uint8)


def masks() -> tuple[Mask, ...]:
    """Return the kinds, as often as they should be drawn."""
    return (
        Mask("photo", 2.2),
        Mask("bust", 1.8),
        Mask("bust", 1.8),
        Mask("head", 1.3),
    )


def reduced(luma: Luma, scale: float) -> Luma:
    """Return a photograph that may be sampled at `scale` without skipping pixels."""
    side = round(1 / scale)
    return luma if side < 2 else np.asarray(cv2.blur(luma, (side, side)), np.uint8)


def smooth_light(height: int, width: int, rng: Rng) -> Luma:
    """Return a wall: a few grey values, smoothly between."""
    coarse = rng.integers(0, 256, (int(rng.integers(2, 5)), int(rng.integers(2, 5))), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def match(top: Luma, canvas: Luma, place: tuple[float, float], size: float, rng: Rng) -> Luma:
    """Return the pasted photograph with contrast and brightness of its own, or the place's."""
    gain, lift = rng.uniform(0.6, 1.25), rng.uniform(-25, 25)
    if rng.random() < 0.3:
        h, w = canvas.shape
        r = int(size)
        x, y = int(np.clip(place[0], 0, w - 1)), int(np.clip(place[1], 0, h - 1))
        around = float(canvas[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1].mean())
        lift += 0.7 * (around - 128 * gain)
    if rng.random() < 0.15:  # dim, before a brighter or equally dim room
        gain, lift = gain * rng.uniform(0.25, 0.6), abs(lift) * 0.3
    table = np.clip(np.arange(256) * gain + lift, 0, 255).astype(np.uint8)
    return cv2.LUT(top, table).astype(np.uint8)


def blend(below: Luma, above: Luma, weight: Luma) -> None:
    """Lay `above` over `below`, in place, as far as `weight` (0-255) says."""
    cv2.copyTo(above, (weight > 250).astype(np.uint8), below)
    edge = (weight > 0) & (weight <= 250)
    opacity = weight[edge].astype(np.float32) / 255
    below[edge] = (opacity * above[edge] + (1 - opacity) * below[edge]).astype(np.uint8)


def cover(luma: Luma, face: Floats, rng: Rng) -> Luma:
    """Return the photograph with a hand, bar or patch over up to a good third of the face."""
    out = luma.copy()
    x, y, w, h = face[:4].tolist()
    kind = int(rng.integers(5))
    tone = float(np.median(luma[int(max(y, 0)) : int(y + h), int(max(x, 0)) : int(x + w)]))
    layer = out.copy()
    if kind == 0:  # fingers of a hand from one side
        tone = float(np.clip(tone * rng.uniform(0.7, 1.25), 0, 255))
        side = float(rng.choice([-1, 1]))
        for k in range(int(rng.integers(2, 5))):
            y0 = y + h * (rng.uniform(0.35, 0.6) + 0.16 * k)
            a = (int(x + w / 2 + side * w * 1.2), int(y0 + rng.normal(0, 4)))
            b = (int(x + w / 2 + side * w * rng.uniform(-0.1, 0.3)), int(y0 + rng.normal(0, 4)))
            cv2.line(layer, a, b, float(tone + rng.normal(0, 12)), int(max(3, w * 0.13)))
    elif kind == 1:  # an arm or bar across
        y0 = y + h * float(rng.choice([rng.uniform(-0.05, 0.12), rng.uniform(0.72, 1.0)]))
        slope = rng.normal(0, 0.25) * w
        cv2.line(
            layer, (int(x - w), int(y0 - slope)), (int(x + 2 * w), int(y0 + slope)),
            float(rng.uniform(0, 255)), int(max(3, w * rng.uniform(0.12, 0.3))),
        )  # fmt: skip
    elif kind == 4:  # dark glasses
        eyes = face[4:8].reshape(2, 2)
        apart = float(np.linalg.norm(eyes[1] - eyes[0]))
        dark = float(np.clip(rng.normal(25, 15), 0, 80))
        if np.isfinite(apart):
            turn = float(np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1])))
            axes = (max(2, int(apart * rng.uniform(0.3, 0.45))),
                    max(2, int(apart * rng.uniform(0.22, 0.35))))  # fmt: skip
            right, left = ((int(x), int(y)) for x, y in eyes)
            for eye in (right, left):
                cv2.ellipse(layer, eye, axes, turn, 0, 360, dark, -1)
            cv2.line(layer, right, left, dark, max(1, int(apart * 0.08)))
    elif kind == 2:  # another piece of the photograph over one side
        pw, ph = int(w * rng.uniform(0.25, 0.45)), int(h * rng.uniform(0.4, 1.0))
        sy = int(rng.integers(0, max(1, luma.shape[0] - ph)))
        sx = int(rng.integers(0, 20))
        x0 = int(x if rng.random() < 0.5 else x + w - pw)
        y0 = int(y + rng.uniform(0, max(1.0, h - ph)))
        part = layer[max(y0, 0) : y0 + ph, max(x0, 0) : x0 + pw]
        piece = luma[sy : sy + part.shape[0], sx : sx + part.shape[1]]
        if part.size and piece.size:
            part[:] = cv2.resize(piece, part.shape[::-1])
    else:  # a mask or scarf over mouth and chin, or a cap over the brow
        low = rng.random() < 0.6
        y0 = y + h * (rng.uniform(0.55, 0.7) if low else -0.3)
        y1 = y + h * (1.15 if low else rng.uniform(0.1, 0.22))
        corners = [(x - 0.1 * w, y0), (x + 1.1 * w, y0), (x + w, y1), (x, y1)]
        cv2.fillPoly(layer, [np.array(corners, np.int32)], float(rng.uniform(0, 255)))
    return cv2.blur(layer, (3, 3)).astype(np.uint8) if rng.random() < 0.5 else layer


def things(canvas: Luma, rng: Rng) -> None:
    """Draw simple shapes, one on another, into the picture: man-made things have no face."""
    h, w = canvas.shape
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.integers(0, w)), int(rng.integers(0, h))
        size = float(np.exp(rng.uniform(np.log(8), np.log(90))))
        for _ in range(int(rng.integers(1, 6))):  # parts above, in and below each other
            a, b = (max(1, int(size * rng.uniform(0.15, 0.6))) for _ in range(2))
            tone, line = float(rng.integers(0, 256)), -1 if rng.random() < 0.8 else 1
            if rng.random() < 0.5:
                cv2.rectangle(canvas, (x - a, y - b), (x + a, y + b), tone, line)
            else:
                cv2.ellipse(canvas, (x, y), (a, b), float(rng.normal(0, 15)), 0, 360, tone, line)
            x += int(rng.normal(0, 0.1 * size))
            y += int(rng.normal(0, 0.5 * size))


def faceless(luma: Luma, face: Floats, rng: Rng) -> Luma:
    """Return a photograph whose head has nothing in its face: a tone, a blur or hair."""
    x, y, w, h = face[:4].tolist()
    centre = (round(x + w / 2), round(y + h * 0.48))
    axes = (round(w * rng.uniform(0.5, 0.62)), round(h * rng.uniform(0.5, 0.6)))
    mask = np.zeros_like(luma)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    kind = int(rng.integers(3))
    if kind == 0:  # light from one side on a dummy
        inside = smooth_light(luma.shape[0], luma.shape[1], rng)
    elif kind == 1:
        inside = np.asarray(cv2.blur(luma, (round(w * 0.8), round(h * 0.8))), np.uint8)
    else:  # the back of a head: what is above the brow, all the way down
        top = int(np.clip(y - 0.1 * h, 0, luma.shape[0] - 8))
        hair = luma[top : top + 8, int(max(x, 0)) : int(x + w)]
        hair = hair if hair.size else luma[:8]
        inside = np.asarray(cv2.resize(hair, luma.shape[::-1]), np.uint8)
    out = luma.copy()
    blend(out, inside, np.asarray(cv2.blur(mask, (7, 7)), np.uint8))
    return out


def drawing(luma: Luma, _face: Floats, rng: Rng) -> Luma:
    """Return a photograph as a print: few tones, outlines, or torn into pieces. Not a face."""
    kind = int(rng.integers(4))
    if kind == 0:  # a stencil of two tones
        level = float(np.median(luma)) * rng.uniform(0.8, 1.2)
        dark, light = rng.uniform(0, 120), rng.uniform(130, 255)
        if rng.random() < 0.3:
            dark, light = light, dark
        return np.where(luma > level, light, dark).astype(np.uint8)
    if kind == 1:  # outlines
        edges = cv2.dilate(cv2.Canny(luma, 40, 110), np.ones((2, 2), np.uint8))
        paper, ink = rng.uniform(100, 255), rng.uniform(0, 90)
        return np.where(edges > 0, ink, paper).astype(np.uint8)
    pieces = 4 if kind == 2 else 5  # a mosaic: shuffled pieces of a face
    high, wide = luma.shape[0] // pieces, luma.shape[1] // pieces
    out = luma.copy()
    order = rng.permutation(pieces * pieces)
    for k, source in enumerate(order):
        y, x = high * (k // pieces), wide * (k % pieces)
        v, u = high * (source // pieces), wide * (source % pieces)
        out[y : y + high, x : x + wide] = luma[v : v + high, u : u + wide]
    return out


def corrupted(canvas: Luma, rng: Rng) -> Luma:
    """Return the whole picture as a mediocre camera in mediocre light would give it."""
    out = canvas
    h, w = out.shape
    draw = rng.random()
    if draw < 0.2:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.4, 1.4))).astype(np.uint8)
    elif draw < 0.28:  # motion
        n = int(rng.integers(2, 8))
        kernel = np.eye(n) if rng.random() < 0.5 else np.ones((1, n))
        out = cv2.filter2D(out, -1, (kernel / kernel.sum()).astype(np.float32)).astype(np.uint8)
    elif draw < 0.36:  # enlarged from less
        k = rng.uniform(0.4, 0.8)
        less = cv2.resize(out, (int(w * k), int(h * k)), interpolation=cv2.INTER_AREA)
        out = cv2.resize(less, (w, h), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    gamma = float(np.exp(rng.normal(0, 0.25)))
    gain, lift = rng.uniform(0.75, 1.25), rng.uniform(-15, 25)
    if rng.random() < 0.15:  # dark
        gain, lift = gain * rng.uniform(0.2, 0.6), rng.uniform(0, 15)
    values = np.arange(256) / 255
    table = np.clip(255 * gain * values**gamma + lift, 0, 255).astype(np.uint8)
    out = cv2.LUT(out, table).astype(np.uint8)
    if rng.random() < 0.08:  # flat and grey, as by infra-red light or against the sun
        darkest, brightest = rng.uniform(20, 110), rng.uniform(120, 230)
        out = np.clip(darkest + out * ((brightest - darkest) / 255), 0, 255).astype(np.uint8)
    if rng.random() < 0.2:  # light from one side
        light = cv2.resize(rng.uniform(0.35, 1.3, (2, 2)).astype(np.float32), (w, h))
        out = np.clip(out * light, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        noise = np.empty((h, w), np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        sigma = float(rng.uniform(1, 9)) * min(1.0, 0.3 + 0.7 * gain)
        cv2.randn(noise, np.zeros(1), np.full(1, sigma))
        out = cv2.add(out, noise, dtype=cv2.CV_8U).astype(np.uint8)
    if rng.random() < 0.15:
        quality = int(rng.integers(25, 80))
        _, jpeg = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)
    return out
