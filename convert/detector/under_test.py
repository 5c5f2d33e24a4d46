"""The detectors of the device, opened for judging: the very code that runs there."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.arguments import check_once, told_apart
from convert.detector.scores import Found
from edge.config import Detect
from edge.detect import open_detector
from edge.errors import UsageError
from edge.messages import Face
from edge.stages import FaceDetector

SPEC = re.compile(
    r"(?P<name>face|face-alone|haar|yunet)(@(?P<width>\d+))?(:(?P<threshold>[\d.]+))?(=(?P<model>.+))?"
)
ALONE = "face-alone"  # the detector without the second look
LOW = 0.02  # threshold while judging, so that the whole precision-recall curve is seen
TINY = 0.001  # smallest face asked for, share of the height


@dataclass(frozen=True, slots=True)
class DetectorUnderTest:
    """A detector to judge."""

    label: str  # no other's, where several are judged
    threshold: float  # that it would be used with
    detector: FaceDetector
    config: Detect = field(default_factory=Detect)  # it was opened with, `LOW` as its threshold

    def faces(self, luma: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return everything it finds, also below its threshold, as it passes it on."""
        return self.detector.detect(luma)

    def find(self, luma: NDArray[np.uint8]) -> Found:
        """Return everything it finds, also below its threshold."""
        faces = self.faces(luma)
        boxes = [(f.box.x, f.box.y, f.box.width, f.box.height) for f in faces]
        marked = bool(faces) and all(f.landmarks is not None for f in faces)
        return Found(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array([f.score for f in faces], np.float32),
            np.array([f.landmarks for f in faces], np.float32) if marked else None,
        )


def open_under_test(spec: str) -> DetectorUnderTest:
    """Open `NAME[@WIDTH][:THRESHOLD][=MODEL]`, such as `face@320`, `yunet@320:0.6=file.onnx`.

    Raises:
        UsageError: the text makes no sense.
        EdgeError: the detector cannot be opened.
    """
    parts = SPEC.fullmatch(spec)
    if parts is None:
        raise UsageError(
            f"--detector: got {spec!r}; allowed: NAME[@WIDTH][:THRESHOLD][=MODEL] with face, "
            f"{ALONE}, haar or yunet as NAME"
        )
    usual = Detect()
    width = int(parts["width"] or usual.width)
    threshold = _number(parts["threshold"], usual.threshold)
    if not 0 < threshold < 1:
        raise UsageError(f"--detector: got {spec!r}; allowed: a threshold above 0, below 1")
    values = {
        "name": "face" if parts["name"] == ALONE else parts["name"],
        "width": width,
        "threshold": LOW,
        "min_face": TINY,
        "model": parts["model"] or "",
        **({"refine": ""} if parts["name"] == ALONE else {}),
    }
    try:
        config = msgspec.convert(values, Detect)
    except msgspec.ValidationError as e:
        raise UsageError(f"--detector: got {spec!r}: {e}") from e
    # The cascade gives no probability: whatever it finds counts.
    used = 0.0 if parts["name"] == "haar" else threshold
    return DetectorUnderTest(f"{parts['name']}@{width}", used, open_detector(config), config)


def open_all(specs: Sequence[str]) -> list[DetectorUnderTest]:
    """Open several; those of one name and width are called as they were given.

    Raises:
        UsageError: one makes no sense, or is there twice.
        EdgeError: one cannot be opened.
    """
    check_once("--detector", specs)
    detectors = [open_under_test(spec) for spec in specs]
    labels = told_apart([d.label for d in detectors], specs)
    return [replace(d, label=label) for d, label in zip(detectors, labels, strict=True)]


def _number(text: str | None, usual: float) -> float:
    try:
        return usual if text is None else float(text)
    except ValueError:  # 0.5.5
        return -1.0


def interleaved(
    subjects: list[DetectorUnderTest], frames: list[NDArray[np.uint8]], rounds: int = 3
) -> dict[str, dict[str, float]]:
    """Return the milliseconds a frame of each, taken in turns so that a busy machine is fair.

    Each at the threshold that it would be used with: what is looked at twice depends on it.
    """
    times: dict[str, list[float]] = {s.label: [] for s in subjects}
    for s in subjects:
        s.detector.configure(msgspec.structs.replace(s.config, threshold=s.threshold or LOW))
    for _ in range(rounds):
        for luma in frames:
            for s in subjects:
                began = time.perf_counter()
                s.detector.detect(luma)
                times[s.label].append(1000 * (time.perf_counter() - began))
    for s in subjects:
        s.detector.configure(s.config)
    return {
        label: {"median": float(np.median(ms)), "p90": float(np.percentile(ms, 90))}
        for label, ms in times.items()
    }
