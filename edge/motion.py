"""Says whether a frame is worth looking at: cheap, on a thumbnail, so that still scenes idle."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config import Motion
from edge.image import thumbnail
from edge.messages import Frame

AWAKE_S = 1.0  # s looked at every frame after something moved: faces are confirmed, windows fill
# s between two looks at a still scene with a face: the face's box stays fresh enough to be scored.
FACE_S = 0.5


class MotionGate:
    """Compares each frame with the last one that was looked at."""

    def __init__(self, config: Motion, lost_s: float) -> None:
        """Decide by the section `motion`; `lost_s` (s): without a look for so long, faces leave."""
        self._looked = self._moved = 0.0  # s
        self.configure(config, lost_s)

    def configure(self, config: Motion, lost_s: float) -> None:
        """Go on by other settings, from the next frame on."""
        self._config = config
        self._face_s = min(FACE_S, lost_s / 2)
        self._seen: NDArray[np.uint8] | None = None  # thumbnail at the last look

    def reset(self) -> None:
        """Look at the next frame, whatever is in it: the camera was away."""
        self._seen = None

    def should_process(self, frame: Frame, faces: int) -> bool:
        """Return whether to look at this frame.

        Args:
            frame: the newest one.
            faces: how many were in view at the last look.
        """
        if not self._config.gate:
            return True
        small = thumbnail(frame.luma)
        seen = self._seen
        if (
            seen is None
            or seen.shape != small.shape
            or cv2.norm(seen, small, cv2.NORM_INF) > self._config.level
        ):
            self._moved = frame.t
        elif frame.t - self._moved > AWAKE_S:
            rest_s = min(self._face_s, self._config.idle_s) if faces else self._config.idle_s
            if frame.t - self._looked < rest_s:
                return False
        self._seen, self._looked = small, frame.t
        return True
