"""A USB camera, through Video4Linux."""

from __future__ import annotations

import math
import os

import cv2
import numpy as np
from numpy.typing import NDArray

import edge.config
from edge.camera import jpeg
from edge.camera.opencv import Luma, capture, luma_of
from edge.camera.source import SourceLostError

JPEG = frozenset({"MJPG", "JPEG"})
PLANAR = frozenset({"NV12", "NV21", "YU12", "YV12", "I420"})  # luma plane first


class V4l2Source:
    """Frames of a V4L2 device; MJPG is asked for, what is granted is taken."""

    decoder_cpu_s = 0.0  # decodes in this process

    def __init__(self, config: edge.config.Camera) -> None:
        self._config = config
        source = config.source
        self._device = f"/dev/video{int(source)}" if source.isdecimal() else source
        self.name = self._device
        self._video: cv2.VideoCapture | None = None
        self._format = ""
        self._size = (0, 0)  # width, height
        self._raw = False

    def open(self) -> str:
        """Open and set up the device, see `LiveSource`."""
        try:  # OpenCV does not say why
            os.close(os.open(self._device, os.O_RDWR | os.O_NONBLOCK))
        except OSError as e:
            raise SourceLostError(f"{e.strerror}{_HINTS.get(type(e), '')}") from e
        c = self._config
        # Whole seconds; read once by OpenCV, hence the same for every camera of the process.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(math.ceil(c.stall_s)))
        self._video = video = capture(self._device, cv2.CAP_V4L2)
        if not video.isOpened():
            raise SourceLostError(
                "not a camera that can be opened: another program may have it, or it is the "
                "second device of a camera, for metadata"
            )
        video.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        video.set(cv2.CAP_PROP_FRAME_WIDTH, c.width)
        video.set(cv2.CAP_PROP_FRAME_HEIGHT, c.height)
        video.set(cv2.CAP_PROP_FPS, c.fps)
        video.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._format = _fourcc(int(video.get(cv2.CAP_PROP_FOURCC)))
        width = int(video.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self._size = width, height
        self._raw = bool(video.set(cv2.CAP_PROP_CONVERT_RGB, 0))
        fps = video.get(cv2.CAP_PROP_FPS)
        return f"{self._device}, {width}x{height} {self._format}, {fps:.3g}/s"

    def read(self) -> Luma | None:
        """Return the next picture, see `LiveSource`."""
        assert self._video is not None
        ok, picture = self._video.read()
        if not ok or picture is None:
            raise SourceLostError("gone, or no frame within the time limit")
        if not self._raw:
            return luma_of(picture)
        luma = luma_of_raw(picture, self._format, *self._size)
        if luma is None and self._format not in JPEG:
            # A format that is not known here: let OpenCV convert it.
            self._raw = False
            self._video.set(cv2.CAP_PROP_CONVERT_RGB, 1)
        return luma

    def close(self) -> None:
        """Release the device, see `LiveSource`."""
        video, self._video = self._video, None
        if video is not None:
            video.release()


_HINTS: dict[type[OSError], str] = {
    FileNotFoundError: "; is the camera plugged in?",
    PermissionError: "; is the user in the group video?",
}


def luma_of_raw(raw: NDArray[np.generic], fourcc: str, width: int, height: int) -> Luma | None:
    """Return luma from a buffer as the driver filled it.

    Args:
        raw: the bytes, in any shape.
        fourcc: their V4L2 pixel format.
        width: pixels of the picture.
        height: pixels of the picture.

    Returns:
        (height, width) of the picture, for JPEG as its own header says, full range; None when the
        bytes are not a picture of that format, or the format is not known.
    """
    data = np.ascontiguousarray(raw).reshape(-1).view(np.uint8)
    pixels = width * height
    if fourcc in JPEG:
        return jpeg.decoded(
            data, min(4 * pixels, jpeg.MAX_PIXELS)
        )  # a flipped bit asks for gigabytes
    if fourcc in PLANAR:
        return _full(data[:pixels].reshape(height, width)) if data.size * 2 == pixels * 3 else None
    if fourcc == "GREY":
        return data.reshape(height, width) if data.size == pixels else None
    if fourcc in ("YUYV", "UYVY"):
        if data.size != pixels * 2:
            return None
        pairs = data.reshape(height, width, 2)
        return _full(np.asarray(cv2.extractChannel(pairs, fourcc.index("Y")), np.uint8))
    return None


def _full(luma: Luma) -> Luma:
    """Return full-range luma of BT.601's limited range, V4L2's default for YCbCr formats."""
    return np.asarray(cv2.LUT(luma, _FULL), np.uint8)


_FULL = np.clip((np.arange(256) - 16) * 255 / 219 + 0.5, 0, 255).astype(np.uint8)


def _fourcc(code: int) -> str:
    return code.to_bytes(4, "little", signed=True).decode("ascii", "replace").strip("\x00 ")
