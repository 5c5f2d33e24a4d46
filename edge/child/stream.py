"""Reads and decodes a network stream: the whole of what the daemon never does itself.

`python -m edge.child.stream`, told what on standard input. It connects to the camera, and to nobody
else; then gives up all rights but to decode, within bounded memory; and writes pictures to standard
output until it is killed or there are no more.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypedDict

from edge.child import confine
from edge.child.http import fetch
from edge.child.multipart import Parts, boundary_of
from edge.child.net import Address, StreamError, connect
from edge.child.rtsp import Relay
from edge.child.wire import Kind, say, send

if TYPE_CHECKING:
    from edge.camera.opencv import Luma

# Of memory that can be written to; some forty are stacks that stay untouched. With a hundred for
# the daemon it stays below the unit's MemoryMax (384M). H.264 of 3840x2160 took 264.
DATA_BYTES = 280 * 1024 * 1024
READ_BYTES = 65_536

# Containers in which one file is all there is; those that name others are not among them.
_FORMATS = "mpegts,flv,live_flv,matroska,webm,mov,mp4,avi,mpjpeg,mjpeg,jpeg_pipe,h264,hevc,m4v,mpeg"


class Order(TypedDict):
    """What standard input holds, as JSON."""

    source: str
    open_timeout_s: float
    stall_s: float
    parent: int  # id of the daemon


def main() -> None:
    """Decode until the end, and say what it was."""
    order: Order = json.load(sys.stdin)
    out, null = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # libraries write there
        os.dup2(null, fd)
    confine.die_with_parent(signal.SIGKILL, order["parent"])
    confine.limit(DATA_BYTES)
    try:
        for luma in _pictures(order, lambda text: say(out, Kind.STAGE, text)):
            height, width = luma.shape
            spent_ms = round(time.process_time() * 1000)
            send(out, Kind.PICTURE, (width, height, spent_ms), luma.data)
        error = "the stream ended"
    except StreamError as e:
        error = str(e)
    except MemoryError:
        error = f"decoding takes more than {DATA_BYTES >> 20} MB"
    except BrokenPipeError:
        os._exit(0)
    except Exception as e:  # the daemon logs it and opens the stream again
        error = f"{type(e).__name__}: {e}"
    with contextlib.suppress(OSError):
        say(out, Kind.ERROR, error)
    os._exit(0)  # threads of the relay and of FFmpeg may be in the middle of something


def _pictures(order: Order, stage: Callable[[str], None]) -> Iterator[Luma]:
    address, timeout_s = Address.of(order["source"]), order["open_timeout_s"]
    stage(f"connecting to {address.host}")
    if address.scheme in ("rtsp", "rtsps"):
        relay = Relay(address, timeout_s)
        stage("connected, waiting for a picture")
        _load()
        confine.confine(families=[confine.INET], connect_port=relay.port)
        relay.start()
        options = "rtsp_transport;tcp|protocol_whitelist;rtsp,tcp|format_whitelist;rtsp"
        yield from _ffmpeg(relay.url, options, order, lambda: relay.failure)
        return
    if address.scheme in ("http", "https"):
        body = fetch(address, timeout_s)
        stage("connected, waiting for a picture")
        if body.content_type.lower().startswith("multipart/"):
            _load()
            confine.confine()
            yield from _jpegs(body.content_type, body.read)
            return
        read = body.read
    else:
        read = _received(address, timeout_s)
        stage("waiting for a picture")
    ours, ffmpegs = os.pipe()
    _load()
    confine.confine()
    failed: list[StreamError] = []
    threading.Thread(target=_pump, args=(read, ffmpegs, failed), daemon=True).start()
    options = f"protocol_whitelist;pipe|format_whitelist;{_FORMATS}"
    yield from _ffmpeg(f"pipe:{ours}", options, order, lambda: failed[0] if failed else None)


def _load() -> None:
    """Import what decodes, before no file can be read any more."""
    import edge.camera.jpeg
    import edge.camera.opencv

    edge.camera.opencv.quiet()


def _received(address: Address, timeout_s: float) -> Callable[[int], bytes]:
    """Return what reads a stream over plain TCP, or UDP that is sent to us."""
    if address.scheme == "tcp":
        sock = connect(address, timeout_s)
        return lambda count: sock.recv(count)
    host = address.host or "0.0.0.0"
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, address.port))
        group = ipaddress.ip_address(host)
        if group.is_multicast and family == socket.AF_INET:
            member = struct.pack("4s4x", group.packed)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    except (OSError, ValueError) as e:
        raise StreamError(f"cannot receive on {host} port {address.port}: {e}") from None
    return lambda _count: sock.recv(READ_BYTES)


def _jpegs(content_type: str, read: Callable[[int], bytes]) -> Iterator[Luma]:
    import numpy as np

    from edge.camera import jpeg

    for kind, data in Parts(read, boundary_of(content_type)):
        if kind.lower() not in ("image/jpeg", "image/jpg"):
            continue
        buffer = np.frombuffer(data, np.uint8)
        width, height = jpeg.size(buffer)
        if width * height > jpeg.MAX_PIXELS:
            raise StreamError(
                f"pictures of {width}x{height}; at most {jpeg.MAX_PIXELS} pixels (4096x4096) are "
                "decoded: set a smaller size in the camera"
            )
        luma = jpeg.decoded(buffer)
        if luma is not None:
            yield luma


def _pump(read: Callable[[int], bytes], to: int, failed: list[StreamError]) -> None:
    try:
        while data := read(READ_BYTES):
            view = memoryview(data)
            while view:
                view = view[os.write(to, view) :]
    except StreamError as e:
        failed.append(e)
    except OSError:
        pass
    os.close(to)


def _ffmpeg(
    url: str, options: str, order: Order, cause: Callable[[], StreamError | None]
) -> Iterator[Luma]:
    import cv2

    from edge.camera.jpeg import MAX_PIXELS
    from edge.camera.opencv import capture, luma_of

    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = options
    limits = (
        (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(order["open_timeout_s"] * 1000)),
        (cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(order["stall_s"] * 1000)),
        (cv2.CAP_PROP_N_THREADS, 1),  # more hold back as many frames
    )
    video = capture(url, cv2.CAP_FFMPEG, [v for pair in limits for v in pair])
    if not video.isOpened():
        raise cause() or StreamError("connected, but no video that can be read")
    while True:
        try:
            ok, picture = video.read()
        except cv2.error:
            raise MemoryError from None
        if not ok or picture is None:
            raise cause() or StreamError("the stream ended, or cannot be decoded")
        if picture.shape[0] * picture.shape[1] > MAX_PIXELS:
            raise StreamError(f"pictures of {picture.shape[1]}x{picture.shape[0]} are too large")
        yield luma_of(picture)


if __name__ == "__main__":
    main()
