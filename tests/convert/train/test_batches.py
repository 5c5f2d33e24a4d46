"""Batches: the same for the same seed, taught, and made ahead of time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convert.data import open_dataset
from convert.train import batches
from convert.train.prepare import Part, prepare
from convert.train.recipe import Recipe
from convert.train.unlabelled import with_unlabelled
from tests.convert.data.samples import mosaic

RECIPE = Recipe(batch=8, votes=1.0, holdout=0.3)


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Part:
    data = open_dataset(mosaic(tmp_path_factory.mktemp("data"), n=48))
    return prepare(data, votes=1.0, holdout=0.3)[0]


def sure_of_fear(faces: np.ndarray, step: int) -> np.ndarray:
    return np.eye(7, dtype=np.float32)[np.full(len(faces), 2)]


def test_the_same_epoch_is_the_same_and_another_is_not(train: Part) -> None:
    once, again = (list(batches.batches(train, RECIPE, 1)) for _ in range(2))
    for (x, y, w), (x2, y2, w2) in zip(once, again, strict=True):
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)
        np.testing.assert_array_equal(w, w2)
    x, y, w = once[0]
    assert x.shape == (8, 48, 48, 1) and x.dtype == np.float32 and 0 <= x.min() <= x.max() <= 255
    assert y.shape == (8, 7) and w.shape == (8,)
    assert (next(batches.batches(train, RECIPE, 2))[0] != x).any()


class BrokenError(Exception):
    """Of a source of batches."""


def test_batches_ahead_hand_on_an_error() -> None:
    def source() -> Any:
        yield from ()
        raise BrokenError("in the thread")

    with pytest.raises(BrokenError, match="in the thread"):
        list(batches.ahead(source()))


def test_a_teacher_has_its_weight_and_all_of_it_where_nobody_else_says_anything(
    train: Part,
) -> None:
    n = len(train.faces)
    more = with_unlabelled(train, np.full((n, 48, 48), 255, np.uint8))
    assert len(more.faces) == 2 * n and not more.targets[n:].any() and (more.truth[n:] == -1).all()
    plain = replace(RECIPE, augmentation=None)
    steps: list[int] = []

    def teacher(faces: np.ndarray, step: int) -> np.ndarray:
        assert faces.dtype == np.uint8 and faces.shape == (8, 48, 48)
        steps.append(step)
        return sure_of_fear(faces, step)

    own = list(batches.batches(more, plain, 0))
    mixed = list(batches.taught(iter(own), teacher, 0.25, 100))
    assert steps == list(range(100, 100 + len(own)))
    seen: set[bool] = set()
    for (x, before, _), (x2, after, _) in zip(own, mixed, strict=True):
        assert x2 is x
        for face, was, now in zip(x, before, after, strict=True):
            unlabelled = bool((face == 255).all())
            seen.add(unlabelled)
            fear = np.eye(7)[2]
            np.testing.assert_allclose(now, fear if unlabelled else 0.75 * was + 0.25 * fear, 1e-6)
    assert seen == {True, False}
    for (_, before, _), (_, after, _) in zip(
        own, batches.taught(iter(own), sure_of_fear, 0.0, 0), strict=True
    ):
        labelled = before.any(axis=1)
        np.testing.assert_array_equal(after[labelled], before[labelled])
        assert (after[~labelled] == np.eye(7)[2]).all(), "nobody else teaches these"


def test_without_a_teacher_the_targets_stay(train: Part) -> None:
    own = list(batches.batches(train, RECIPE, 0))
    for (_, y, _), (_, same, _) in zip(own, batches.taught(iter(own), None, 0.5, 0), strict=True):
        assert same is y
    for (_, y, _), (_, same, _) in zip(
        own, batches.taught(iter(own), sure_of_fear, 0.0, 0), strict=True
    ):
        assert same is y
