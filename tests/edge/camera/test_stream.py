"""MJPEG over HTTP from a real server that comes, goes, hangs and says nothing."""

from __future__ import annotations

import contextlib
import logging
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from edge.camera import open_camera, probe
from edge.clock import SystemClock
from edge.config import Camera as Config
from edge.errors import ConfigError, NoInputError
from edge.stages import Camera
from tests.edge.camera.rig import (
    QUICK,
    camera_threads,
    descriptors,
    needs_ffmpeg,
    watching,
)
from tests.waiting import PATIENCE_S, free_port, wait_until


@contextlib.contextmanager
def serving(port: int, size: str = "64x48") -> Iterator[subprocess.Popen[bytes]]:
    """Serve one client; frames differ."""
    command = f"ffmpeg -v error -re -f lavfi -i testsrc=s={size}:r=25 -c:v mjpeg -f mpjpeg"
    command += f" -listen 1 http://127.0.0.1:{port}/cam"
    server = subprocess.Popen(command.split(), stderr=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.kill()
        server.wait()


def configured(port: int, **more: object) -> Config:
    address = f"http://user:s3cret@127.0.0.1:{port}/cam?token=s3cret"
    return Config(**({"source": address} | QUICK | more))


def opened(config: Config) -> Camera:
    return open_camera(config, SystemClock(), random.Random(1))


@needs_ffmpeg
def test_a_stream_hands_over_luma() -> None:
    port = free_port()
    with serving(port, "96x64"), watching(opened(configured(port))) as w:
        w.wait_frames(3)
        assert w.frames[0].luma.shape == (64, 96)
        assert w.frames[0].luma.dtype == np.uint8
        assert "96x64" in w.camera.stats().description
        assert 0 < w.camera.stats().decoder_cpu_s < PATIENCE_S


@needs_ffmpeg
@pytest.mark.faults
def test_the_server_is_away_comes_is_killed_and_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    with caplog.at_level(logging.DEBUG), watching(opened(configured(port))) as w:
        w.wait_lost("nothing listens on port")
        for _ in range(3):
            with serving(port) as server:
                w.wait_frames(3)
                server.kill()
                w.wait_lost()
        assert w.camera.stats().reopened == 2
    assert "127.0.0.1" in caplog.text
    said = [caplog.text, w.camera.stats().description, *[m.why for m in w.lost]]
    assert not any("s3cret" in s for s in said), "a secret was logged or published"


@needs_ffmpeg
@pytest.mark.faults
def test_a_frozen_server_is_a_stall() -> None:
    port = free_port()
    with watching(opened(configured(port, stall_s=3.0))) as w:
        with serving(port) as server:
            w.wait_frames(3)
            server.send_signal(signal.SIGSTOP)
            w.wait_lost()
        with serving(port):
            w.wait_frames(3)


@contextlib.contextmanager
def answering(answer: bytes, *, hang_up: bool = False) -> Iterator[int]:
    """A server that takes every connection, says `answer` and then nothing more."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        taken: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    taken.append(connection)
                    connection.sendall(answer)
                    if hang_up:
                        connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
            for connection in taken:
                connection.close()


JPEG = cv2.imencode(".jpg", np.zeros((48, 64), np.uint8))[1].tobytes()


@pytest.mark.parametrize("line", [b"--frame", b"----frame"])
def test_a_boundary_that_begins_with_dashes(line: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=--frame\r\n"
    part = b"\r\n" + line + b"\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG
    with answering(head + part * 5) as port, watching(opened(configured(port))) as w:
        w.wait_frames(1)
        assert w.frames[0].luma.shape == (48, 64)


@pytest.mark.faults
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in</html>" * 50,
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n"
        b"--b\r\nContent-Length: 90000\r\n\r\n" + JPEG[:200],
        random.Random(1).randbytes(20_000),
    ],
    ids=["silence", "not found", "a web page", "half a picture", "garbage"],
)
def test_a_server_without_a_video_is_lost_within_the_limits(answer: bytes) -> None:
    config_for = {"open_timeout_s": 0.5, "stall_s": 0.5}
    with answering(answer) as port:
        with watching(opened(configured(port, **config_for))) as w:
            w.wait_lost()
            w.wait_lost()
            assert w.frames == []
        with pytest.raises(NoInputError) as e:
            probe(configured(port, **config_for), SystemClock())
    assert "s3cret" not in str(e.value)
    wait_until(lambda: camera_threads() == 0, "the thread to end")


@pytest.mark.faults
def test_sigterm_ends_the_daemon_cleanly_while_the_connection_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(120)
        address = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/cam"
        settings = [f"camera.source={address}", "camera.open_timeout_s=30", "outbox.path=memory"]
        sets = [word for s in settings for word in ("--set", s)]
        daemon = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", *sets], stderr=subprocess.PIPE
        )
        try:
            connection, _ = listener.accept()  # and nothing is ever said
            with connection:
                daemon.terminate()
                _, messages = daemon.communicate(timeout=PATIENCE_S)
        finally:
            daemon.kill()
            daemon.wait()
    assert daemon.returncode == 0, messages.decode()


@pytest.mark.faults
def test_connections_are_given_back_however_often_it_fails() -> None:
    not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with (
        answering(not_found, hang_up=True) as port,
        watching(opened(configured(port, backoff_max_s=0.02))) as w,
    ):
        wait_until(lambda: len(w.lost) >= 3, "warming up")
        before = descriptors()
        wait_until(lambda: len(w.lost) >= 12, "more failures")
        # One attempt may be under way; with a leak there are never so few again.
        wait_until(lambda: descriptors() <= before, "as few as before")


RTSP_SERVER = """
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer(address="127.0.0.1", service=sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch("( videotestsrc is-live=true pattern=ball ! "
    "video/x-raw,format=I420,width=320,height=240,framerate=25/1 "
    "! jpegenc ! rtpjpegpay name=pay0 )")
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
GLib.MainLoop().run()
"""
SYSTEM_PYTHON = "/usr/bin/python3"  # where Debian puts gir1.2-gst-rtsp-server-1.0


def has_rtsp_server() -> bool:
    trial = "import gi; gi.require_version('GstRtspServer', '1.0')"
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", trial], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.faults
@pytest.mark.skipif(not has_rtsp_server(), reason="python3-gi, gir1.2-gst-rtsp-server-1.0 missing")
def test_rtsp_comes_back_after_its_server_was_killed() -> None:
    port = free_port()
    config = configured(port, source=f"rtsp://u:s3cret@127.0.0.1:{port}/cam", open_timeout_s=8)
    with watching(opened(config)) as w:
        for _ in range(2):
            server = subprocess.Popen([SYSTEM_PYTHON, "-c", RTSP_SERVER, str(port)])
            try:
                w.wait_frames(3)
            finally:
                server.kill()
                server.wait()
            w.wait_lost()
        assert w.frames[0].luma.shape == (240, 320)
        assert "s3cret" not in w.camera.stats().description + "".join(m.why for m in w.lost)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"camera\.source: got gopher://\*\*\*@cam; allowed"):
        opened(Config(source="gopher://u:p@cam"))
