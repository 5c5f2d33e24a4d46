from __future__ import annotations

import numpy as np
import pytest

from convert.data import Dataset
from convert.evaluate.corruptions import (
    CORRUPTIONS,
    blur,
    darken,
    noise,
    occlude,
    rotate,
    scale,
    shift,
)
from convert.evaluate.truth import Truth
from convert.evaluate.verdict import full, raters, robustness, slices
from edge.model.manifest import InputSpec
from tests.convert.data import samples

LABELS = ("bright", "dark")
FACES = samples.faces(40)


class ByBrightness:
    """Scores a face by its mean luma: what it says under corruption can be worked out."""

    name = "by brightness"
    labels = LABELS
    input = InputSpec(width=48, height=48)

    def predict(self, faces: np.ndarray) -> np.ndarray:
        light = faces.reshape(len(faces), -1).mean(axis=1) / 255
        return np.stack([light, 1 - light], axis=1).astype(np.float32)


def dataset(**attributes: tuple[str, ...]) -> Dataset:
    return Dataset(
        classes=LABELS,
        names=tuple(str(i) for i in range(40)),
        splits=("test",) * 40,
        size=(48, 48),
        loader=lambda i: FACES[i],
        labels=np.zeros(40, np.int64),
        attributes=attributes,
    )


def test_darkness_changes_the_mind_of_a_model_that_goes_by_brightness() -> None:
    scorer = ByBrightness()
    truth = Truth("labels", scorer.predict(FACES).argmax(axis=1), None)
    rows = robustness(scorer, dataset(), truth, faces=40, seed=1)
    by_name = {(r["corruption"], r["level"]): r for r in rows}
    assert by_name["none", 0.0]["accuracy"] == 1.0
    dark = float((truth.classes == 1).mean())
    assert by_name["darkness", 0.25]["accuracy"] == pytest.approx(dark)
    assert by_name["darkness", 0.25]["agreement"] == pytest.approx(dark)
    assert len(rows) == 1 + sum(len(h.levels) for h in CORRUPTIONS)


def test_groups_are_judged_for_themselves() -> None:
    scores = np.tile(np.float32([0.9, 0.1]), (40, 1))
    classes = np.array([0] * 20 + [0] * 15 + [1] * 5)
    data = dataset(sex=("w",) * 20 + ("m",) * 20, rare=("x",) * 39 + ("y",))
    found = slices(scores, data, Truth("labels", classes, None), LABELS)
    assert found["sex"]["groups"]["w"]["accuracy"] == 1.0
    assert found["sex"]["groups"]["m"]["accuracy"] == 0.75
    assert found["sex"]["largest_gap"] == pytest.approx(0.25)
    assert found["rare"]["largest_gap"] is None  # a single face says nothing


def test_raters_figures_by_hand() -> None:
    scores = np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]], np.float32)
    distribution = np.array(
        [[1.0, 0.0], [0.2, 0.8], [0.0, 0.0]], np.float32
    )  # the last has no votes
    found = raters(scores, distribution, LABELS)
    assert found["faces"] == 2
    assert found["mae"] == pytest.approx(0.2)
    assert found["mae_of_a_constant"] == pytest.approx(0.4)
    assert found["ece"] == pytest.approx((abs(0.8 - 1.0) + abs(0.6 - 0.8)) / 2)
    assert found["spearman_per_class"] == pytest.approx({"bright": 1.0, "dark": 1.0})


def test_faces_without_truth_do_not_count() -> None:
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]], np.float32)
    found = full(scores, Truth("votes", np.array([0, -1, 0]), None), LABELS)
    assert found["counted"] == 2
    assert found["accuracy"] == 0.5
    assert found["confusion"].tolist() == [[1, 1], [0, 0]]


RNG = np.random.default_rng(0)


def test_harm_is_what_it_says() -> None:
    one = np.full((1, 48, 48), 100, np.uint8)
    assert (darken(one, 0.25, RNG) == 25).all()
    assert (shift(one, 0.1, RNG) == one).all()  # a flat face stays flat: the border is repeated
    assert float(noise(one, 10, RNG).std()) == pytest.approx(10, rel=0.1)
    assert int((occlude(one, 0.5, RNG) == 128).sum()) == 24 * 24
    dot = np.zeros((1, 49, 49), np.uint8)
    dot[0, 24, 34] = 255  # ten pixels right of the middle
    turned = rotate(dot, 90, np.random.default_rng(1))[0]
    assert {tuple(p) for p in np.argwhere(turned > 200)} <= {(14, 24), (34, 24)}
    assert scale(dot, 2.0, RNG)[0, 24, 44] > 100
    soft = blur(dot, 0.04, RNG)[0]
    assert 0 < soft.max() < 60
    assert soft[24, 34] == soft.max()


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda h: h.name)
def test_corruption_keeps_shape_and_repeats_itself(corruption) -> None:
    for level in corruption.levels:
        first = corruption.apply(FACES, level, np.random.default_rng(7))
        again = corruption.apply(FACES, level, np.random.default_rng(7))
        assert first.shape == FACES.shape
        assert first.dtype == np.uint8
        assert (first == again).all()
        assert (first != FACES).any()
