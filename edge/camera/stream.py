"""A network stream: RTSP, MJPEG over HTTP, and what else FFmpeg takes; decoded by a child."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time

import edge.config
from edge.camera import pipe
from edge.camera.jpeg import MAX_PIXELS
from edge.camera.opencv import Luma
from edge.camera.pipe import Awaited
from edge.camera.source import SourceLostError
from edge.child import python
from edge.child.confine import clean_environment
from edge.child.stream import Order
from edge.child.wire import HEADER, MAX_TEXT_BYTES, Kind
from edge.redact import redact, redacted

SCHEMES = ("rtsp", "rtsps", "http", "https", "tcp", "udp")

POLL_S = 0.1  # s; how long a read waits, so that a close is noticed
START_S = 5.0  # s that Python and OpenCV take to load on a small board, on top of the time to open


class StreamSource:
    """Frames that a child of few rights and bounded memory decodes; see `edge.child.stream`."""

    def __init__(self, config: edge.config.Camera) -> None:
        self._config = config
        self.name = redacted(config.source)
        self._child: subprocess.Popen[bytes] | None = None
        self._awaited = Awaited(HEADER.size)  # header or body
        self._header: tuple[Kind, int, int] | None = None  # None: a header is awaited
        self._stage = ""
        self._cpu_ms = 0  # of the child that runs
        self._cpu_before_ms = 0  # of the earlier ones

    @property
    def decoder_cpu_s(self) -> float:
        """Processor time of the children so far, see `LiveSource`."""
        return (self._cpu_before_ms + self._cpu_ms) / 1000

    def open(self) -> str:
        """Start the child and wait for the first picture, see `LiveSource`."""
        c = self._config
        order: Order = {
            "source": c.source,
            "open_timeout_s": c.open_timeout_s,
            "stall_s": c.stall_s,
            "parent": os.getpid(),
        }
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command, env = python("edge.child.stream", clean_environment(os.environ) | one_thread)
        self._await(None, HEADER.size)
        self._stage = "starting"
        try:
            self._child = pipe.start(command, env, order, subprocess.DEVNULL)
        except OSError as e:
            raise SourceLostError(f"the decoder cannot be started: {e.strerror}") from e
        until = time.monotonic() + c.open_timeout_s + START_S
        while self._header is None or self._header[0] is not Kind.PICTURE:
            if self._ready():
                self._receive()
            elif time.monotonic() > until:
                raise SourceLostError(f"no picture within {c.open_timeout_s:g} s: {self._stage}")
        return f"{self.name}, {self._header[1]}x{self._header[2]}"

    def read(self) -> Luma | None:
        """Return the next picture, see `LiveSource`."""
        return self._receive() if self._ready() else None

    def close(self) -> None:
        """End the child, see `LiveSource`."""
        child, self._child = self._child, None
        self._cpu_before_ms += self._cpu_ms
        self._cpu_ms = 0
        if child is None:
            return
        pipe.end(child)

    def _ready(self) -> bool:
        assert self._child is not None and self._child.stdout is not None
        ready = select.poll()
        ready.register(self._child.stdout.fileno(), select.POLLIN)
        return bool(ready.poll(POLL_S * 1000))

    def _await(self, header: tuple[Kind, int, int] | None, count: int) -> None:
        self._header, self._awaited = header, Awaited(count)

    def _receive(self) -> Luma | None:
        """Read what is there; return a picture that it completes.

        A picture's header ends the call, so that `open` sees it.
        """
        while self._fill():
            if self._header is None:
                if self._take_header() is Kind.PICTURE:
                    return None
                continue
            (kind, width, height), body = self._header, self._awaited.data
            self._await(None, HEADER.size)
            if kind is Kind.PICTURE:
                return body.reshape(height, width)
            text = redact(body.tobytes().decode(errors="replace"))
            if kind is Kind.ERROR:
                raise SourceLostError(text)
            self._stage = text
        return None

    def _take_header(self) -> Kind:
        mark, *numbers = HEADER.unpack(self._awaited.data.tobytes())
        # What comes is believed no more than the camera is: the child may be its own no longer.
        try:
            kind = Kind(mark)
        except ValueError:
            raise SourceLostError("the decoder sent nonsense") from None
        count = numbers[0] * numbers[1] if kind is Kind.PICTURE else numbers[0]
        if not 0 < count <= (MAX_PIXELS if kind is Kind.PICTURE else MAX_TEXT_BYTES):
            raise SourceLostError("the decoder sent nonsense")
        if kind is Kind.PICTURE:
            self._cpu_ms = numbers[2]
        self._await((kind, numbers[0], numbers[1]), count)
        return kind

    def _fill(self) -> bool:
        """Read what is there; return whether all that is awaited came."""
        assert self._child is not None and self._child.stdout is not None
        try:
            return self._awaited.fill(self._child.stdout.fileno())
        except EOFError:
            raise SourceLostError(self._ending()) from None

    def _ending(self) -> str:
        assert self._child is not None
        try:
            code = self._child.wait(1.0)
        except subprocess.TimeoutExpired:
            code = 0
        if code >= 0:
            return f"the decoder ended with status {code}"
        return f"the decoder was ended by {signal.Signals(-code).name}: the stream may be hostile"
