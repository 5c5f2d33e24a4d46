"""Draws what the pipeline saw into pictures: boxes, tracks, labels and a bar for each score."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.opencv import is_utf8, openable
from edge.errors import NoInputError, StorageError, UsageError
from edge.geometry import Box, axes
from edge.image import resize
from edge.messages import UNKNOWN, Estimate, FaceState, Frame
from edge.tools.analyze.files import PICTURES, RECORDINGS

MIN_WIDTH = 640  # pixels: smaller frames are enlarged, else text covers the face
FONT = cv2.FONT_HERSHEY_SIMPLEX
# BGR, one a label in the manifest's order; picked to differ for the colour-blind too (Okabe-Ito).
COLOURS = (
    (0, 94, 213),
    (115, 158, 0),
    (167, 121, 204),
    (66, 228, 240),
    (178, 114, 0),
    (233, 180, 86),
    (200, 200, 200),
)
AXES = ((0, 94, 213), (115, 158, 0), (233, 180, 86))  # to the face's side, up, ahead
AXIS = 0.4  # face widths: length of an axis that lies in the picture
GREY = (150, 150, 150)
VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi")
_FRAME = re.compile(r"[0-9]{6,}\.png")  # in a folder

Picture = NDArray[np.uint8]


def draw(frame: Frame, estimates: Sequence[Estimate], *, clock: bool = True) -> Picture:
    """Return the frame with its faces drawn in, BGR, at least MIN_WIDTH pixels wide.

    Args:
        frame: to draw.
        estimates: of its faces.
        clock: write the frame's time into a corner.
    """
    height, width = frame.luma.shape
    factor = max(1.0, MIN_WIDTH / width)
    big = resize(frame.luma, round(width * factor), round(height * factor))
    picture = np.asarray(cv2.cvtColor(big, cv2.COLOR_GRAY2BGR), np.uint8)
    for estimate in estimates:
        _face(picture, estimate, factor)
    if clock:
        _text(picture, f"{frame.t:7.2f} s", (8, picture.shape[0] - 8), (255, 255, 255))
    return picture


def _face(picture: Picture, estimate: Estimate, factor: float) -> None:
    box = estimate.track.box.scaled(factor, factor)
    x, y, right = round(box.x), round(box.y), round(box.x + box.width)
    colour = _colour(estimate)
    cv2.rectangle(picture, (x, y), (right, round(box.y + box.height)), colour, 2)
    if estimate.state is not None:
        _doing(picture, estimate.state, box)
    words = (
        estimate.emotion
        if estimate.emotion != UNKNOWN
        else f"unknown ({estimate.reason or 'looking'})"
    )
    if estimate.scores and estimate.emotion != UNKNOWN:
        words += f" {estimate.confidence:.2f}"
    _text(picture, f"{estimate.track.id[:4]} {words}", (max(x, 2), max(y - 6, 14)), colour)
    for i, a in enumerate(estimate.attributes.items()):
        line = f"{a[0]}: {a[1].label} {a[1].confidence:.2f}"
        bottom = round(box.y + box.height) + 16 * (i + 1)
        _text(picture, line, (max(x, 2), min(bottom, picture.shape[0] - 24)), colour, 0.45)
    _bars(picture, estimate, right + 6 if right + 130 < picture.shape[1] else max(x - 130, 0), y)


def _doing(picture: Picture, state: FaceState, box: Box) -> None:
    """Draw where a head points as three axes, and how far its eyes are open as two bars below."""
    if state.yaw is not None and state.pitch is not None and state.roll is not None:
        middle, reach = box.centre, AXIS * box.width
        for axis, colour in zip(axes(state.yaw, state.pitch, state.roll), AXES, strict=True):
            end = (round(middle[0] + reach * axis[0]), round(middle[1] - reach * axis[1]))
            cv2.line(picture, (round(middle[0]), round(middle[1])), end, colour, 2, cv2.LINE_AA)
    top, width = round(box.y + box.height) + 4, round(0.4 * box.width)
    for openness, share in ((state.eyes.right, 0.05), (state.eyes.left, 0.55)):
        left = round(box.x + share * box.width)
        cv2.rectangle(picture, (left, top), (left + width, top + 8), (60, 60, 60), -1)
        if openness is None:
            _text(picture, "?", (left + width // 2 - 4, top + 8), (255, 255, 255), 0.38)
        elif openness > 0:
            end = (left + round(width * openness), top + 8)
            cv2.rectangle(picture, (left, top), end, (255, 255, 255), -1)


def _bars(picture: Picture, estimate: Estimate, x: int, y: int) -> None:
    for i, (label, score) in enumerate(estimate.scores.items()):
        top = y + 4 + 15 * i
        cv2.rectangle(picture, (x + 60, top), (x + 120, top + 10), (60, 60, 60), -1)
        end = x + 60 + round(60 * score)
        cv2.rectangle(picture, (x + 60, top), (end, top + 10), COLOURS[i % len(COLOURS)], -1)
        _text(picture, label, (x, top + 9), (255, 255, 255), 0.38)


def _text(
    picture: Picture,
    text: str,
    at: tuple[int, int],
    colour: tuple[int, int, int],
    size: float = 0.5,
) -> None:
    cv2.putText(picture, text, at, FONT, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, text, at, FONT, size, colour, 1, cv2.LINE_AA)


def _colour(estimate: Estimate) -> tuple[int, int, int]:
    names = list(estimate.scores)
    return COLOURS[names.index(estimate.emotion) % 7] if estimate.emotion in names else GREY


def fitted(picture: Picture, width: int, height: int) -> Picture:
    """Return a picture at another size, in pixels; black borders make up for another shape."""
    rows, columns = picture.shape[:2]
    if (columns, rows) == (width, height):
        return picture
    scale = min(width / columns, height / rows)
    across, down = max(round(columns * scale), 1), max(round(rows * scale), 1)
    left, top = (width - across) // 2, (height - down) // 2
    out = np.zeros((height, width, 3), np.uint8)
    out[top : top + down, left : left + across] = resize(picture, across, down)
    return out


class Annotator:
    """Writes drawn frames into a video (.mp4, .mkv, .avi) or, as PNG, into a folder."""

    def __init__(self, out: Path, fps: float) -> None:
        """Write to `out`; a name without the ending of a picture or recording is a folder.

        Raises:
            UsageError: the name is that of a picture, or of a recording that is not written, or not
                UTF-8; or the folder has frames already, and nobody could tell them from the new
                ones.
            NoInputError: the folder it is to be in does not exist.
            StorageError: it cannot be written.
        """
        suffix = out.suffix.lower()
        if suffix in (PICTURES | RECORDINGS) - set(VIDEO_SUFFIXES) and not out.is_dir():
            raise UsageError(
                f"--annotate: got {out}; allowed for a recording: a name that ends in "
                f"{', '.join(VIDEO_SUFFIXES)}, or a folder"
            )
        self._out = out
        self._fps = fps
        self._video: cv2.VideoWriter | None = None
        self._size = (0, 0)  # of the video: that of its first frame
        self._frames = 0
        self._is_video = out.suffix.lower() in VIDEO_SUFFIXES
        if self._is_video and not is_utf8(out.name):
            raise UsageError(f"--annotate: got {out}; allowed for a recording: a name in UTF-8")
        if self._is_video and not out.parent.is_dir():
            raise NoInputError(f"--annotate: {out.parent}: no such folder")
        if not self._is_video:
            try:
                out.mkdir(exist_ok=True)
                frame = min((n.name for n in out.iterdir() if _FRAME.fullmatch(n.name)), default="")
            except OSError as e:
                raise StorageError(f"--annotate: {out}: {e.strerror}") from e
            if frame:
                raise UsageError(
                    f"--annotate: got {out}: has frames of an earlier run, such as {frame}; "
                    "allowed: a folder without any"
                )

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        """Draw and write one frame."""
        picture = draw(frame, estimates)
        if not self._is_video:
            self._png(f"{frame.seq:06d}.png", picture)
            return
        if self._video is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._size = (picture.shape[1], picture.shape[0])
            self._video = self._opened(code, self._size)
            self._must(self._video.isOpened())
        self._video.write(fitted(picture, *self._size))  # it drops others in silence
        self._frames += 1

    def close(self) -> None:
        """Finish the file.

        Raises:
            StorageError: it is not whole.
        """
        if self._video is None:
            return
        self._video.release()
        self._video = None
        if not _is_whole(self._out, self._frames):
            raise StorageError(f"--annotate: {self._out}: not written whole; is the disk full?")

    def _png(self, name: str, picture: Picture) -> None:
        ok, data = cv2.imencode(".png", picture)
        self._must(ok)
        try:
            (self._out / name).write_bytes(data.tobytes())
        except OSError as e:
            raise StorageError(f"--annotate: {self._out / name}: {e.strerror}") from e

    def _opened(self, code: int, size: tuple[int, int]) -> cv2.VideoWriter:
        """Return the writer of the video, through its folder where that is not UTF-8."""
        if is_utf8(str(self._out)):
            return cv2.VideoWriter(str(self._out), code, self._fps, size)
        try:
            with openable(str(self._out.parent)) as folder:
                name = os.path.join(folder, self._out.name)  # noqa: PTH118  # stays as it is
                return cv2.VideoWriter(name, code, self._fps, size)
        except OSError as e:
            raise StorageError(f"--annotate: {self._out}: {e.strerror}") from e

    def _must(self, written: bool) -> None:
        if not written:
            raise StorageError(f"--annotate: {self._out}: cannot be written")


def _is_whole(video: Path, frames: int) -> bool:
    """Return whether a video can be read and has its frames: OpenCV tells of no failed write."""
    try:
        with openable(str(video)) as name:
            reader = cv2.VideoCapture(name)
    except OSError:
        return False
    try:
        if not reader.isOpened():
            return False
        if video.suffix.lower() == ".mp4":  # its table of frames is written last of all
            return abs(reader.get(cv2.CAP_PROP_FRAME_COUNT) - frames) <= 1
        found = 0
        while reader.grab():
            found += 1
        return found >= frames - 1
    finally:
        reader.release()
