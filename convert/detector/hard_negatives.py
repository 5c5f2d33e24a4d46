"""Looking for what an unfinished detector takes for a face, so that training can show it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.detector.network import STRIDE
from edge.detect.decode import decode

Luma = NDArray[np.uint8]
ALARM = 0.2  # score from which a mistake is worth showing again
BATCH = 32


def mine(model: Any, faceless: Callable[[], Luma], looks: int, most: int) -> list[Luma]:
    """Return pictures without a face in which `model` sees one, worst first.

    Args:
        model: as `network.build` makes it, of the pictures' size.
        faceless: returns one more picture without a face.
        looks: pictures looked at.
        most: pictures returned.
    """
    found: list[tuple[float, int, Luma]] = []
    for start in range(0, looks, BATCH):
        pictures = [faceless() for _ in range(min(BATCH, looks - start))]
        x = np.stack(pictures)[..., None].astype(np.float32)
        answer = {k: np.asarray(v) for k, v in model.predict_on_batch(x).items()}
        for i, luma in enumerate(pictures):
            scores, _, _ = decode(
                answer["score"][i],
                answer["box"][i],
                answer["marks"][i],
                stride=STRIDE,
                threshold=ALARM,
            )
            if len(scores):
                found.append((float(scores[0]), start + i, luma))
    found.sort(key=lambda row: row[:2], reverse=True)
    return [luma for _, _, luma in found[:most]]
