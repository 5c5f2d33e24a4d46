"""What one frame shows: the picture as JPEG, and beside it the faces as data for the page to draw.

One binary message is the length of the JSON in four bytes (big-endian), the JSON, the JPEG: so
that boxes never lag behind the picture they belong to.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from msgspec import to_builtins
from numpy.typing import NDArray

from edge.crop import crop_for, sharpness
from edge.geometry import yaw
from edge.image import shrink
from edge.messages import Estimate, Frame, rounded
from edge.model.manifest import InputSpec

MAX_WIDTH = 960  # pixels of the picture sent; more only costs time on the way
QUALITY = 75  # of JPEG, 0-100: faces show no blocks, 640x480 has about 40 kB
SLACK = 0.9  # of the interval: a frame that comes a little early is still sent


class FrameStream:
    """Sends frames to whoever asks, at a bounded rate; does nothing while nobody looks."""

    def __init__(
        self,
        spec: InputSpec,
        upright: bool,
        rate: float,
        wanted: Callable[[], bool],
        show: Callable[[bytes], None],
    ) -> None:
        """Look over the loop's shoulder.

        Args:
            spec: of the emotion model: what of a face is measured.
            upright: whether its crops are turned by the eyes, as `classify.upright` says.
            rate: most pictures a second.
            wanted: whether somebody waits for a picture.
            show: takes a message.
        """
        self._spec = spec
        self._upright = upright
        self._interval_s = SLACK / rate
        self._wanted = wanted
        self._show = show
        self._last = -math.inf

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        """Send this frame if it is time and somebody waits."""
        if frame.t - self._last >= self._interval_s and self._wanted():
            self._last = frame.t
            self._show(message(frame, estimates, self._spec, upright=self._upright))


def message(
    frame: Frame, estimates: Sequence[Estimate], spec: InputSpec, *, upright: bool = True
) -> bytes:
    """Return the binary message of a frame."""
    height, width = frame.luma.shape
    data = {
        "seq": frame.seq,
        "width": width,
        "height": height,
        "brightness": round(float(frame.luma.mean()), 1),
        "faces": [_face(frame, estimate, spec, upright) for estimate in estimates],
    }
    head = json.dumps(data, separators=(",", ":")).encode()
    return struct.pack(">I", len(head)) + head + _jpeg(frame.luma)


def _face(frame: Frame, estimate: Estimate, spec: InputSpec, upright: bool) -> dict[str, object]:
    track = estimate.track
    width, height = track.frame_size
    return {
        "track": track.id,
        "box": [round(v, 4) for v in track.unit_box],
        "landmarks": [
            [round(x / width, 4), round(y / height, 4)] for x, y in track.landmarks or ()
        ],
        "emotion": estimate.emotion,
        "confidence": round(estimate.confidence, 3),
        "scores": {k: round(v, 3) for k, v in estimate.scores.items()},
        "reason": estimate.reason,
        "state": to_builtins(rounded(estimate.state)),
        "attributes": {
            name: [a.label, round(a.confidence, 3)] for name, a in estimate.attributes.items()
        },
        "still": track.still,
        "since_s": round(frame.t - estimate.since, 1),
        "unseen_s": round(frame.t - track.seen, 2),
        "measures": _measures(frame, estimate, spec, upright),
    }


def _measures(frame: Frame, estimate: Estimate, spec: InputSpec, upright: bool) -> dict[str, float]:
    """Return what the limits of the configuration are held against, by their keys."""
    box = estimate.track.box
    measures: dict[str, float] = {
        "detect.min_face": round(box.height / frame.luma.shape[0], 3),
        "detect.threshold": round(estimate.track.score, 2),
        "classify.min_face_px": round(min(box.width, box.height)),
    }
    state = estimate.track.state  # what decides, whether or not it is told
    if state is not None and state.yaw is not None:
        measures["classify.max_yaw"] = round(abs(state.yaw), 1)
    elif estimate.track.landmarks is not None:
        measures["classify.max_yaw"] = round(abs(yaw(estimate.track.landmarks)), 1)
    if state is not None and state.pitch is not None:
        measures["classify.max_pitch"] = round(abs(state.pitch), 1)
        measures["classify.max_bowed"] = round(max(-state.pitch, 0.0), 1)
    try:
        face = crop_for(spec, frame.luma, box, estimate.track.landmarks if upright else None)
    except ValueError:  # carried out of the frame
        return measures
    return {
        **measures,
        "classify.min_sharpness": round(sharpness(face), 3),
        "classify.min_brightness": round(float(face.mean())),
    }


def _jpeg(luma: NDArray[np.uint8]) -> bytes:
    small, _, _ = shrink(luma, MAX_WIDTH)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
