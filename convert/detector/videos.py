"""Judging on video: beside a reference detector, and behind the tracker's confirmation."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edge.config
from convert.detector.scores import Floats, Found, Truth, landmark_shift, match, mean_shift
from convert.detector.under_test import DetectorUnderTest
from edge.camera import open_camera
from edge.clock import SystemClock
from edge.config import TrackKeys
from edge.errors import NoInputError
from edge.geometry import Box
from edge.messages import Face, Frame
from edge.track import FaceTracker

SURE_PX = 32.0  # reference faces whose shorter side is smaller are not asked for


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Clip:
    """A video with what the reference saw in it."""

    name: str
    frames: list[Frame]
    truths: list[Truth]

    @property
    def minutes(self) -> float:
        """Length of the recording."""
        frames = self.frames
        gap = (frames[-1].t - frames[0].t) / max(1, len(frames) - 1)
        return (frames[-1].t - frames[0].t + gap) / 60


def load_clip(path: Path, name: str, reference: DetectorUnderTest) -> Clip:
    """Read every frame with the device's own camera code and ask the reference.

    Args:
        path: of the video.
        name: that its figures go by; no other clip's.
        reference: tells where faces are.

    Raises:
        NoInputError: the file cannot be read.
    """
    config = edge.config.Camera(source=str(path), every_frame=True)
    camera = open_camera(config, SystemClock(), random.Random(0))
    frames = [f for f in camera.frames() if isinstance(f, Frame)]
    camera.close()
    if not frames:
        raise NoInputError(f"{path}: no frame in it")
    return Clip(name, frames, [_truth(reference.find(f.luma), reference) for f in frames])


def _truth(found: Found, reference: DetectorUnderTest) -> Truth:
    faces = np.zeros((len(found.boxes), 14), np.float32)
    faces[:, :4] = found.boxes
    faces[:, 4:] = np.nan if found.landmarks is None else found.landmarks.reshape(-1, 10)
    unsure = (found.scores < reference.threshold) | (found.boxes[:, 2:].min(axis=1) < SURE_PX)
    maybe = found.scores >= 0.5 * reference.threshold
    return Truth(faces[maybe], unsure[maybe])


def evaluate_clip(
    clip: Clip, subject: DetectorUnderTest, *, rate: float, confirm: int
) -> dict[str, object]:
    """Return the share of the reference's faces found, and false alarms, at the threshold.

    Args:
        clip: the video.
        subject: the detector.
        rate: detections a second for the tracker, as on the device.
        confirm: detections before the tracker believes a face.
    """
    founds = [_above(subject.find(f.luma), subject.threshold) for f in clip.frames]
    wanted = hits = false = seen_frames = full_frames = 0
    shifts: list[Floats] = []
    for truth, found in zip(clip.truths, founds, strict=True):
        of_face, kind = match(truth, found)
        asked = ~truth.ignored
        wanted += int(asked.sum())
        hits += int((of_face[asked] >= 0).sum())
        false += int((kind == 0).sum())
        if found.landmarks is not None:
            pairs = zip(truth.faces, of_face, strict=True)
            shifts += [landmark_shift(found.landmarks[k], face) for face, k in pairs if k >= 0]
        if asked.any():
            seen_frames += 1
            full_frames += bool((of_face[asked] >= 0).all())
    result: dict[str, object] = {
        "frames": len(clip.frames),
        "reference_faces": wanted,
        "found": hits / wanted if wanted else None,
        "frames_with_all": full_frames / seen_frames if seen_frames else None,
        "false_a_minute": false / clip.minutes,
        "false_tracks": _false_tracks(clip, founds, rate, confirm),
        "landmark_shift": mean_shift(shifts),
    }
    return result


def _above(found: Found, threshold: float) -> Found:
    keep = found.scores >= threshold
    marks = None if found.landmarks is None else found.landmarks[keep]
    return Found(found.boxes[keep], found.scores[keep], marks)


def _false_tracks(clip: Clip, founds: Sequence[Found], rate: float, confirm: int) -> int:
    """Count tracks believed by the device's tracker that hold no face of the reference."""
    tracker = FaceTracker(TrackKeys(confirm=confirm, lost_s=2.0), random.Random(0))
    due = clip.frames[0].t
    good: dict[str, bool] = {}
    for frame, truth, found in zip(clip.frames, clip.truths, founds, strict=True):
        faces = None
        if frame.t >= due:
            due = max(due + 1 / rate, frame.t)
            faces = [
                Face(Box(*map(float, b)), float(s))
                for b, s in zip(found.boxes, found.scores, strict=True)
            ]
        for track in tracker.update(frame, faces):
            box: NDArray[np.float32] = np.array(
                [track.box.x, track.box.y, track.box.width, track.box.height], np.float32
            )
            near = Found(box[None], np.ones(1, np.float32), None)
            _, kind = match(truth, near)
            good[track.id] = good.get(track.id, False) or bool(kind[0] != 0)
    return sum(not fine for fine in good.values())
