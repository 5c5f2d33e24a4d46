"""Looking for what an unfinished detector takes for a face, so that training can show it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.detector.network import STRIDES

Luma = NDArray[np.uint8]
BATCH = 16


def mine(
    model: Any, faceless: Callable[[], Luma], looks: int, most: int, alarm: float
) -> list[Luma]:
    """Return pictures without a face in which `model` sees one, worst first.

    Args:
        model: as `network.build` makes it, of the pictures' size.
        faceless: returns one more picture without a face.
        looks: pictures looked at.
        most: pictures returned.
        alarm: score from which a mistake is worth showing again.
    """
    found: list[tuple[float, int, Luma]] = []
    for start in range(0, looks, BATCH):
        pictures = [faceless() for _ in range(min(BATCH, looks - start))]
        x = np.stack(pictures)[..., None].astype(np.float32)
        answer = model.predict_on_batch(x)
        worst = np.max(
            [np.asarray(answer[f"score{s}"]).max(axis=(1, 2, 3)) for s in STRIDES], axis=0
        )
        scores = 1 / (1 + np.exp(-worst))
        found += [
            (float(score), start + i, luma)
            for i, (score, luma) in enumerate(zip(scores, pictures, strict=True))
            if score >= alarm
        ]
    found.sort(key=lambda row: row[:2], reverse=True)
    return [luma for _, _, luma in found[:most]]
