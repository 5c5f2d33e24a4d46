from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.crop import crop_face, crop_upright, sharpness
from edge.geometry import Box


def ramp(rows: int = 100, columns: int = 120) -> NDArray[np.uint8]:
    """Luma that says where it is: 2 x column."""
    return np.tile((2 * np.arange(columns)).astype(np.uint8), (rows, 1))


def test_the_crop_is_a_square_around_the_middle_of_the_box() -> None:
    crop = crop_face(ramp(), Box(40, 20, 20, 40), 0.0, 40, 40)
    assert crop.shape == (40, 40)
    assert crop[0, 0] == 60  # column 30: half the height left of the middle at 50
    assert crop[0, -1] == 138


def test_a_margin_widens_the_crop_on_each_side() -> None:
    crop = crop_face(ramp(), Box(40, 30, 40, 40), 0.25, 60, 60)
    assert (crop[0, 0], crop[0, -1]) == (60, 178)
    tight = crop_face(ramp(), Box(40, 30, 40, 40), -0.25, 20, 20)
    assert (tight[0, 0], tight[0, -1]) == (100, 138)


@pytest.mark.parametrize(
    ("box", "corner"), [(Box(-20, 10, 40, 40), 0), (Box(100, 10, 40, 40), 238)]
)
def test_a_crop_past_the_border_repeats_its_pixels(box: Box, corner: int) -> None:
    crop = crop_face(ramp(), box, 0.0, 40, 40)
    column = 0 if box.x < 0 else -1
    assert crop[:, column].tolist() == [corner] * 40
    assert crop.shape == (40, 40)


def test_a_box_outside_of_the_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="no part"):
        crop_face(ramp(), Box(300, 10, 40, 40), 0.0, 48, 48)


@pytest.mark.parametrize("degrees", [-45, -20, 12, 30, 60])
@pytest.mark.parametrize(("width", "height"), [(48, 48), (48, 40)])
def test_an_upright_crop_undoes_the_tilt(degrees: float, width: int, height: int) -> None:
    import cv2

    rng = np.random.default_rng(3)
    scene = cv2.GaussianBlur(rng.integers(0, 255, (240, 320), np.uint8), (0, 0), 6.0)
    cv2.normalize(scene, scene, 0, 255, cv2.NORM_MINMAX)
    box = Box(110, 70, 80, 96)
    # The middle of the square, as the index of a pixel, stays where it is.
    turn = cv2.getRotationMatrix2D((149.5, 117.5), -degrees, 1.0)
    tilted = np.asarray(cv2.warpAffine(scene, turn, (320, 240)), np.uint8)
    wanted = crop_face(np.asarray(scene, np.uint8), box, 0.1, width, height).astype(int)
    got = crop_upright(tilted, box, degrees, 0.1, width, height).astype(int)
    left = crop_face(tilted, box, 0.1, width, height).astype(int)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).mean() < 4 < 12 < np.abs(left - wanted).mean()


def test_an_upright_crop_past_the_border_repeats_its_pixels_and_outside_is_refused() -> None:
    crop = crop_upright(ramp(), Box(-20, 10, 40, 40), 20, 0.0, 40, 40)
    assert crop.shape == (40, 40) and crop[:, 0].tolist() == [0] * 40
    with pytest.raises(ValueError, match="no part"):
        crop_upright(ramp(), Box(300, 10, 40, 40), 20, 0.0, 48, 48)


def test_a_blurred_face_is_less_sharp_whatever_the_light() -> None:
    import cv2

    rng = np.random.default_rng(3)
    face = cv2.GaussianBlur(rng.integers(0, 255, (48, 48), np.uint8), (0, 0), 1.0)
    blurred = cv2.GaussianBlur(face, (0, 0), 2.0)
    dim = (face * 0.4).astype(np.uint8)
    assert sharpness(np.asarray(blurred, np.uint8)) < 0.3 * sharpness(np.asarray(face, np.uint8))
    assert sharpness(dim) == pytest.approx(sharpness(np.asarray(face, np.uint8)), rel=0.1)
