"""Faces, living and printed, as a camera would see them: breath, noise, flicker, shake, codecs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edge.geometry import Box
from edge.stages import FaceDetector

Picture = np.ndarray[Any, np.dtype[np.uint8]]
Floats = np.ndarray[Any, np.dtype[np.float32]]
Scene = Callable[[float], Floats]  # luma at a time in seconds, before the camera

READOUT_S = 0.03  # s from the first to the last row of a rolling shutter: most of a frame's 33 ms


@dataclass(frozen=True)
class Sensor:
    """What a camera adds to a scene."""

    noise: float = 3.0  # levels of luma, standard deviation
    flicker: float = 0.0  # amplitude of mains light, as a fraction
    mains_hz: float = 100.3  # of the light; lamps shine twice a period, mains drifts by some tenths
    exposure: Callable[[float], float] = lambda _t: 1.0  # factor
    shake: Callable[[float], tuple[float, float]] = lambda _t: (0.0, 0.0)  # pixels
    jpeg: int = 0  # quality; 0: none

    def see(self, luma: Floats, t: float, rng: np.random.Generator) -> Picture:
        """Return the frame of a scene at `t` (s)."""
        rows, columns = luma.shape
        dx, dy = self.shake(t)
        if dx or dy:
            matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            luma = np.asarray(
                cv2.warpAffine(
                    luma,
                    matrix,
                    (columns, rows),
                    flags=cv2.INTER_CUBIC,
                    borderMode=cv2.BORDER_REFLECT,
                ),
                np.float32,
            )
        if self.flicker:
            at = t + np.arange(rows) / rows * READOUT_S
            bands = 1 + self.flicker * np.sin(2 * np.pi * self.mains_hz * at)
            luma = luma * bands[:, None].astype(np.float32)
        y, x = rng.integers(0, FIELD.shape[0] - rows), rng.integers(0, FIELD.shape[1] - columns)
        field = FIELD[y : y + rows, x : x + columns]
        seen = cv2.addWeighted(luma, self.exposure(t), field, self.noise, 0.5)
        frame = np.clip(seen, 0, 255).astype(np.uint8)
        if self.jpeg:
            data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])[1]
            frame = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
        return frame


FIELD = np.random.default_rng(5).normal(0, 1, (1200, 1500)).astype(np.float32)


def trembling(pixels: float) -> Callable[[float], tuple[float, float]]:
    """Return where a mount is that swings and buzzes, by up to `pixels` to each side."""

    def shake(t: float) -> tuple[float, float]:
        return (
            pixels * (0.7 * math.sin(1.3 * t) + 0.3 * math.sin(9 * t)),
            pixels * (0.6 * math.sin(2.1 * t) + 0.3 * math.cos(7 * t)),
        )

    return shake


def pasted(
    room: Picture, face: Picture, box: Box, width: float, x: int, y: int
) -> tuple[Floats, Box]:
    """Return `room` with the picture `face` in it, its box `width` pixels wide, and that box."""
    scale = width / box.width
    small = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rows, columns = small.shape
    out = room.astype(np.float32)
    part = out[y : y + rows, x : x + columns]
    part[:] = small[: part.shape[0], : part.shape[1]]
    return out, box.scaled(scale, scale).moved(x, y)


def breathing(picture: Floats, box: Box, stroke: float, period_s: float = 4.0) -> Scene:
    """A head that rises and falls by `stroke` (of the box's width, from crest to trough)."""
    rows, columns = picture.shape
    cx, cy = box.centre
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    # The head as a whole, fading out over its surroundings.
    far = np.maximum(np.abs(x - cx) / (0.7 * box.width), np.abs(y - cy) / (0.7 * box.height))
    weight = np.clip((1.6 - far) / 0.6, 0, 1).astype(np.float32) * np.float32(box.width)

    def scene(t: float) -> Floats:
        rise = np.float32(stroke / 2 * math.sin(2 * math.pi * t / period_s))
        moved = cv2.remap(
            picture, x, y - weight * rise, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        return np.asarray(moved, np.float32)

    return scene


def resting(picture: Floats) -> Scene:
    """Nothing ever moves."""
    return lambda _t: picture


def shadowed(picture: Floats, speed: float, edge: float, every_s: float) -> Scene:
    """A shadow passes: `speed` in pixels a second, `edge` pixels of penumbra, every `every_s`."""
    columns = np.arange(picture.shape[1], dtype=np.float32)

    def scene(t: float) -> Floats:
        centre = (t % every_s) * speed - 100
        depth = 0.5 / (1 + np.exp(np.minimum((np.abs(columns - centre) - 80) / edge * 4, 60)))
        return np.asarray(picture * (1 - depth), np.float32)

    return scene


def replayed(frames: list[Floats], fps: float, slower: float = 1.0) -> Scene:
    """A recording there and back for ever, frames blended where it is slowed down."""
    there_and_back = frames + frames[-2:0:-1]

    def scene(t: float) -> Floats:
        at = t * fps / slower
        i, part = int(at), at - int(at)
        one = there_and_back[i % len(there_and_back)]
        if slower == 1.0:
            return one
        other = there_and_back[(i + 1) % len(there_and_back)]
        return np.asarray(cv2.addWeighted(one, 1 - part, other, part, 0.0), np.float32)

    return scene


def cropped(picture: Picture, face: Box) -> tuple[Picture, Box]:
    """Return the face with some of what is around it, as on a poster, and its box there."""
    rows, columns = picture.shape
    x0, x1 = (
        max(round(face.x - 0.5 * face.width), 0),
        min(round(face.x + 1.5 * face.width), columns),
    )
    y0, y1 = max(round(face.y - 0.4 * face.height), 0), min(round(face.y + 1.5 * face.height), rows)
    return picture[y0:y1, x0:x1], face.moved(-x0, -y0)


def stabilised(frames: list[Floats], detector: FaceDetector) -> list[Floats]:
    """Return frames of a recording with the face shifted, turned and scaled onto the first one.

    The parts of a face still move against one another; the head as a whole does no more.
    """
    out: list[Floats] = []
    template: Floats | None = None
    where: tuple[slice, slice] | None = None
    warp = np.eye(2, 3, dtype=np.float32)
    for frame in frames:
        if template is None:
            faces = detector.detect(frame.astype(np.uint8))
            if not faces:
                continue
            box = max((f.box for f in faces), key=lambda b: b.area)
            where = (
                slice(max(round(box.y), 0), round(box.y + box.height)),
                slice(max(round(box.x), 0), round(box.x + box.width)),
            )
            template = frame
            out.append(frame)
            continue
        mask = np.zeros(frame.shape, np.uint8)
        mask[where] = 255
        try:
            found = cv2.findTransformECC(
                template, frame, warp, cv2.MOTION_AFFINE, (3, 20, 1e-4), mask, 5
            )
            warp = np.asarray(found[1], np.float32)
        except cv2.error:  # the head has turned too far
            break
        size = (frame.shape[1], frame.shape[0])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        out.append(np.asarray(cv2.warpAffine(frame, warp, size, flags=flags), np.float32))
    return out
