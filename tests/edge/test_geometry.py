import math

import pytest

from edge.geometry import MOST_ROLL, NOSE, Box, Points, axes, blended, roll, turned_pose, yaw

BOX = Box(100, 50, 80, 100)


def face(degrees: float, apart: float = 36, centre: tuple[float, float] = (140, 90)) -> Points:
    """Two eyes on a line tilted clockwise, and a nose."""
    a = math.radians(degrees)
    dx, dy = apart / 2 * math.cos(a), apart / 2 * math.sin(a)
    cx, cy = centre
    return (cx - dx, cy - dy), (cx + dx, cy + dy), (cx, cy + 20)


def same(one: Points, other: Points) -> bool:
    return len(one) == len(other) and all(
        a == pytest.approx(b) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("degrees", [-45, -10, 0, 0.5, 30, 59])
def test_roll_is_that_of_the_line_through_the_eyes(degrees: float) -> None:
    assert roll(face(degrees), BOX) == pytest.approx(degrees)


@pytest.mark.parametrize("degrees", [MOST_ROLL + 1, 90, 180, -120])
def test_eyes_that_stand_on_end_are_not_believed(degrees: float) -> None:
    assert roll(face(degrees), BOX) == 0


def test_eyes_in_profile_or_at_one_place_say_nothing() -> None:
    assert roll(face(30, apart=0.14 * BOX.width), BOX) == 0
    assert roll(face(30, apart=0.16 * BOX.width), BOX) == pytest.approx(30)
    assert roll(face(30, apart=0), BOX) == 0


def test_blended_landmarks_go_with_the_box_and_are_between() -> None:
    old, new = face(0), face(20, centre=(240, 190))
    there = BOX.moved(100, 100)
    assert same(blended(old, BOX, new, there, 1.0), new)
    kept = blended(old, BOX, new, there, 0.0)
    assert same(kept, tuple((x + 100, y + 100) for x, y in old))
    half = blended(old, BOX, new, there, 0.5)
    for (x, y), (ax, ay), (bx, by) in zip(half, kept, new, strict=True):
        assert (x, y) == pytest.approx(((ax + bx) / 2, (ay + by) / 2))


def test_blended_landmarks_grow_with_the_box() -> None:
    large = Box(200, 100, 160, 200)
    got = blended(face(0), BOX, face(0), large, 0.0)
    assert same(got, tuple((2 * x, 2 * y) for x, y in face(0)))


def turned_by(degrees: float, tilted: float = 0.0) -> Points:
    """Project a face's five points, turned aside and tilted; x to the right, y down."""
    face = [(-0.5, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.6, NOSE), (-0.4, 1.0, 0.0), (0.4, 1.0, 0.0)]
    a, r = math.radians(degrees), math.radians(tilted)
    flat = [(x * math.cos(a) + z * math.sin(a), y) for x, y, z in face]
    return tuple(
        (
            100 + 40 * (x * math.cos(r) - y * math.sin(r)),
            80 + 40 * (x * math.sin(r) + y * math.cos(r)),
        )
        for x, y in flat
    )


@pytest.mark.parametrize("degrees", [-60.0, -20.0, 0.0, 35.0, 80.0])
@pytest.mark.parametrize("tilted", [-30.0, 0.0, 20.0])
def test_the_nose_tells_how_far_a_face_is_turned(degrees: float, tilted: float) -> None:
    assert yaw(turned_by(degrees, tilted)) == pytest.approx(degrees, abs=1e-6)


def test_landmarks_in_one_point_say_nothing() -> None:
    assert yaw(((5.0, 5.0),) * 5) == 0.0


@pytest.mark.parametrize(
    ("pose", "side", "up", "ahead"),
    [
        ((0, 0, 0), (1, 0), (0, 1), (0, 0)),
        ((90, 0, 0), (0, 0), (0, 1), (1, 0)),  # looks to the picture's right
        ((0, 90, 0), (1, 0), (0, 0), (0, 1)),  # looks up
        ((0, 0, 90), (0, -1), (1, 0), (0, 0)),  # the head's top to the right
        ((90, 0, 90), (0, -1), (0, 0), (1, 0)),
    ],
)
def test_axes_of_a_head_as_a_picture_shows_them(
    pose: tuple[float, float, float],
    side: tuple[float, float],
    up: tuple[float, float],
    ahead: tuple[float, float],
) -> None:
    for got, wanted in zip(axes(*pose), (side, up, ahead), strict=True):
        assert got == pytest.approx(wanted, abs=1e-9)


def test_axes_agree_with_a_pose_turned_back() -> None:
    yaw_, pitch, roll_ = turned_pose(20.0, -10.0, 5.0, 30.0)
    (_, _, before), (_, _, after) = axes(20.0, -10.0, 5.0), axes(yaw_, pitch, roll_)
    assert math.hypot(*after) == pytest.approx(math.hypot(*before))  # it looks as far aside
