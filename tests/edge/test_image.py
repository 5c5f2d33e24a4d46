"""Luma operations that stages share."""

from __future__ import annotations

import numpy as np
import pytest

from edge.image import TALLEST, shrink


@pytest.mark.parametrize(
    ("columns", "rows", "shape"),
    [
        (640, 480, (240, 320)),
        (1080, 1920, (569, 320)),
        (320, 240, (240, 320)),
        (200, 1280, (1280, 200)),
        (256, 65_000, (TALLEST * 320, 5)),
        (2, 60_000, (TALLEST * 320, 1)),
        (65_000, 256, (1, 320)),
        (1, 1, (1, 1)),
    ],
)
def test_a_picture_of_any_shape_is_small_for_the_detector(
    columns: int, rows: int, shape: tuple[int, int]
) -> None:
    small, sx, sy = shrink(np.zeros((rows, columns), np.uint8), 320)
    assert small.shape == shape
    assert (small.shape[1] * sx, small.shape[0] * sy) == pytest.approx((columns, rows))
