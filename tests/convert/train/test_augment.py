from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convert.train.augment import Augmentation, augment
from tests.convert.data.samples import faces

NOTHING = Augmentation(
    flip_probability=0,
    rotation_deg=0,
    scale=0,
    shift=0,
    stretch=0,
    brightness=0,
    contrast=0,
    gamma=0,
    noise_probability=0,
    blur_probability=0,
    low_resolution_probability=0,
    cutout_probability=0,
)
EVERYTHING = Augmentation(
    noise_probability=1, blur_probability=1, low_resolution_probability=1, cutout_probability=1
)


def changed(how: Augmentation, seed: int = 0, n: int = 12) -> np.ndarray:
    return augment(faces(n), how, np.random.default_rng(seed))


@pytest.mark.parametrize("how", [Augmentation(), EVERYTHING], ids=["usual", "everything"])
def test_shape_and_kind_stay_and_the_faces_given_are_not_touched(how: Augmentation) -> None:
    given = faces(20, side=64)
    before = given.copy()
    out = augment(given, how, np.random.default_rng(1))
    assert out.shape == given.shape
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(given, before)
    assert np.abs(out.astype(int) - before).mean() > 3


def test_all_turned_off_changes_nothing() -> None:
    np.testing.assert_array_equal(changed(NOTHING), faces(12))


def test_the_same_seed_makes_the_same_faces() -> None:
    np.testing.assert_array_equal(changed(EVERYTHING, 5), changed(EVERYTHING, 5))
    assert (changed(EVERYTHING, 5) != changed(EVERYTHING, 6)).any()


def test_a_flip_is_the_mirror_image_and_nothing_else() -> None:
    out = changed(replace(NOTHING, flip_probability=1))
    np.testing.assert_array_equal(out, faces(12)[:, :, ::-1])


def test_extreme_light_stays_within_luma() -> None:
    black, white = np.zeros((8, 48, 48), np.uint8), np.full((8, 48, 48), 255, np.uint8)
    how = Augmentation(brightness=120, contrast=0.9, gamma=2, noise_probability=1, noise=60)
    for given in (black, white):
        out = augment(given, how, np.random.default_rng(2))
        assert out.dtype == np.uint8  # a sum past 255 that wrapped would show as a dark speck
    assert augment(white, Augmentation(brightness=0, contrast=0, gamma=0, cutout_probability=0,
                                       noise_probability=1, noise=3),
                   np.random.default_rng(2)).min() > 200  # fmt: skip


def test_a_face_of_one_pixel_survives() -> None:
    one = np.full((3, 1, 1), 9, np.uint8)
    assert augment(one, EVERYTHING, np.random.default_rng(0)).shape == (3, 1, 1)


def test_less_of_everything_but_flipping() -> None:
    faint = Augmentation().scaled(0.01)
    assert faint.flip_probability == Augmentation().flip_probability
    given = faces(12)
    moved = np.abs(
        augment(given, replace(faint, flip_probability=0), np.random.default_rng(2))
        - given.astype(int)
    )
    usual = np.abs(changed(replace(Augmentation(), flip_probability=0), seed=2) - given.astype(int))
    assert moved.mean() < usual.mean() / 8
    assert Augmentation().scaled(1) == Augmentation()
    assert Augmentation().scaled(2).low_resolution == 0.1
