from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from convert.detector import corruptions
from convert.detector.copy_paste import Composer, Recipe, mapped, turned_box, visible
from edge.errors import ConfigError
from tests.convert.detector.pictures import peopled, portrait, scene

H, W = 96, 128


def composer(recipe: Recipe | None = None, seed: int = 1) -> Composer:
    scenes = [scene(k) for k in range(3)] + [peopled(k) for k in range(3)]
    return Composer([portrait(seed=4)], scenes, height=H, width=W, seed=seed, recipe=recipe)


def test_pictures_have_the_size_and_the_same_seed_makes_the_same() -> None:
    one, two = composer(), composer()
    for _ in range(30):
        a, b = one.picture(), two.picture()
        assert a.luma.shape == (H, W) and a.luma.dtype == np.uint8
        assert a.faces.shape == (len(a.ignored), 14) and np.isfinite(a.faces).all()
        np.testing.assert_array_equal(a.luma, b.luma)
        np.testing.assert_array_equal(a.faces, b.faces)


def test_another_seed_makes_others() -> None:
    assert not np.array_equal(composer(seed=1).picture().luma, composer(seed=2).picture().luma)


def test_faces_asked_for_are_in_the_picture_and_large_enough() -> None:
    c = composer()
    asked = 0
    for _ in range(150):
        p = c.picture()
        for f in p.faces[~p.ignored]:
            asked += 1
            assert visible(f, H, W) >= 0.5
            assert np.sqrt(f[2] * f[3]) >= 7
            assert 0 <= f[0] + f[2] / 2 < W and 0 <= f[1] + f[3] / 2 < H
    assert asked > 50


def test_no_face_where_none_is_pasted() -> None:
    c = composer(replace(Recipe(), people=0, faces=(1, 0, 0, 0, 0)))
    assert not any(len(c.picture().faces) for _ in range(40))
    assert composer().faceless().shape == (H, W)


def test_nothing_to_paste_or_to_paste_on() -> None:
    with pytest.raises(ConfigError, match="0 photographs with a face to paste and 1 without"):
        Composer([], [scene()], height=H, width=W, seed=1)
    with pytest.raises(ConfigError, match="1 photographs with a face to paste and 0 without"):
        Composer([portrait()], [peopled()], height=H, width=W, seed=1)


def test_close_faces_fill_the_picture_and_may_be_cut_by_its_border() -> None:
    recipe = replace(Recipe(), people=1, plain=0, mined=0, close=1, faces=(1,), prints=0)
    widths, cut = [], 0
    for _ in range(60):
        c = composer(recipe, seed=len(widths))
        p = c.picture()
        widths += p.faces[~p.ignored][:, 2].tolist()
        cut += sum(visible(f, H, W) < 0.95 for f in p.faces[~p.ignored])
    assert max(widths) > 0.7 * W
    assert cut > 5


def test_what_lies_beyond_a_photograph_is_another_one() -> None:
    recipe = replace(Recipe(), people=1, plain=0, mined=0, close=0, faces=(1,), prints=0)
    c = composer(recipe)
    black = sum(int((c._people()[0] == 0).mean() > 0.5) for _ in range(40))
    assert black == 0


def test_a_row_has_several_faces_of_about_one_size() -> None:
    c = composer(replace(Recipe(), people=0, plain=1, faces=(0, 0, 1, 0, 0), row=1, prints=0))
    counts = []
    for _ in range(10):
        p = c.picture()
        counts.append(len(p.faces))
        sizes = np.sqrt(p.faces[:, 2] * p.faces[:, 3])
        assert sizes.max() / sizes.min() < 2
    assert max(counts) == 3


def test_the_label_follows_the_face_through_a_turn() -> None:
    """The eyes are dark: where a mapped landmark says an eye is, the picture must be dark."""
    photo = portrait()
    for angle in (-40, -15, 0, 30):
        for mirror in (1, -1):
            a = np.deg2rad(angle)
            turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
            turn[:, 0] *= mirror
            shift = np.array([80, 80]) - turn @ np.array([80, 80])
            matrix = np.concatenate([turn, shift[:, None]], axis=1).astype(np.float32)
            there = cv2.warpAffine(photo.luma, matrix, (160, 160))
            face = mapped(photo.faces[0], matrix)
            eyes = face[4:8].reshape(2, 2)
            for x, y in eyes:
                assert there[round(float(y)), round(float(x))] < 80
            # The subject's right eye stays left of the left one in the picture, as names say.
            assert eyes[0, 0] < eyes[1, 0]


def test_the_box_of_a_turned_ellipse() -> None:
    same = turned_box(np.array([0, 0, 10, 20.0]), np.array([[1, 0, 5], [0, 1, 6.0]]))
    assert same == pytest.approx((5, 6, 10, 20))
    quarter = turned_box(np.array([0, 0, 10, 20.0]), np.array([[0, -1, 0], [1, 0, 0.0]]))
    assert quarter == pytest.approx((-20, 0, 20, 10))


def test_a_flat_face_is_not_asked_for() -> None:
    c = composer()
    assert c._too_dim(np.full((H, W), 7, np.uint8), portrait().faces[0])
    assert not c._too_dim(portrait().luma, portrait().faces[0])


@pytest.mark.parametrize("seed", range(8))
def test_covering_changes_the_face_but_not_all_of_it(seed: int) -> None:
    photo = portrait()
    out = corruptions.cover(photo.luma, photo.faces[0], np.random.default_rng(seed))
    x, y, w, h = photo.faces[0, :4].astype(int)
    changed = np.abs(out.astype(int) - photo.luma)[y : y + h, x : x + w] > 12
    assert out.shape == photo.luma.shape
    assert changed.mean() < 0.75


@pytest.mark.parametrize("seed", range(8))
def test_corruptions_keep_shape_and_type(seed: int) -> None:
    rng = np.random.default_rng(seed)
    out = corruptions.corrupted(portrait().luma, rng)
    assert out.shape == (160, 160) and out.dtype == np.uint8
    face = portrait().faces[0]
    assert corruptions.drawing(out, face, rng).shape == (160, 160)
    corruptions.things(out, rng)


@pytest.mark.parametrize("seed", range(8))
def test_a_head_without_a_face_has_no_eyes(seed: int) -> None:
    photo = portrait()
    out = corruptions.faceless(photo.luma, photo.faces[0], np.random.default_rng(seed)).astype(int)
    (x, y) = photo.faces[0, 4:6].astype(int)
    assert np.ptp(out[y - 4 : y + 5, x - 4 : x + 5]) < 60
    assert np.ptp(photo.luma[y - 8 : y + 9, x - 8 : x + 9].astype(int)) > 120


def test_blending_by_weight() -> None:
    below, above = np.zeros((1, 3), np.uint8), np.full((1, 3), 200, np.uint8)
    corruptions.blend(below, above, np.array([[0, 128, 255]], np.uint8))
    assert below.tolist() == [[0, 100, 200]]
