"""Downloads against a real HTTP server, with the faults that networks have."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge.cli import main
from edge.errors import StorageError, UnavailableError, UsageError
from edge.model.fetch import DOWNLOADS, SYSTEM_STORE, YUNET, Download, fetch, stores

CONTENT = bytes(range(256)) * 1000
WANTED = Download(
    "thing.onnx", "http://unused", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "a thing"
)


class Handler(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        body = {"/wrong": CONTENT[::-1], "/long": CONTENT + b"x"}.get(self.path, CONTENT)
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path in ("/cut", "/unsized"):
            self.wfile.write(body[:100_000])
            return  # the server closes the connection here
        if self.path == "/stalls":
            self.wfile.write(body[:1000])
            self.wfile.flush()
            self.server.released.wait(10)
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked = []
    s = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    s.released = threading.Event()
    thread = threading.Thread(target=s.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{s.server_port}"
    s.released.set()
    s.shutdown()
    s.server_close()
    thread.join()


def test_a_whole_file_is_put_in_place_readable_for_everybody(server: str, tmp_path: Path) -> None:
    path = fetch(WANTED, tmp_path / "new" / "folder", url=f"{server}/moved")
    assert path == tmp_path / "new" / "folder" / "thing.onnx"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert [p.name for p in path.parent.iterdir()] == ["thing.onnx"]


def test_a_right_file_is_not_downloaded_again(server: str, tmp_path: Path) -> None:
    fetch(WANTED, tmp_path, url=f"{server}/whole")
    fetch(WANTED, tmp_path, url=f"{server}/whole")
    assert Handler.asked == ["/whole"]


def test_a_damaged_file_is_replaced(server: str, tmp_path: Path) -> None:
    (tmp_path / "thing.onnx").write_bytes(b"damaged")
    assert fetch(WANTED, tmp_path, url=f"{server}/whole").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/wrong", "sha256 is"),
        ("/cut", "of 256000 bytes"),
        ("/unsized", "100000 of 256000 bytes"),
        ("/long", "more than the 256000 bytes"),
        ("/missing", "404"),
        ("/stalls", "timed out after 1000 of 256000 bytes"),
    ],
)
def test_nothing_is_left_behind_and_an_older_file_stays(
    server: str, tmp_path: Path, path: str, says: str
) -> None:
    (tmp_path / "thing.onnx").write_bytes(b"older")
    with pytest.raises(UnavailableError, match=says) as caught:
        fetch(WANTED, tmp_path, url=server + path, timeout_s=0.5)
    assert server + path in str(caught.value)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("thing.onnx", b"older")]


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="refused"):
        fetch(WANTED, tmp_path, url="http://127.0.0.1:9/")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="file"):
        fetch(WANTED, tmp_path / "file" / "below", url=f"{server}/whole")


def test_only_http_addresses(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="file:///etc/passwd"):
        fetch(WANTED, tmp_path, url="file:///etc/passwd")


def test_stores_by_user() -> None:
    assert stores({"HOME": "/home/a"}, root=False) == (
        Path("/home/a/.local/share/emotion-edge"),
        SYSTEM_STORE,
    )
    assert stores({"HOME": "/home/a", "XDG_DATA_HOME": "/d"}, root=False)[0] == Path(
        "/d/emotion-edge"
    )
    assert stores({"HOME": "/root"}, root=True)[0] == SYSTEM_STORE
    assert stores({}, root=False) == (SYSTEM_STORE,)


def test_the_command_prints_the_path_or_one_clear_line(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(DOWNLOADS, "yunet", WANTED)
    to = ["--to", str(tmp_path)]
    assert main(["fetch", "yunet", *to, "--url", f"{server}/cut"]) == UnavailableError.exit_code
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "Traceback" not in said.err
    assert main(["fetch", "yunet", *to, "--url", f"{server}/whole"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'thing.onnx'}\n"


def test_yunet_is_pinned() -> None:
    assert len(YUNET.sha256) == 64 and YUNET.url.endswith(YUNET.name)
    assert YUNET.url.startswith("https://github.com/opencv/opencv_zoo/")
