"""OpenCV's Haar cascade: nothing to download, slow, misses many; a fallback to compare with."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config import Detect
from edge.errors import ConfigError, UnavailableError
from edge.geometry import Box
from edge.image import shrink
from edge.messages import Face

SCALE_STEP = 1.2  # between two sizes searched; 1.1 doubles the cost
MIN_NEIGHBOURS = 4  # windows that must agree
SMALLEST = 24  # pixels: the window the cascade was trained with
# Fractions of the cascade's square that bring it to the box that YuNet draws, so that crops look
# alike whichever detector found the face: medians over 637 faces that both found, in LFW and clips.
TO_WIDTH, TO_HEIGHT, DOWN = 0.80, 1.05, 0.02


class HaarDetector:
    """`haarcascade_frontalface_default`, the detector of the classic projects."""

    def __init__(self, config: Detect) -> None:
        """Load the cascade named by `config.model`, or OpenCV's own.

        Raises:
            ConfigError: the file is not a cascade.
            UnavailableError: this OpenCV has no cascades (5.0 and later).
        """
        if not hasattr(cv2, "CascadeClassifier"):
            raise UnavailableError(
                f"detect.name: haar: OpenCV {cv2.__version__} has no CascadeClassifier; "
                "install 'opencv-python-headless<5', or set detect.name to face or yunet"
            )
        own = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
        path = config.model or str(own)
        if not os.path.isfile(path):  # noqa: PTH113  # Path's raises for too long a name
            raise ConfigError(f"detect.model: {path}: no such file")
        try:
            self._cascade = cv2.CascadeClassifier(path)
            empty = self._cascade.empty()
        except (cv2.error, SystemError):
            empty = True
        if empty:
            raise ConfigError(f"detect.model: {path}: not a Haar cascade")
        self.configure(config)

    def configure(self, config: Detect, /) -> None:
        """Go on by another width and smallest face."""
        self._config = config

    def detect(self, luma: NDArray[np.uint8], /) -> tuple[Face, ...]:
        """Return the faces, best first; the score is n / (n + 4) for n agreeing windows."""
        small, sx, sy = shrink(luma, self._config.width)
        least = max(SMALLEST, round(self._config.min_face * small.shape[0]))
        boxes, counts = self._cascade.detectMultiScale2(
            small, scaleFactor=SCALE_STEP, minNeighbors=MIN_NEIGHBOURS, minSize=(least, least)
        )
        faces = [
            Face(_to_common(Box(*map(float, b)).scaled(sx, sy)), n / (n + 4.0))
            for b, n in zip(boxes, np.asarray(counts).ravel().tolist(), strict=True)
        ]
        return tuple(sorted(faces, key=lambda f: -f.score))


def _to_common(square: Box) -> Box:
    cx, cy = square.centre
    width, height = square.width * TO_WIDTH, square.height * TO_HEIGHT
    cy += square.height * DOWN
    return Box(cx - width / 2, cy - height / 2, width, height)
