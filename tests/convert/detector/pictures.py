"""Photographs made of nothing, with faces where the archive says: enough to run the workshop."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from convert.detector.photos import Photo


def portrait(name: str = "Some_Body_0001", seed: int = 0) -> Photo:
    """A grey oval with two dark eyes and a mouth on noise, 160x160."""
    rng = np.random.default_rng(seed)
    luma = rng.integers(90, 130, (160, 160)).astype(np.uint8)
    cv2.ellipse(luma, (80, 80), (32, 42), 0, 0, 360, 190, -1)
    points = np.array([[66, 70], [94, 70], [80, 85], [68, 102], [92, 102]], np.float32)
    for x, y in points[:2].astype(int):
        cv2.circle(luma, (int(x), int(y)), 5, 30, -1)
    cv2.line(luma, (68, 102), (92, 102), 60, 4)
    face = np.concatenate([[48, 38, 64, 84], points.reshape(10), [0.95]]).astype(np.float32)
    return Photo(name, luma, face[None])


def scene(seed: int = 0, height: int = 200, width: int = 260) -> Photo:
    """Coarse noise without a face."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 12), np.uint8)
    luma = cv2.resize(coarse, (width, height)).astype(np.uint8)
    return Photo(f"scene{seed:03}_0", luma, np.zeros((0, 15), np.float32))


def peopled(seed: int = 0) -> Photo:
    """A scene with one face at (40, 30), 32x42, of a portrait at half its size."""
    luma = scene(seed).luma.copy()
    small = cv2.resize(portrait(seed=seed).luma, (80, 80), interpolation=cv2.INTER_AREA)
    luma[11:91, 16:96] = small
    face = portrait().faces[0].copy()
    face[:14] /= 2
    face[[0, 4, 6, 8, 10, 12]] += 16
    face[[1, 5, 7, 9, 11, 13]] += 11
    return Photo(f"people{seed:03}_0", luma, face[None])


def archive(path: Path, photos: list[Photo]) -> Path:
    """Write photographs as the archives of the real data are written."""
    files = [cv2.imencode(".png", p.luma)[1].ravel() for p in photos]
    offsets = np.cumsum([0, *map(len, files)])
    rows = [np.r_[i, f] for i, p in enumerate(photos) for f in p.faces]
    np.savez(
        path,
        jpeg=np.concatenate(files),
        offsets=offsets,
        names=np.array([p.name for p in photos]),
        faces=np.array(rows, np.float32).reshape(-1, 16),
    )
    return path
