"""Finds the faces of a photograph: for `analyze`, and for the workshop's data sets."""

from __future__ import annotations

import msgspec

from edge.camera.opencv import Luma
from edge.config import Detect
from edge.messages import Face
from edge.stages import FaceDetector

# Pixels: a photograph takes no part in a frame rate, so faces may be looked for at twice the size.
WIDTH = 640


def for_stills(config: Detect) -> Detect:
    """Return the section `detect` for photographs."""
    return msgspec.structs.replace(config, width=max(config.width, WIDTH))


def find_faces(detector: FaceDetector, config: Detect, luma: Luma) -> tuple[Face, ...]:
    """Return the faces of a photograph, largest first.

    Args:
        detector: any; its settings are those for photographs afterwards.
        config: the section `detect`.
        luma: of the photograph.
    """
    detector.configure(for_stills(config))
    return tuple(sorted(detector.detect(luma), key=lambda f: -f.box.area))
