"""What keeps a stream from coming is called by its name, by `check` and in the log."""

from __future__ import annotations

import contextlib
import random
import socket
import urllib.parse

import pytest

from edge.camera import open_camera, probe
from edge.child.net import Address, StreamError
from edge.clock import SystemClock
from edge.config import Camera as Config
from edge.errors import NoInputError
from tests.edge.camera.rig import QUICK, needs_ffmpeg, watching
from tests.edge.camera.rtsp import serving_rtsp
from tests.edge.camera.test_hostile_stream import JPEG, MULTIPART, http, part
from tests.waiting import PATIENCE_S, free_port

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child itself keeps to `open_timeout_s`; before it has started, it names no cause."""
    monkeypatch.setattr("edge.camera.stream.START_S", PATIENCE_S)


def cause(source: str, open_timeout_s: float = 20.0) -> str:
    with pytest.raises(NoInputError) as e:
        probe(Config(source=source, open_timeout_s=open_timeout_s), SystemClock())
    assert "s3cret" not in str(e.value)
    return str(e.value)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_no_such_name(scheme: str) -> None:
    assert "no such host: cam.invalid" in cause(f"{scheme}://u:s3cret@cam.invalid/v")


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_nobody_listens(scheme: str) -> None:
    port = free_port()
    said = cause(f"{scheme}://u:s3cret@127.0.0.1:{port}/v")
    assert f"connection refused: nothing listens on port {port} of 127.0.0.1" in said


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_firewall_or_a_camera_that_is_off(scheme: str) -> None:
    """Packets vanish: the kernel drops what comes to a listener whose queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as s:
        for _ in range(4):
            waiting = s.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        said = cause(f"{scheme}://127.0.0.1:{port}/v", open_timeout_s=1.0)
    assert f"no answer from 127.0.0.1 port {port} within 1 s" in said
    assert "firewall" in said


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_connected_and_no_answer(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said = cause(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/v", open_timeout_s=0.5)
    assert "connected" in said


@pytest.mark.parametrize(
    ("status", "login", "says"),
    [
        (b"401 Unauthorized", "", "asks for a user and password (401)"),
        (b"401 Unauthorized", "u:s3cret@", "refuses user or password (401)"),
        (b"403 Forbidden", "", "refuses this user (403"),
        (b"404 Not Found", "", "no such path (404)"),
        (b"503 Too busy", "", "answers 503 Too busy"),
    ],
)
def test_refused_over_http(status: bytes, login: str, says: str) -> None:
    answer = b"HTTP/1.1 %s\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n" % status
    with http(lambda _: iter([answer])) as port:
        assert says in cause(f"http://{login}127.0.0.1:{port}/v")


def test_a_page_instead_of_a_video() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in</html>"
    with http(lambda _: iter([answer])) as port:
        assert "a page (text/html), not a video" in cause(f"http://127.0.0.1:{port}/v")


@pytest.mark.parametrize("kind", ["image/jpeg", "Image/JPG;x=y", "application/octet-stream"])
def test_the_address_of_a_snapshot_is_refused_by_check_and_flaps_not(kind: str) -> None:
    """Such as /capture of an ESP32-CAM; each try brought one frame, and then it was lost."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(JPEG)}\r\n\r\n"
    with http(lambda _: iter([head.encode(), JPEG])) as port:
        source = f"http://u:s3cret@127.0.0.1:{port}/capture"
        says = f"one picture ({kind}), not a video: name the camera's MJPEG stream"
        assert says in cause(source)
        camera = open_camera(Config(source=source, **QUICK), SystemClock(), random.Random(1))
        with watching(camera) as w:
            for _ in range(3):
                w.wait_lost(says)
            assert w.frames == []


def test_pictures_one_after_another_whose_type_says_so_are_a_video() -> None:
    video = JPEG * 50
    kind = b"Content-Type: video/x-motion-jpeg\r\n"
    head = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (kind, len(video))
    with http(lambda _: iter([head, video])) as port:
        assert "64x48" in probe(Config(source=f"http://127.0.0.1:{port}/v.mjpeg"), SystemClock())


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_a_login_over_http(scheme: str) -> None:
    asked: list[str] = []
    ask = 'Digest realm="r", nonce="n", qop="auth", opaque="o"' if scheme == "digest" else "Basic"

    def answer(request: bytes):
        asked.append(request.decode())
        if b"Authorization: " not in request:
            head = f"HTTP/1.1 401 No\r\nWWW-Authenticate: {ask}\r\nContent-Length: 0\r\n\r\n"
            return iter([head.encode()])
        return iter([MULTIPART, *[part(JPEG)] * 50])

    with http(answer) as port:
        said = probe(Config(source=f"http://u:s3%23cret@127.0.0.1:{port}/v?a=1"), SystemClock())
    assert "64x48" in said
    assert asked[1].startswith("GET /v?a=1 HTTP/1.1\r\n")
    if scheme == "digest":
        assert 'uri="/v?a=1", response="' in asked[1] and 'opaque="o"' in asked[1]
    else:
        assert "Authorization: Basic dTpzMyNjcmV0\r\n" in asked[1]


@pytest.mark.parametrize("user", ['us"er', "b\\ack", "ü€漢"])
def test_a_user_with_odd_characters_logs_in(user: str) -> None:
    asked: list[str] = []

    def answer(request: bytes):
        asked.append(request.decode())
        if b"Authorization: " not in request:
            ask = b'WWW-Authenticate: Digest realm="a \\"b\\"", nonce="n"'
            return iter([b"HTTP/1.1 401 No\r\n" + ask + b"\r\nContent-Length: 0\r\n\r\n"])
        return iter([MULTIPART, *[part(JPEG)] * 50])

    with http(answer) as port:
        probe(Config(source=f"http://{user}:s3cret@127.0.0.1:{port}/v"), SystemClock())
    escaped = user.replace("\\", "\\\\").replace('"', '\\"')
    assert f'username="{escaped}", realm="a \\"b\\"", nonce="n"' in asked[1]


@needs_ffmpeg
@pytest.mark.parametrize(
    ("login", "user", "says"),
    [
        ("basic", "u:s3cret@", ""),
        ("digest", "u:s3cret@", ""),
        ("digest", "u:s3cret1@", "refuses user or password (401)"),
        ("basic", "", "asks for a user and password (401)"),
    ],
)
def test_a_login_over_rtsp(login: str, user: str, says: str) -> None:
    with serving_rtsp(login=login) as server:
        source = f"rtsp://{user}127.0.0.1:{server.port}/cam?channel=1"
        if says:
            assert says in cause(source)
        else:
            assert "160x128" in probe(Config(source=source, open_timeout_s=20), SystemClock())
            assert all(f"127.0.0.1:{server.port}/cam?channel=1" in r for r in server.requests)


@needs_ffmpeg
def test_a_wrong_path_over_rtsp() -> None:
    def answer(method: str, headers: dict[str, str]) -> bytes | None:
        if method != "DESCRIBE":
            return None
        return f"RTSP/1.0 404 Not Found\r\nCSeq: {headers['cseq']}\r\n\r\n".encode()

    with serving_rtsp(answer=answer) as server:
        said = cause(f"rtsp://127.0.0.1:{server.port}/wrong")
    assert "no such path (404): check what follows the host" in said


@needs_ffmpeg
@pytest.mark.slow
def test_a_camera_with_seldom_key_frames_is_found_within_the_default_time() -> None:
    """The client comes just after one, and waits five seconds for the next."""
    codec = "-c:v libx264 -preset ultrafast -g 125 -pix_fmt yuv420p"
    with serving_rtsp(codec) as server:
        assert "160x128" in probe(Config(source=f"rtsp://127.0.0.1:{server.port}/"), SystemClock())


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "login"),
    [
        ("rtsp://cam/a?b=1", "cam", 554, "/a?b=1", (None, "")),
        ("http://u:p%40w@cam:81", "cam", 81, "/", ("u", "p@w")),
        ("http://u:p/w@cam/v", "cam", 80, "/v", ("u", "p/w")),
        ("http://cam/v@2", "cam", 80, "/v@2", (None, "")),
        ("http://cam:81/v?x=a@b", "cam", 81, "/v?x=a@b", (None, "")),
        ("rtsps://u@[::1]:99/v", "::1", 99, "/v", ("u", "")),
    ],
)
def test_addresses_are_taken_apart(
    url: str, host: str, port: int, path: str, login: tuple[str | None, str]
) -> None:
    a = Address.of(url)
    assert (a.host, a.port, a.path, (a.user, a.password)) == (host, port, path, login)
    assert urllib.parse.urlsplit(a.url).port in (None, port)


@pytest.mark.parametrize("url", ["tcp://cam", "http://cam:x/", "http:///v", "http://cam:99999/"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(StreamError):
        Address.of(url)
