"""Looking for what an unfinished detector takes for a face, so that training can show it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.detector import spoil
from convert.detector.network import STRIDE
from convert.detector.photos import Photo
from edge.detect.decode import decode

Luma = NDArray[np.uint8]
ALARM = 0.15  # score from which a mistake is worth showing again
BATCH = 64


def mine(
    model: Any,
    scenes: Sequence[Photo],
    height: int,
    width: int,
    most: int,
    rng: np.random.Generator,
    *,
    looks: int = 6,
) -> list[Luma]:
    """Return pictures (height, width) without a face in which `model` sees one, worst first.

    Args:
        model: as `network.build` makes it, of that input size.
        scenes: photographs; only those without a face are looked at.
        height: pixels.
        width: pixels.
        most: pictures returned.
        rng: chooses where to look, how near, and how spoilt.
        looks: pictures cut from each photograph.
    """
    empty = [p.luma for p in scenes if not len(p.faces)]
    cuts = [cut(luma, height, width, rng) for luma in empty for _ in range(looks)]
    found: list[tuple[float, int]] = []
    for start in range(0, len(cuts), BATCH):
        x = np.stack(cuts[start : start + BATCH])[..., None].astype(np.float32)
        answer = {k: np.asarray(v) for k, v in model.predict(x, verbose=0).items()}
        for i in range(len(x)):
            scores, _, _ = decode(
                answer["score"][i], answer["box"][i], answer["marks"][i],
                stride=STRIDE, threshold=ALARM,
            )  # fmt: skip
            if len(scores):
                found.append((float(scores[0]), start + i))
    found.sort(reverse=True)
    return [cuts[i] for _, i in found[:most]]


def cut(luma: Luma, height: int, width: int, rng: np.random.Generator) -> Luma:
    """Return a part of a photograph at a chance place and size, now and then turned and spoilt."""
    h, w = luma.shape
    scale = float(np.exp(rng.uniform(np.log(0.4), np.log(1.8))))
    angle = float(rng.normal(0, 12))
    matrix = cv2.getRotationMatrix2D(
        (float(rng.uniform(0, w)), float(rng.uniform(0, h))), angle, scale
    )
    matrix[:, 2] += np.array([width, height]) / 2 - matrix[:, :2] @ np.array([w, h]) / 2
    matrix[:, 2] += rng.uniform(-0.3, 0.3, 2) * scale * np.array([w, h])
    out = np.asarray(
        cv2.warpAffine(
            spoil.reduced(luma, scale),
            matrix,
            (width, height),
            borderMode=cv2.BORDER_REFLECT_101,
        ),
        np.uint8,
    )
    return spoil.spoil(out, rng) if rng.random() < 0.5 else out
