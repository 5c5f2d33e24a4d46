"""Boxes: axis-aligned rectangles in pixels of the frame."""

from __future__ import annotations

from dataclasses import dataclass


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
