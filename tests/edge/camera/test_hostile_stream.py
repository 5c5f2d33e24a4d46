"""Cameras that lie, flood and lead elsewhere: bounded memory, a reason, no other host asked."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from edge.camera import open_camera
from edge.child.stream import DATA_BYTES
from edge.clock import SystemClock
from edge.config import Camera as Config
from tests.edge.camera.rig import QUICK, children, needs_ffmpeg, watching
from tests.edge.camera.rtsp import serving_rtsp
from tests.memory import MB
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.faults

# The unit's MemoryMax is 384 MB; the daemon with its models takes 65 to 110 (docs/operate.md).
CHILD_MB = 300  # what the child may write to, and its share of the libraries
OWN_MB = 60  # a few pictures of the largest size

JPEG = cv2.imencode(".jpg", np.zeros((48, 64), np.uint8))[1].tobytes()
MULTIPART = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"


def part(body: bytes, more: bytes = b"Content-Type: image/jpeg\r\n") -> bytes:
    return b"--b\r\n" + more + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"\r\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.camera.stream.START_S", 1.0)


@contextlib.contextmanager
def http(answer: Callable[[bytes], Iterator[bytes]]) -> Iterator[int]:
    """A server that sends what `answer(request)` yields, as fast as it is taken; then hangs up."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        closing = threading.Event()

        def talk(client: socket.socket) -> None:
            with client, contextlib.suppress(OSError):
                for data in answer(client.recv(65536)):
                    if closing.is_set():
                        return
                    client.sendall(data)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=talk, args=(client,), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            closing.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)


class Peak:
    """The most memory that this process and its children took meanwhile, sampled."""

    def __init__(self) -> None:
        self.child = self.own = 0
        self._before = psutil.Process().memory_info().rss
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def _sample(self) -> None:
        this = psutil.Process().cmdline()
        while not self._over.wait(0.02):
            for child in children():
                with contextlib.suppress(psutil.Error, OSError, StopIteration, ValueError):
                    if child.cmdline() == this:  # forked, and not yet another program
                        continue
                    status = Path(f"/proc/{child.pid}/status").read_text().splitlines()
                    line = next(x for x in status if x.startswith("VmHWM"))
                    self.child = max(self.child, int(line.split()[1]) * 1024)
            self.own = max(self.own, psutil.Process().memory_info().rss - self._before)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def lost(source: str, word: str, **more: object) -> Peak:
    """Take a camera that must be lost because of `word`; return what memory it took."""
    limits = {"stall_s": 2.0, "open_timeout_s": 4.0} | more
    config = Config(source=source, **(QUICK | limits))
    with (
        Peak() as peak,
        watching(open_camera(config, SystemClock(), random.Random(1))) as w,
    ):
        assert word in w.wait_lost(word).why
    assert peak.child < CHILD_MB * MB
    assert peak.own < OWN_MB * MB
    return peak


def repeated(first: bytes, then: bytes) -> Callable[[bytes], Iterator[bytes]]:
    return lambda _request: itertools.chain([first], itertools.repeat(then))


def progressive(side: int) -> bytes:
    kind = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    return cv2.imencode(".jpg", np.zeros((side, side, 3), np.uint8), kind)[1].tobytes()


def large(side: int) -> bytes:
    return cv2.imencode(".jpg", np.zeros((side, side), np.uint8))[1].tobytes()


def with_thumbnail(size: int) -> bytes:
    """A picture of `size` by `size` with EXIF in front, whose thumbnail says 16 by 16."""
    inner = b"Exif\0\0" + cv2.imencode(".jpg", np.zeros((16, 16), np.uint8))[1].tobytes()
    return b"\xff\xd8\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner + large(size)[2:]


