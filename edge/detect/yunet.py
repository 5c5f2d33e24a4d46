"""YuNet (Wu et al. 2023, 'YuNet: A Tiny Millisecond-level Face Detector') by OpenCV's own code."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config import Detect
from edge.errors import ConfigError
from edge.geometry import Box
from edge.image import shrink
from edge.messages import Face

# Where its project has it; MIT licence. docs/install.md says how to download it.
URL = (
    "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
    "face_detection_yunet_2026may.onnx"
)
SHA256 = "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
NMS_OVERLAP = 0.3  # the value of OpenCV's own sample
TOP_K = 200  # candidates kept before suppression


class YuNetDetector:
    """`cv2.FaceDetectorYN` with a model file of the user's."""

    def __init__(self, config: Detect) -> None:
        """Load the ONNX file named by `config.model`.

        Raises:
            ConfigError: there is no such file, or OpenCV cannot read it.
        """
        path = Path(config.model)
        if not os.path.isfile(path):  # noqa: PTH113  # Path's raises: too long
            raise ConfigError(
                f"detect.model: got {config.model!r}: no such file; allowed: the path of YuNet's "
                f"face_detection_yunet_*.onnx, from {URL} (sha256 {SHA256})"
            )
        try:
            self._net = cv2.FaceDetectorYN.create(
                str(path), "", (320, 240), config.threshold, NMS_OVERLAP, TOP_K
            )
            self._net.detect(np.zeros((240, 320, 3), np.uint8))
        except cv2.error as e:
            raise ConfigError(f"detect.model: {path}: OpenCV cannot run it: {e.err}") from e
        self._size = (320, 240)
        self.configure(config)

    def configure(self, config: Detect, /) -> None:
        """Go on by another width, smallest face and threshold."""
        self._config = config
        self._net.setScoreThreshold(config.threshold)

    def detect(self, luma: NDArray[np.uint8], /) -> tuple[Face, ...]:
        """Return the faces with five landmarks each, best score first."""
        small, sx, sy = shrink(luma, self._config.width)
        size = (small.shape[1], small.shape[0])
        if size != self._size:
            self._net.setInputSize(size)
            self._size = size
        _, rows = self._net.detect(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR))
        if rows is None:
            return ()  # type: ignore[unreachable]  # OpenCV's stubs know no empty answer
        faces = []
        for row in rows.tolist():
            box = Box(*row[:4]).scaled(sx, sy)
            if box.height < self._config.min_face * luma.shape[0]:
                continue
            points = tuple((row[i] * sx, row[i + 1] * sy) for i in range(4, 14, 2))
            faces.append(Face(box, row[14], points))
        return tuple(sorted(faces, key=lambda f: -f.score))
