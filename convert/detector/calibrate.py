"""Scores that mean what they say: of the boxes with 0.9, nine in ten are faces (Platt 1999)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.detector.network import MULTIPLE, STRIDES, Shape, build
from convert.detector.photographs import truth_of
from convert.detector.photos import Photo
from convert.detector.scores import Found, match
from edge.config import Detect
from edge.detect.decode import Level, decode
from edge.errors import ConfigError

NOMINAL = Detect().threshold  # the configuration's default
LOW = 0.01  # scores from which boxes are looked at
SIDE = 320  # pixels of the square that pictures are laid in
BATCH = 8
LEAST = 20  # right boxes and false ones of a level, without which nothing can be fitted


def levels_of(maps: Mapping[str, NDArray[np.float32]]) -> list[Level]:
    """Return the maps of one picture, `score8` and so on, as `edge.detect.decode` takes them."""
    return [Level(s, maps[f"score{s}"], maps[f"box{s}"], maps[f"landmarks{s}"]) for s in STRIDES]


def calibrate(model: Any, shape: Shape, photos: Sequence[Photo]) -> dict[str, list[float]]:
    """Change the score of each level to the probability that its box is a face.

    Fits slope and offset of the logit, level by level, by logistic regression on every box that the
    network proposes in `photos`, and folds them into the last layer.

    Args:
        model: of `network.build`, any input size; changed in place.
        shape: of that network.
        photos: that it was not trained on, with and without faces.

    Returns:
        Slope and offset by stride.

    Raises:
        ConfigError: a level proposes too few boxes to tell, or its scores tell nothing.
    """
    from sklearn.linear_model import LogisticRegression

    seen: dict[int, list[tuple[float, bool]]] = {s: [] for s in STRIDES}
    for photo, maps in zip(photos, _answers(model, shape, photos), strict=True):
        for level in levels_of(maps):
            scores, boxes, _ = decode([level], threshold=LOW)
            _, kinds = match(truth_of(photo), Found(boxes, scores, None))
            seen[level.stride] += [
                (float(np.log(score / (1 - score))), bool(kind == 1))
                for score, kind in zip(np.clip(scores, 1e-6, 1 - 1e-6), kinds, strict=True)
                if kind >= 0
            ]
    result = {}
    for stride, rows in seen.items():
        logits = np.array([logit for logit, _ in rows])
        right = np.array([face for _, face in rows], bool)
        if min(right.sum(), (~right).sum()) < LEAST:
            raise ConfigError(
                f"level of stride {stride}: {int(right.sum())} right boxes of {len(right)} on "
                f"{len(photos)} photographs; allowed: at least {LEAST} right and as many false"
            )
        slope, offset = 1.0, 0.0
        if right.any() and not right.all():
            fit = LogisticRegression(C=1e6).fit(logits[:, None], right)
            slope, offset = float(fit.coef_[0, 0]), float(fit.intercept_[0])
        if slope <= 0:
            raise ConfigError(
                f"level of stride {stride}: higher scores are not more often right on "
                f"{len(right)} boxes; not trained enough"
            )
        layer = model.get_layer(f"score{stride}")
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel * np.float32(slope), bias * np.float32(slope) + offset])
        result[str(stride)] = [round(slope, 4), round(offset, 4)]
    return result


def _answers(
    model: Any, shape: Shape, photos: Sequence[Photo]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Yield the network's maps of each photograph, laid into a square of mid-grey."""

    from edge.image import shrink

    assert SIDE % MULTIPLE == 0
    square = build(SIDE, SIDE, shape)
    square.set_weights(model.get_weights())
    for start in range(0, len(photos), BATCH):
        part = photos[start : start + BATCH]
        x = np.full((len(part), SIDE, SIDE, 1), 128, np.float32)
        for k, photo in enumerate(part):
            luma = shrink(photo.luma, SIDE)[0][:SIDE]
            x[k, : luma.shape[0], : luma.shape[1], 0] = luma
        answer = {name: np.asarray(v) for name, v in square.predict_on_batch(x).items()}
        for k in range(len(part)):
            yield {name: v[k] for name, v in answer.items()}