FLOOD = b"\0" * 1_000_000
OK = b"HTTP/1.1 200 OK\r\n"
CASES: dict[str, tuple[Callable[[bytes], Iterator[bytes]], str]] = {
    "a part of 2 GB": (
        repeated(MULTIPART + b"--b\r\nContent-Length: 2000000000\r\n\r\n", FLOOD),
        "a part of 2000000000 bytes",
    ),
    "a part of 10^6000 bytes": (
        repeated(MULTIPART + b"--b\r\nContent-Length: " + b"9" * 6000 + b"\r\n\r\n", FLOOD),
        "a part of 99999999999999999999 bytes",
    ),
    **{
        f"a login asked for by {challenge!r}": (
            lambda _, c=challenge: iter(
                [b"HTTP/1.1 401 No\r\nWWW-Authenticate: " + c + b"\r\n\r\n"]
            ),
            "refuses user or password (401)",
        )
        for challenge in (b"Digest realm", b"Digest realm=", b'Digest "a"b=c,', b"Digest")
    },
    "a part without end": (repeated(MULTIPART + b"--b\r\n\r\n", FLOOD), "a part without end"),
    "a part's header without end": (
        repeated(MULTIPART + b"--b\r\n", b"X: y\r\n" * 1000),
        "a part's header of more than",
    ),
    "a line without end": (repeated(MULTIPART + b"--b\r\n", b"x" * 10_000), "without end"),
    "headers without end": (repeated(OK, b"X-Y: z\r\n" * 1000), "got more than 100 headers"),
    "one header without end": (repeated(OK, b"x" * 10_000), "got more than 65536 bytes"),
    "nothing but 100 Continue": (
        repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        "no picture within",
    ),
    "no boundary": (
        lambda _: iter([MULTIPART.replace(b"; boundary=b", b""), FLOOD, FLOOD]),
        "without end",
    ),
    "8000x8000": (repeated(MULTIPART, part(large(8000))), "pictures of 8000x8000; at most"),
    "8000x8000, progressive": (
        repeated(MULTIPART, part(progressive(8000))),
        "pictures of 8000x8000; at most",
    ),
    "8000x8000 behind a thumbnail": (
        repeated(MULTIPART, part(with_thumbnail(8000))),
        "pictures of 8000x8000; at most",
    ),
    "65535x65535 claimed": (
        repeated(MULTIPART, part(JPEG.replace(b"\x00\x30\x00\x40", b"\xff\xff\xff\xff"))),
        "pictures of 65535x65535; at most",
    ),
    "pictures that are none": (
        repeated(MULTIPART, part(b"\xff\xd8" + b"\0" * 5000 + b"\xff\xd9")),
        "no picture within",
    ),
    "PNG": (repeated(OK + b"Content-Type: image/png\r\n\r\n", FLOOD), "one picture (image/png)"),
    "compressed once more": (
        repeated(OK + b"Content-Encoding: gzip\r\n\r\n", FLOOD),
        "compressed once more",
    ),
    "a stream of zeros": (repeated(OK + b"Content-Type: video/mp2t\r\n\r\n", FLOOD), ""),
}


@pytest.mark.parametrize("case", CASES)
def test_whatever_comes_over_http_memory_is_bounded_and_the_reason_named(case: str) -> None:
    answer, word = CASES[case]
    with http(answer) as port:
        lost(f"http://ü€:s3cret@127.0.0.1:{port}/cam", word)


def test_the_largest_picture_that_is_allowed_comes_through() -> None:
    """Progressive, which takes libjpeg most: all coefficients are kept."""
    kinds = [part(progressive(4096)), part(large(4096))]
    with http(lambda _: itertools.chain([MULTIPART], itertools.cycle(kinds))) as port:
        config = Config(source=f"http://127.0.0.1:{port}/", **QUICK)
        with (
            Peak() as peak,
            watching(open_camera(config, SystemClock(), random.Random(1))) as w,
        ):
            w.wait_frames(3)
            assert w.frames[0].luma.shape == (4096, 4096)
    assert peak.child < CHILD_MB * MB


def test_sizes_that_change_are_new_beginnings_and_take_no_more_memory() -> None:
    sizes = [part(large(n)) for n in (64, 1024, 128, 2048)]
    with http(lambda _: itertools.chain([MULTIPART], itertools.cycle(sizes))) as port:
        lost(f"http://127.0.0.1:{port}/", "size changed")


def test_a_camera_that_says_a_byte_a_second_is_lost_in_time() -> None:
    def slowly(_request: bytes) -> Iterator[bytes]:
        for byte in MULTIPART + part(JPEG):
            threading.Event().wait(0.5)
            yield bytes([byte])

    with http(slowly) as port:
        lost(f"http://127.0.0.1:{port}/", "no picture within 1 s", open_timeout_s=1.0)


@pytest.fixture
def elsewhere() -> Iterator[tuple[int, list[str]]]:
    """Another host's port, and who came."""
    came: list[str] = []
    with http(lambda request: came.append(repr(request)) or iter([])) as port:
        yield port, came


