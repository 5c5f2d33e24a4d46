"""Boxes, and the points of a face in them: pixels of the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

Points = tuple[tuple[float, float], ...]  # (x, y) each

EYES_APART = 0.15  # face widths: nearer, in profile, their line says little of the head
MOST_ROLL = 60.0  # degrees: beyond, landmarks are not trusted; detectors end at 45


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `x`, `y` is its upper left corner. Pixels, may reach past the frame."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def iou(self, other: Box) -> float:
        """Intersection over union with `other`, in [0, 1]."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if across <= 0 or down <= 0:
            return 0.0
        both = across * down
        return both / (self.area + other.area - both)

    def scaled(self, sx: float, sy: float) -> Box:
        """This box in an image `sx` times as wide and `sy` times as high."""
        return Box(self.x * sx, self.y * sy, self.width * sx, self.height * sy)

    def moved(self, dx: float, dy: float) -> Box:
        """This box shifted by (`dx`, `dy`) pixels."""
        return Box(self.x + dx, self.y + dy, self.width, self.height)


def roll(landmarks: Points, box: Box) -> float:
    """Return how far a head is tilted, by the line through its eyes.

    Args:
        landmarks: right eye and left eye (of the subject) first.
        box: of the same face.

    Returns:
        Degrees, clockwise in the picture; 0 where the landmarks cannot say.
    """
    (rx, ry), (lx, ly) = landmarks[:2]
    degrees = math.degrees(math.atan2(ly - ry, lx - rx))
    apart = math.hypot(lx - rx, ly - ry)
    return degrees if apart >= EYES_APART * box.width and abs(degrees) <= MOST_ROLL else 0.0


# How far the nose's tip stands out before the eyes' and mouth's plane, in distances of the eyes.
# Fitted to YuNet's landmarks of 13,574 faces of LFW beside a face mesh's yaw (docs/scores.md).
NOSE = 0.6


def yaw(landmarks: Points) -> float:
    """Return how far a face is turned, by how far its nose lies off the line from eyes to mouth.

    The nose's tip stands out by `NOSE` eye distances, so turning moves it aside by its sine while
    the eyes' distance shrinks by the cosine: tan(yaw) = aside / (NOSE * distance of the eyes).

    Args:
        landmarks: right eye, left eye (of the subject), nose, right and left mouth corner.

    Returns:
        Degrees in [-90, 90], positive towards the picture's right edge; 0 where all lies in one
        point.
    """
    (rx, ry), (lx, ly), (nx, ny), (ax, ay), (bx, by) = landmarks[:5]
    top_x, top_y = (rx + lx) / 2, (ry + ly) / 2
    down_x, down_y = (ax + bx) / 2 - top_x, (ay + by) / 2 - top_y
    length = math.hypot(down_x, down_y)
    if length == 0:
        return 0.0
    aside = ((nx - top_x) * down_y - (ny - top_y) * down_x) / length
    return math.degrees(math.atan2(aside, NOSE * math.hypot(lx - rx, ly - ry)))


def blended(old: Points, was: Box, new: Points, box: Box, weight: float) -> Points:
    """Return landmarks between those of two detections, as they lie in their boxes.

    Args:
        old: landmarks before.
        was: the box that they belong to.
        new: landmarks now, as many.
        box: the box now; the result lies in it.
        weight: of the new ones, in [0, 1].
    """
    out = []
    for (ax, ay), (bx, by) in zip(old, new, strict=True):
        ex = box.x + (ax - was.x) / was.width * box.width
        ey = box.y + (ay - was.y) / was.height * box.height
        out.append((ex + weight * (bx - ex), ey + weight * (by - ey)))
    return tuple(out)


def turned_pose(
    yaw: float, pitch: float, roll: float, degrees: float
) -> tuple[float, float, float]:
    """Return the yaw, pitch and roll that a head has when the picture is turned clockwise.

    All in degrees. Yaw and pitch are where the face looks (right and up in the picture), roll is
    about that direction: the rotation is R = Ry Rx Rz, and a turn of the picture is before it.
    """
    (sy, cy), (sp, cp), (sr, cr), (s, c) = (
        (math.sin(math.radians(a)), math.cos(math.radians(a))) for a in (yaw, pitch, roll, degrees)
    )
    # Where the face looks, and the picture's rows of R.
    x, y, z = sy * cp, sp, cy * cp
    right = (cy * cr + sy * sp * sr, cy * sr - sy * sp * cr)
    up = (-sr * cp, cr * cp)
    ups = [c * u - s * r for r, u in zip(right, up, strict=True)]
    return (
        math.degrees(math.atan2(c * x + s * y, z)),
        math.degrees(math.asin(max(-1.0, min(1.0, c * y - s * x)))),
        math.degrees(-math.atan2(*ups)),
    )


def axes(yaw: float, pitch: float, roll: float) -> tuple[tuple[float, float], ...]:
    """Return a head's axes as a picture shows them: to its side, up, and where it looks.

    Each is (right, up) in the picture, of an axis of length 1; angles in degrees, as `turned_pose`.
    """
    (sy, cy), (sp, cp), (sr, cr) = (
        (math.sin(math.radians(a)), math.cos(math.radians(a))) for a in (yaw, pitch, roll)
    )
    return (
        (cy * cr + sy * sp * sr, -sr * cp),
        (cy * sr - sy * sp * cr, cr * cp),
        (sy * cp, sp),
    )
