"""A network stream: RTSP, MJPEG over HTTP, and what else FFmpeg takes."""

from __future__ import annotations

import cv2

import edge.config
from edge.camera.opencv import Luma, capture, luma_of
from edge.camera.source import SourceLostError
from edge.redact import redacted

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "srt", "tcp", "udp")


class StreamSource:
    """Frames of a stream, with short time limits (FFmpeg's own are 30 s)."""

    def __init__(self, config: edge.config.Camera) -> None:
        self._config = config
        self.name = redacted(config.source)
        self._video: cv2.VideoCapture | None = None

    def open(self) -> str:
        """Connect and find the video, see `LiveSource`."""
        c = self._config
        limits = (
            (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(c.open_timeout_s * 1000)),
            (cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(c.stall_s * 1000)),
            (cv2.CAP_PROP_N_THREADS, 1),  # more hold back as many frames
        )
        self._video = video = capture(
            c.source, cv2.CAP_FFMPEG, [v for pair in limits for v in pair]
        )
        if not video.isOpened():
            raise SourceLostError(
                f"no video to be had (time limit {c.open_timeout_s:g} s); "
                "check address, user and password"
            )
        width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
        return f"{self.name}, {width:.0f}x{height:.0f}, {video.get(cv2.CAP_PROP_FPS):.3g}/s"

    def read(self) -> Luma | None:
        """Return the next picture, see `LiveSource`."""
        assert self._video is not None
        ok, picture = self._video.read()
        if not ok or picture is None:
            raise SourceLostError(
                f"the stream ended, or nothing came for {self._config.stall_s:g} s"
            )
        return luma_of(picture)

    def close(self) -> None:
        """Disconnect, see `LiveSource`."""
        video, self._video = self._video, None
        if video is not None:
            video.release()