REDIRECTS = {
    "301": b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.2:%d/x\r\nContent-Length: 0\r\n\r\n",
    "another port": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/x\r\n\r\n",
    "rtsp": b"HTTP/1.1 307 Found\r\nLocation: rtsp://127.0.0.1:%d/x\r\n\r\n",
    "HLS": OK + b"Content-Type: application/vnd.apple.mpegurl\r\n\r\n#EXTM3U\n#EXTINF:1,\n"
    b"http://127.0.0.1:%d/x.ts\n",
    "HLS said to be a video": OK + b"Content-Type: video/mp2t\r\n\r\n#EXTM3U\n#EXTINF:1,\n"
    b"http://127.0.0.1:%d/x.ts\n",
    "HLS behind a kilobyte": OK + b"Content-Type: video/mp2t\r\n\r\n" + b"\n" * 1500
    + b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:%d/x.ts\n",
    "DASH": OK + b"Content-Type: application/dash+xml\r\n\r\n<?xml?><MPD><BaseURL>"
    b"http://127.0.0.1:%d/</BaseURL></MPD>",
    "concat": OK + b"Content-Type: application/octet-stream\r\n\r\nffconcat version 1.0\n"
    b"file http://127.0.0.1:%d/x\n",
    "SDP": OK + b"Content-Type: application/octet-stream\r\n\r\nv=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n"
    b"c=IN IP4 127.0.0.1\r\nm=video %d RTP/AVP 26\r\n",
}  # fmt: skip


@pytest.mark.parametrize("way", REDIRECTS)
def test_no_other_host_is_asked_over_http(elsewhere: tuple[int, list[str]], way: str) -> None:
    port, came = elsewhere
    answer = REDIRECTS[way] % port
    word = "redirects to" if b"Location" in answer else "" if "kilobyte" in way else "playlist"
    with http(lambda _: iter([answer])) as camera:
        lost(f"http://u:s3cret@127.0.0.1:{camera}/cam", word)
    assert came == []


@needs_ffmpeg
@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
def test_no_other_host_is_asked_over_rtsp(elsewhere: tuple[int, list[str]], method: str) -> None:
    port, came = elsewhere

    def answer(asked: str, headers: dict[str, str]) -> bytes | None:
        if asked != method:
            return None
        where = f"Location: rtsp://u:x@127.0.0.1:{port}/cam"
        return f"RTSP/1.0 302 Found\r\nCSeq: {headers['cseq']}\r\n{where}\r\n\r\n".encode()

    with serving_rtsp(answer=answer) as server:
        lost(f"rtsp://127.0.0.1:{server.port}/cam", f"redirects to rtsp://127.0.0.1:{port}, which")
    assert came == []


RTSP_LIES = {
    "a status of 5,000 digits": (b"RTSP/1.0 " + b"2" * 5000 + b" OK\r\n\r\n", "not an answer"),
    "a login asked for by nonsense": (
        b"RTSP/1.0 401 No\r\nCSeq: %d\r\nWWW-Authenticate: Digest realm\r\n\r\n",
        "refuses user or password (401)",
    ),
    "header without end": (b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 5000, "a header without end"),
    "a body of 900 MB": (
        b"RTSP/1.0 200 OK\r\nCSeq: %d\r\nContent-Length: 900000000\r\n\r\n",
        "an answer of 900000000 bytes",
    ),
    "HTTP": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "not an answer of RTSP"),
    "a server's redirect": (
        b"REDIRECT rtsp://x RTSP/1.0\r\nCSeq: 9\r\nLocation: rtsp://127.0.0.1:9/\r\n\r\n",
        "redirects to rtsp://127.0.0.1:9",
    ),
}


@needs_ffmpeg
@pytest.mark.parametrize("lie", RTSP_LIES)
def test_whatever_comes_over_rtsp_is_bounded_and_named(lie: str) -> None:
    answer, word = RTSP_LIES[lie]

    def lying(_method: str, headers: dict[str, str]) -> bytes:
        return answer.replace(b"%d", headers.get("cseq", "1").encode())

    with serving_rtsp(answer=lying) as server:
        lost(f"rtsp://ü€:s3cret@127.0.0.1:{server.port}/cam", word)


@needs_ffmpeg
@pytest.mark.slow
def test_video_that_is_too_large_to_decode_is_lost(tmp_path: Path) -> None:
    """33 megapixels of H.264, of which FFmpeg would keep several."""
    path = tmp_path / "large.ts"
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=gray:s=7680x4320:r=5:d=1"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", str(path)),
        ],
        check=True,
        timeout=PATIENCE_S,
    )
    video = path.read_bytes()
    with http(repeated(OK + b"Content-Type: video/mp2t\r\n\r\n", video)) as port:
        lost(f"http://127.0.0.1:{port}/", "")


def test_a_child_that_dies_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with http(repeated(MULTIPART, part(JPEG))) as port:
        config = Config(source=f"http://127.0.0.1:{port}/", **QUICK)
        with watching(open_camera(config, SystemClock(), random.Random(1))) as w:
            w.wait_frames(2)
            wait_until(lambda: len(children()) == 1, "one child")
            children()[0].send_signal(11)
            assert "ended by SIGSEGV" in w.wait_lost("SIGSEGV").why
            w.wait_frames(2)
    wait_until(lambda: children() == [], "no child left")
    assert DATA_BYTES < CHILD_MB * MB
