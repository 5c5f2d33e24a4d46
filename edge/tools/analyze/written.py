"""Pictures that are written because somebody asked for them: drawn in, or faces cut out."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import cv2

from edge.camera.opencv import Luma
from edge.camera.reader import IMAGE_SUFFIXES
from edge.classify import Model
from edge.crop import crop_face
from edge.errors import StorageError
from edge.messages import Estimate, Frame
from edge.tools.annotate import Annotator, draw

CROP_S = 1.0  # s of a recording between two crops of a face
THUMBNAIL_PX = 96  # pixels: side of a face on the page
THUMBNAIL_MARGIN = 0.25  # of the face's side, on each side
THUMBNAIL_QUALITY = 80  # of JPEG


def write_file(path: str, data: bytes) -> None:
    """Write a whole file, or none: a reader never sees half of one.

    A link stays a link; a pipe or device is written to and not replaced.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113
            with open(path, "wb") as f:  # noqa: PTH123
                f.write(data)
            return
    except OSError as e:
        raise StorageError(f"{path}: {e.strerror}") from e
    path = os.path.realpath(path)
    aside = aside_of(path)
    try:
        with open(aside, "wb") as f:  # noqa: PTH123  # any characters
            f.write(data)
        os.replace(aside, path)  # noqa: PTH105
    except OSError as e:
        with contextlib.suppress(OSError):
            os.unlink(aside)  # noqa: PTH108
        raise StorageError(f"{path}: {e.strerror}") from e


def aside_of(path: str) -> str:
    """Return where `path` is written before it is whole: the same again after a crash."""
    folder, name = os.path.split(path)
    mark = hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
    suffix = Path(name).suffix.lower()
    return os.path.join(folder, f".{mark}.part{suffix if suffix.isascii() else ''}")  # noqa: PTH118


def annotate_picture(path: str, luma: Luma, estimates: Sequence[Estimate]) -> None:
    """Write a photograph with its faces drawn in.

    Raises:
        StorageError: it cannot be written.
    """
    drawn = draw(Frame(0, 0.0, luma), estimates, clock=False)
    suffix = Path(path).suffix.lower()
    kind = suffix if suffix in IMAGE_SUFFIXES and suffix != ".pgm" else ".png"
    ok, data = cv2.imencode(kind, drawn)
    if not ok:
        raise StorageError(f"{path}: cannot be written as {kind}")
    _make_folder(path)
    write_file(path, data.tobytes())


class AnnotatedRecording:
    """An observer that writes a video with faces drawn in; it is there when it is whole."""

    def __init__(self, path: str, fps: float) -> None:
        """Write to `path`.

        Raises:
            StorageError: it cannot be written.
        """
        self._path = path
        _make_folder(path)
        self._aside = aside_of(path)
        self._annotator = Annotator(Path(self._aside), fps)
        self._frames = 0

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        """Draw and write one frame."""
        self._annotator.frame(frame, estimates)
        self._frames += 1

    def finish(self) -> None:
        """Put the whole file in its place."""
        self._annotator.close()
        if self._frames:
            try:
                os.replace(self._aside, self._path)  # noqa: PTH105
            except OSError as e:
                raise StorageError(f"{self._path}: {e.strerror}") from e

    def drop(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(StorageError):
            self._annotator.close()
        with contextlib.suppress(OSError):
            os.unlink(self._aside)  # noqa: PTH108


class Crops:
    """Writes faces as the model sees them: its size, upright, grey."""

    def __init__(self, beginning: str, model: Model, *, upright: bool) -> None:
        """Write files whose names begin with `beginning`."""
        self._beginning = beginning
        self._model = model
        self._upright = upright
        self._due: dict[str, float] = {}
        _make_folder(beginning)

    def picture(self, luma: Luma, estimates: Sequence[Estimate]) -> None:
        """Write every face of a photograph."""
        for estimate in estimates:
            self._write(luma, estimate, f"-{estimate.track.id}.png")

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        """Write each living face once a second, in a frame in which it was found."""
        for estimate in estimates:
            track = estimate.track
            carried = track.seen < frame.t  # its box may hold anything by now
            if track.still or carried or frame.t < self._due.get(track.id, 0.0):
                continue
            self._due[track.id] = frame.t + CROP_S
            self._write(frame.luma, estimate, f"-{track.id}-{frame.t:09.2f}.png")

    def _write(self, luma: Luma, estimate: Estimate, ending: str) -> None:
        track = estimate.track
        with contextlib.suppress(ValueError):  # carried out of the frame
            face = self._model.crop(luma, track.box, track.landmarks if self._upright else None)
            write_file(self._beginning + ending, cv2.imencode(".png", face)[1].tobytes())


def thumbnail(luma: Luma, estimate: Estimate) -> bytes:
    """Return a face as a small JPEG; empty: it has left the picture."""
    try:
        side = THUMBNAIL_PX
        face = crop_face(luma, estimate.track.box, THUMBNAIL_MARGIN, side, side)
    except ValueError:
        return b""
    quality = [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY]
    return cv2.imencode(".jpg", face, quality)[1].tobytes()


def _make_folder(path: str) -> None:
    folder = os.path.dirname(path)  # noqa: PTH120
    try:
        os.makedirs(folder or ".", exist_ok=True)  # noqa: PTH103
    except OSError as e:
        raise StorageError(f"{folder}: {e.strerror}") from e
