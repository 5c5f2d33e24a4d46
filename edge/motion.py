"""Decides which frames to process: cheap, on a thumbnail, so that still scenes idle."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config import Motion
from edge.image import thumbnail
from edge.messages import Frame

AWAKE_S = 1.0  # s after motion in which every frame is processed: faces are confirmed, windows fill
# s between two frames processed of a still scene with a face: its box stays fresh enough to score.
FACE_S = 0.5
LIDS_S = 0.2  # the same, where drowsiness is told: of what comes more seldom, `drowsiness` has gaps


class MotionGate:
    """Compares each frame with the last one that was processed."""

    def __init__(self, config: Motion, lost_s: float, *, lids: bool = False) -> None:
        """Decide by the section `motion`.

        Args:
            config: the section.
            lost_s: s; not processed for so long, faces leave.
            lids: eyes are watched: who falls asleep does not move.
        """
        self._processed = self._moved = 0.0  # s
        self.configure(config, lost_s, lids=lids)

    def configure(self, config: Motion, lost_s: float, *, lids: bool = False) -> None:
        """Go on by other settings, from the next frame on."""
        self._config = config
        self._face_s = min(LIDS_S if lids else FACE_S, lost_s / 2)
        self._seen: NDArray[np.uint8] | None = None  # thumbnail of the last one processed

    def reset(self) -> None:
        """Process the next frame, whatever is in it: the camera was away."""
        self._seen = None

    def should_process(self, frame: Frame, faces: int) -> bool:
        """Return whether to process this frame.

        Args:
            frame: the newest one.
            faces: how many were in view in the last one processed.
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
            if frame.t - self._processed < rest_s:
                return False
        self._seen, self._processed = small, frame.t
        return True
