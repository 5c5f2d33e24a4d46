"""Who gets to see a page: real requests to a real server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tornado.websocket import WebSocketClosedError

from edge.errors import UnavailableError
from edge.web.listen import Listen, parse
from edge.web.server import Hub, Viewer, WebServer
from tests.waiting import PATIENCE_S

TOKEN = "a-token-of-the-operators-own"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",  # RFC 6455, 1.2
    "Sec-WebSocket-Version": "13",
}


class Site:
    """A server and a client for it that sends what it is told to."""

    def __init__(self, listen: Listen) -> None:
        self.server = WebServer(listen, "dashboard.html", Hub(), 0.05)
        self.server.start()
        self.host = f"127.0.0.1:{self.server.port}"

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        connection.putrequest("GET", path, skip_host=True)
        sent = {"Host": self.host, **{k.replace("_", "-"): v for k, v in headers.items()}}
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse()


@pytest.fixture(scope="module")
def local() -> Iterator[Site]:
    site = Site(parse("127.0.0.1:0", 0, None))
    yield site
    site.server.stop()


@pytest.fixture(scope="module")
def guarded() -> Iterator[Site]:
    site = Site(Listen("127.0.0.1", 0, TOKEN))
    yield site
    site.server.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1", "[::1]:8642"])
def test_this_machine_gets_in_by_any_port_of_a_tunnel(local: Site, host: str) -> None:
    answer = local.get("/", Host=host)
    assert answer.status == 200
    assert b"<title>Emotions</title>" in answer.read()


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.0.2.1", "", "[x"])
@pytest.mark.parametrize("path", ["/", "/live", "/static/parts.js"])
def test_a_foreign_name_that_points_here_gets_nothing(local: Site, path: str, host: str) -> None:
    answer = local.get(path, Host=host, **(UPGRADE if path == "/live" else {}))
    assert answer.status in (400, 403)
    assert b"<title>" not in answer.read()


def test_the_pages_own_script_may_connect(local: Site) -> None:
    assert local.get("/live", Origin=f"http://{local.host}", **UPGRADE).status == 101


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null"])
def test_a_foreign_page_may_not(local: Site, origin: str) -> None:
    assert local.get("/live", Origin=origin, **UPGRADE).status == 403


def test_every_answer_forbids_frames_foreign_code_and_caches(local: Site) -> None:
    for path in ("/", "/static/parts.js", "/nowhere"):
        headers = local.get(path).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/static/../guard.py", "/static/%2e%2e/guard.py", "/guard.py"])
def test_only_the_pages_files_are_served(local: Site, path: str) -> None:
    assert local.get(path).status in (403, 404)


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=wrong", "/live", "/static/parts.js"])
def test_nothing_without_the_token(guarded: Site, path: str) -> None:
    answer = guarded.get(path, **(UPGRADE if path == "/live" else {}))
    assert answer.status == 403
    assert TOKEN.encode() not in answer.read()


def test_the_token_opens_the_page_and_a_cookie_the_rest(guarded: Site) -> None:
    answer = guarded.get(f"/?token={TOKEN}")
    assert answer.status == 200
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    pair = cookie.split(";")[0]
    assert guarded.get("/static/parts.js", Cookie=pair).status == 200
    own = f"http://{guarded.host}"
    assert guarded.get("/live", Cookie=pair, Origin=own, **UPGRADE).status == 101
    assert guarded.get("/live", Cookie=pair, Origin="http://evil.example", **UPGRADE).status == 403
    assert guarded.get("/", Cookie=pair + "x").status == 403


FEW = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
from edge.web.listen import parse
from edge.web.server import Hub, Viewer, WebServer
server = WebServer(parse("127.0.0.1:0", 0, None), "dashboard.html", Hub(), 0.05)
server.start()
print(server.port, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_half_requests_leave_descriptors_and_viewers_alone(sent: bytes) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", FEW], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as server,
        contextlib.ExitStack() as clients,
    ):
        assert server.stdout is not None and server.stdin is not None
        port = int(server.stdout.readline())

        def connected() -> socket.socket:
            return clients.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))

        viewer = connected()
        lines = [f"{name}: {value}" for name, value in UPGRADE.items()]
        ask = ["GET /live HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Origin: http://127.0.0.1:{port}"]
        viewer.sendall("\r\n".join([*ask, *lines, "", ""]).encode())
        viewer.settimeout(PATIENCE_S)
        answer = viewer.makefile("rb")
        assert b" 101 " in answer.readline()
        for _ in range(300):
            half = connected()
            with contextlib.suppress(ConnectionError):  # it may have hung up already
                half.sendall(sent)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.getresponse().read()
        connection.close()
        assert len(list(Path(f"/proc/{server.pid}/fd").iterdir())) < 100
        viewer.sendall(b"\x89\x80\0\0\0\0")  # RFC 6455, 5.5.2: a ping, masked with 0
        heard = b""
        while b"\x8a\x00" not in heard:  # a pong: the WebSocket is still there
            heard += answer.read(1) or pytest.fail("the WebSocket was closed")
        server.stdin.close()


def test_an_address_that_is_taken_is_named(local: Site) -> None:
    with pytest.raises(UnavailableError, match=rf"--listen: 127\.0\.0\.1:{local.server.port}: "):
        WebServer(Listen("127.0.0.1", local.server.port, None), "preview.html", Hub(), 1.0)


def test_it_can_be_stopped_twice() -> None:
    site = Site(parse("127.0.0.1:0", 0, None))
    site.server.stop("bye")
    site.server.stop()
    with pytest.raises(OSError):
        site.get("/")


def test_a_server_that_fails_ends_its_command() -> None:
    program = """
import signal, sys, time
from edge.web.listen import parse
from edge.web.server import Hub, Viewer, WebServer

class Broken(Hub):
    def tick(self):
        raise RuntimeError("no")

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = WebServer(parse("127.0.0.1:0", 0, None), "preview.html", Broken(), 0.01)
server.start()
try:
    time.sleep(600)
finally:
    server.stop()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode != 0
    assert "the page's server failed; the log says how" in done.stderr


def test_a_browser_that_goes_while_it_is_told_something_leaves_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complaints: list[object] = []

    async def gone() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        futures = [loop.create_future()]
        futures[0].set_exception(WebSocketClosedError())
        monkeypatch.setattr(Viewer, "write_message", lambda *_, **__: futures.pop())
        Viewer.__new__(Viewer).send("x")
        await asyncio.sleep(0)
        gc.collect()

    with ThreadPoolExecutor(1) as pool:  # Playwright may have left a loop running in this thread
        pool.submit(asyncio.run, gone()).result()
    assert complaints == []
