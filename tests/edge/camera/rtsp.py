"""A small RTSP server: FFmpeg makes the video, this speaks the protocol, well or badly."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.waiting import PATIENCE_S, wait_until

Answer = Callable[[str, dict[str, str]], bytes | None]  # method, headers; None: as usual


class RtspServer:
    """One video, for any number of clients one after the other."""

    def __init__(self, folder: Path, codec: list[str], login: str, answer: Answer) -> None:
        self._login = login  # "", "basic" or "digest" for u:s3cret
        self._answer = answer
        self.requests: list[str] = []
        self.hosts: list[str] = []
        self._clients: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind(("127.0.0.1", 0))
        sdp = folder / "cam.sdp"
        to = f"rtp://127.0.0.1:{self._rtp.getsockname()[1]}?rtcpport=9"
        self._ffmpeg = subprocess.Popen(
            [
                *("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=s=160x128:r=25"),
                *(*codec, "-f", "rtp", "-sdp_file", str(sdp), to),
            ]
        )
        wait_until(lambda: sdp.exists() and "m=video" in sdp.read_text(), "FFmpeg to stream")
        lines = [x for x in sdp.read_text().splitlines() if x.strip() and not x.startswith("SDP:")]
        text = re.sub(r"m=video \d+", "m=video 0", "\r\n".join(lines))
        self._sdp = f"{text}\r\na=control:track1\r\n".encode()
        self._playing: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._media, daemon=True).start()

    def close(self) -> None:
        self._ffmpeg.kill()
        self._ffmpeg.wait(PATIENCE_S)
        for s in (self._listener, self._rtp, *self._clients):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _media(self) -> None:
        with contextlib.suppress(OSError):
            while packet := self._rtp.recv(65536):
                for client in list(self._playing):
                    try:
                        client.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
                    except OSError:
                        self._playing.discard(client)

    def _talk(self, client: socket.socket) -> None:
        buffer = b""
        with contextlib.suppress(OSError):
            while True:
                while b"\r\n\r\n" not in buffer:
                    if not (data := client.recv(65536)):
                        return
                    buffer += data
                    while buffer[:1] == b"$" and len(buffer) >= 4:
                        buffer = buffer[4 + int.from_bytes(buffer[2:4], "big") :]
                text, _, buffer = buffer.partition(b"\r\n\r\n")
                line, *rest = text.decode().split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in rest)}
                self.requests.append(line)
                method = line.split()[0]
                answer = self._answer(method, headers)
                client.sendall(self._usual(method, line, headers) if answer is None else answer)
                if method == "PLAY":
                    self._playing.add(client)

    def _usual(self, method: str, line: str, headers: dict[str, str]) -> bytes:
        number = f"CSeq: {headers['cseq']}\r\n"
        if self._login and not self._welcome(method, headers.get("authorization", "")):
            ask = (
                'Digest realm="cam", nonce="n0nce"' if self._login == "digest" else "Basic realm=c"
            )
            return f"RTSP/1.0 401 Unauthorized\r\n{number}WWW-Authenticate: {ask}\r\n\r\n".encode()
        good = f"RTSP/1.0 200 OK\r\n{number}"
        if method == "DESCRIBE":
            uri = line.split()[1]
            more = f"Content-Base: {uri}/\r\nContent-Type: application/sdp\r\n"
            head = f"{good}{more}Content-Length: {len(self._sdp)}\r\n\r\n"
            return head.encode() + self._sdp
        if method == "SETUP":
            return f"{good}Session: 1\r\nTransport: {headers['transport']}\r\n\r\n".encode()
        public = "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n" if method == "OPTIONS" else ""
        return f"{good}{public}Session: 1\r\n\r\n".encode()

    def _welcome(self, method: str, authorization: str) -> bool:
        if self._login == "basic":
            return authorization == "Basic dTpzM2NyZXQ="  # u:s3cret
        uri = re.search(r'uri="([^"]*)"', authorization)
        given = re.search(r'response="([^"]*)"', authorization)
        if uri is None or given is None:
            return False

        def md5(s: str) -> str:
            return hashlib.md5(s.encode()).hexdigest()

        return given[1] == md5(f"{md5('u:cam:s3cret')}:n0nce:{md5(f'{method}:{uri[1]}')}")


@contextlib.contextmanager
def serving_rtsp(
    codec: str = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p",
    login: str = "",
    answer: Answer = lambda _method, _headers: None,
) -> Iterator[RtspServer]:
    with tempfile.TemporaryDirectory() as folder:
        server = RtspServer(Path(folder), codec.split(), login, answer)
        try:
            yield server
        finally:
            server.close()
