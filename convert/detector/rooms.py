"""An hour of rooms without anybody: does the tracker ever believe in a face?"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.detector.photos import Photo
from convert.detector.under_test import DetectorUnderTest
from edge.config import TrackKeys
from edge.geometry import Box
from edge.messages import Face, Frame
from edge.track import FaceTracker

Luma = NDArray[np.uint8]
FRAME = (320, 240)  # pixels: what the detector sees at its default width
VIEW_S = 20.0  # s that one view lasts
MAINS_HZ = 100.0  # flicker of lamps at 50 Hz mains
EXPOSURE_S = 1 / 120  # s: shorter than the lamps' period, so that they flicker


def view(photo: Photo, rate: float, rng: np.random.Generator) -> Iterator[tuple[float, Luma]]:
    """Yield time in s and frame of a camera before a photograph: still or slowly moving.

    With noise of the sensor, flicker of the lamps, exposure that is set anew now and then, and
    compression in half of the views.
    """
    h, w = photo.luma.shape
    fit = max(FRAME[0] / w, FRAME[1] / h)
    moving = rng.random() < 0.5
    speed, zoom = rng.uniform(0.02, 0.25), rng.uniform(1.0, 1.5)
    noise, depth = rng.uniform(0.5, 5), rng.uniform(0, 0.12)
    compressed = rng.random() < 0.5
    gain, phase = 1.0, rng.uniform(0, 2 * math.pi)
    for n in range(round(VIEW_S * rate)):
        t = n / rate
        if rng.random() < 0.2 / rate:  # every five seconds or so
            gain = float(np.exp(rng.normal(0, 0.35)))
        a = math.sin(speed * 2 * math.pi * t + phase) if moving else math.sin(phase)
        scale = fit * (zoom + 0.15 * a)
        cx, cy = w / 2 + 0.2 * a * w / 2, h / 2 + 0.2 * math.cos(phase + t * speed * moving) * h / 2
        matrix = np.array(
            [[scale, 0, FRAME[0] / 2 - scale * cx], [0, scale, FRAME[1] / 2 - scale * cy]]
        )
        frame = cv2.warpAffine(
            photo.luma, matrix, FRAME, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101
        )
        lamps = 1 + depth * math.sin(2 * math.pi * MAINS_HZ * t + 0.3 * n)
        luma = frame * (gain * lamps) + rng.normal(0, noise, frame.shape)
        out = np.clip(luma, 0, 255).astype(np.uint8)
        if compressed:
            jpeg = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
            out = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)
        yield t, out


def evaluate_rooms(
    d: DetectorUnderTest,
    photos: Sequence[Photo],
    *,
    minutes: float,
    rate: float,
    tracking: TrackKeys,
    seed: int,
) -> dict[str, Any]:
    """Return how many faces the device's tracker confirmed in views without anybody.

    Args:
        d: the detector.
        photos: without faces, held out.
        minutes: of all views together.
        rate: detections a second, as on the device.
        tracking: of the device's tracker.
        seed: of views and choice.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(photos))
    views = max(1, round(minutes * 60 / VIEW_S))
    ghosts: list[str] = []
    frames = false = 0
    for k in range(views):
        photo = photos[int(order[k % len(order)])]
        tracker = FaceTracker(tracking, random.Random(seed))
        seen: set[str] = set()
        for t, luma in view(photo, rate, rng):
            found = d.find(luma)
            sure = found.scores >= d.threshold
            faces = [
                Face(Box(*map(float, b)), float(s))
                for b, s in zip(found.boxes[sure], found.scores[sure], strict=True)
            ]
            frames, false = frames + 1, false + len(faces)
            seen |= {track.id for track in tracker.update(Frame(frames, t, luma), faces)}
        ghosts += [photo.name] * len(seen)
    return {
        "minutes": views * VIEW_S / 60,
        "views": views,
        "frames": frames,
        "false_a_minute": false / (views * VIEW_S / 60),
        "believed": len(ghosts),
        "where": ghosts[:20],
    }
