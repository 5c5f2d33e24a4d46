"""Finding faces: one small class a detector, chosen by name."""

from __future__ import annotations

from edge.config import Detect
from edge.stages import FaceDetector


def open_detector(config: Detect, *, runtime: str = "auto", threads: int = 1) -> FaceDetector:
    """Return the detector of the configuration, loaded and warm.

    Args:
        config: the section `detect`.
        runtime: TFLite runtime, for detectors that need one; see `edge.model.tflite`.
        threads: of that runtime.

    Raises:
        ConfigError: its model is missing or cannot be run.
        UnavailableError: OpenCV or the TFLite runtime lacks what it needs.
    """
    if config.name == "haar":
        from edge.detect.haar import HaarDetector

        return HaarDetector(config)
    if config.name == "yunet":
        from edge.detect.yunet import YuNetDetector

        return YuNetDetector(config)
    from edge.detect.face import TfliteFaceDetector

    return TfliteFaceDetector(config, runtime, threads)
