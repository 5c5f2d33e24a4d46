from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convert.detector.copy_paste import Composer, Recipe, visible
from convert.detector.medical_masks import masked
from tests.convert.detector.pictures import portrait, scene


def changed(seed: int, turn: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Where a mask changed a portrait, and the face's landmarks."""
    photo = portrait()
    face = photo.faces[0].copy()
    middle = face[:2] + face[2:4] / 2
    a = np.deg2rad(turn)
    around = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]], np.float32)
    face[4:14] = ((face[4:14].reshape(5, 2) - middle) @ around.T + middle).reshape(10)
    before = photo.luma.copy()
    out = masked(photo.luma, face, np.random.default_rng(seed))
    assert out.shape == before.shape and out.dtype == np.uint8
    np.testing.assert_array_equal(photo.luma, before)
    return np.abs(out.astype(int) - before) > 0, face[4:14].reshape(5, 2)


@pytest.mark.parametrize("turn", [0.0, 30.0, -60.0])
def test_a_mask_hides_the_mouth_and_leaves_the_eyes(turn: float) -> None:
    hidden = np.zeros(3)
    for seed in range(40):
        there, points = changed(seed, turn)
        at = [there[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] for x, y in points]
        hidden += [bool(at[2].any()), bool(at[3].all()), bool(at[4].all())]
        assert not at[0].any() and not at[1].any(), "an eye is hidden"
    # The nose peeps out of some; a tone may be that of the skin.
    assert 20 <= hidden[0] < 40 and min(hidden[1:]) >= 35


def test_masks_are_light_dark_and_printed() -> None:
    tones, spread = [], []
    for seed in range(60):
        photo = portrait()
        out = masked(photo.luma, photo.faces[0], np.random.default_rng(seed))
        x, y = photo.faces[0][10:14].reshape(2, 2).mean(0)
        cloth = out[round(y) - 8 : round(y) + 8, round(x) - 12 : round(x) + 12]
        tones.append(cloth.mean())
        spread.append(cloth.std())
    assert min(tones) < 60 and max(tones) > 170
    assert np.median(spread) < 25 < max(spread)


def test_no_landmarks_no_mask() -> None:
    photo = portrait()
    face = photo.faces[0].copy()
    face[4:14] = np.nan
    out = masked(photo.luma, face, np.random.default_rng(1))
    np.testing.assert_array_equal(out, photo.luma)


def test_the_composer_puts_them_on_when_asked() -> None:
    recipe = replace(Recipe(), people=0, covered=0, faces=(0, 1), close=0, headless=0, prints=0)

    def lumas(masks: float) -> list[np.ndarray]:
        c = Composer([portrait()], [scene()], height=96, width=128, seed=1,
                     recipe=replace(recipe, masked=masks))  # fmt: skip
        return [c.picture().luma for _ in range(5)]

    assert not all(np.array_equal(a, b) for a, b in zip(lumas(0), lumas(1), strict=True))


def test_large_faces_reach_beyond_the_border_as_far_as_asked() -> None:
    def least(outside: float) -> float:
        recipe = replace(Recipe(), people=0, close=1, faces=(0, 1), headless=0, prints=0,
                         outside=outside)  # fmt: skip
        c = Composer([portrait()], [scene()], height=96, width=128, seed=1, recipe=recipe)
        seen = [visible(f, 96, 128) for _ in range(80) for f in c.picture().faces]
        return float(np.quantile(seen, 0.1))

    assert least(0.3) < least(0.0) - 0.1
