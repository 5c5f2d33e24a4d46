"""Stands between FFmpeg and an RTSP camera, so that FFmpeg talks to nobody else.

FFmpeg would follow a redirect to any host, and tells all refusals as one. It is given an address on
the loopback instead; what it sends there goes over the one connection to the camera, with user and
password added here, and redirects and refusals end it with their reason. Video comes interleaved
over the same connection (RFC 2326, 10.12).
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import threading
from collections.abc import Callable

from edge.child.net import Address, StreamError, authorization, clean, connect, refusal

MAX_HEADER_BYTES = 16_384  # of a request or answer
MAX_BODY_BYTES = 262_144  # of an answer: an SDP has one or two thousand
READ_BYTES = 65_536
FIRST_S = 1.0  # s for the first request of a client: FFmpeg says it at once
STACK_BYTES = 512 * 1024  # of a thread; eight megabytes count against the bound on memory otherwise
_DOLLAR = 0x24  # begins a packet of media: '$', channel, length in two bytes


class Relay:
    """One client on the loopback, one camera."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        """Connect to the camera.

        Raises:
            StreamError: it cannot be reached; says why.
        """
        self._address = address
        self._camera = connect(address, timeout_s)
        self._camera.settimeout(None)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port = int(self._listener.getsockname()[1])
        # Any local user can connect; the path, which they do not know, tells FFmpeg from them.
        self.url = f"rtsp://127.0.0.1:{self.port}/{secrets.token_hex(16)}"
        self._theirs = address.url.replace("rtsps://", "rtsp://", 1).encode()
        self._client: socket.socket | None = None
        self._lock = threading.Lock()  # of sending to the camera, and of what follows
        self._asked: dict[int, tuple[int, bytes]] = {}  # our CSeq: FFmpeg's, and the request
        self._count = 0  # our last CSeq
        self._challenges: list[str] = []
        self.failure: StreamError | None = None

    def start(self) -> None:
        """Begin to relay; the first client that knows the path is the only one."""
        threading.stack_size(STACK_BYTES)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        first = None
        with contextlib.suppress(OSError), self._listener:
            while True:
                client, _ = self._listener.accept()
                client.settimeout(FIRST_S)
                with contextlib.suppress(OSError, StreamError):
                    first = self._text(client, bytearray())
                    if first is not None and self.url.encode() in first[0]:
                        break
                client.close()
            client.settimeout(None)
            self._client = client
            threading.Thread(target=self._guard, args=(self._answers,), daemon=True).start()
            self._request(first[0])
            self._guard(self._requests, first[1])

    def _guard(self, work: Callable[..., None], *arguments: bytearray) -> None:
        """Do one direction's work to its end, and end the other with it."""
        try:
            work(*arguments)
        except StreamError as e:
            self.failure = self.failure or e
        except OSError:
            pass
        for end in (self._client, self._camera):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _requests(self, buffer: bytearray) -> None:
        """Carry what FFmpeg sends: requests, and reports on the packets it got."""
        assert self._client is not None
        while True:
            if buffer[:1] == b"$":
                while len(buffer) < 4 or len(buffer) < 4 + int.from_bytes(buffer[2:4], "big"):
                    if not _more(self._client, buffer):
                        return
                end = 4 + int.from_bytes(buffer[2:4], "big")
                with self._lock:
                    self._camera.sendall(buffer[:end])
                del buffer[:end]
                continue
            message = self._text(self._client, buffer)
            if message is None:
                return
            self._request(message[0])
            buffer = message[1]

    def _request(self, request: bytes) -> None:
        """Send a request as if it had been made to the camera, with a login if one is known."""
        request = request.replace(self.url.encode(), self._theirs)
        match = _CSEQ.search(request)
        with self._lock:
            if match is None or request.startswith(b"RTSP/"):  # an answer to the camera
                self._camera.sendall(request)
                return
            self._count += 1
            self._asked[self._count] = int(match[2]), request
            self._send(self._count, request)

    def _send(self, number: int, request: bytes) -> None:
        method, _, rest = request.partition(b" ")
        uri = rest.partition(b" ")[0].decode("latin-1")
        login = authorization(self._challenges, method.decode("latin-1"), uri, self._address)
        if login is not None:
            line = b"\r\nAuthorization: " + login.encode() + b"\r\n"
            request = request.replace(b"\r\n", line, 1)
        self._camera.sendall(_CSEQ.sub(rb"\g<1>%d" % number, request, count=1))

    def _answers(self) -> None:
        """Carry what the camera sends: packets as they are, answers after a look at them."""
        assert self._client is not None
        buffer = bytearray()
        while True:
            end = _packets(buffer)
            if end:
                self._client.sendall(memoryview(buffer)[:end])
                del buffer[:end]
            if buffer and buffer[0] != _DOLLAR:
                message = self._text(self._camera, buffer)
                if message is None:
                    return
                text, buffer = message
                if (answer := self._answer(text)) is not None:
                    self._client.sendall(answer)
            elif not _more(self._camera, buffer):
                return

    def _answer(self, text: bytes) -> bytes | None:
        """Return what FFmpeg gets of an answer; None: nothing yet, it was asked again.

        Raises:
            StreamError: the camera refuses, or sends us to somebody else.
        """
        line, _, rest = text.partition(b"\r\n")
        words = line.decode("latin-1").split(None, 2)
        if not line.startswith(b"RTSP/"):
            if not re.fullmatch(rb"[A-Z_]+ \S+ RTSP/1\.\d", line):
                raise StreamError(f"not an answer of RTSP: {clean(line[:40].decode('latin-1'))}")
            if line.startswith(b"REDIRECT"):
                raise StreamError(f"the camera redirects to {_location(rest)}, which is not asked")
            return text
        if len(words) < 2 or not re.fullmatch("[0-9]{3}", words[1]):
            raise StreamError("not an answer of RTSP")
        status = int(words[1])
        if 300 <= status < 400:
            raise StreamError(
                f"the camera redirects to {_location(rest)}, which is not asked; if that is where "
                "the video is, name it as camera.source"
            )
        match = _CSEQ.search(text)
        with self._lock:
            asked = self._asked.pop(int(match[2]), None) if match else None
            stale = b"stale=true" in text.lower()  # the login held, and is asked for anew
            if asked is not None and status == 401 and (stale or not self._challenges):
                self._challenges = [
                    c.decode("latin-1")
                    for c in re.findall(rb"(?im)^WWW-Authenticate:[ \t]*([^\r\n]*)", text)
                ]
                if authorization(self._challenges, "", "", self._address) is not None:
                    self._count += 1
                    self._asked[self._count] = asked
                    self._send(self._count, asked[1])
                    return None
        method = asked[1].partition(b" ")[0] if asked else b""
        if status >= 400 and (status == 401 or method in (b"DESCRIBE", b"SETUP", b"PLAY")):
            raise refusal(status, words[2] if len(words) > 2 else "", self._address)
        if method == b"SETUP" and status == 200 and b"interleaved" not in text.lower():
            raise StreamError("the camera would send its video over UDP; only TCP is taken")
        return _CSEQ.sub(rb"\g<1>%d" % asked[0], text, count=1) if asked else text

    def _text(self, of: socket.socket, buffer: bytearray) -> tuple[bytes, bytearray] | None:
        """Return a message with its body, and what came behind it; None: the other side hung up.

        Raises:
            StreamError: it has no end.
        """
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > MAX_HEADER_BYTES:
                raise StreamError("not an answer of RTSP: a header without end")
            if not _more(of, buffer):
                if of is self._camera and buffer:
                    raise StreamError(
                        f"not an answer of RTSP: {clean(buffer[:40].decode('latin-1'))}"
                    )
                return None
        end += 4
        length = re.search(rb"(?im)^Content-Length:[ \t]*(\d{1,9})", buffer[:end])
        body = int(length[1]) if length else 0
        if body > MAX_BODY_BYTES:
            raise StreamError(f"an answer of {body} bytes; at most {MAX_BODY_BYTES} are taken")
        while len(buffer) < end + body:
            if not _more(of, buffer):
                return None
        return bytes(buffer[: end + body]), buffer[end + body :]


_CSEQ = re.compile(rb"(?im)^(CSeq:[ \t]*)(\d{1,9})")


def _more(of: socket.socket, buffer: bytearray) -> bool:
    """Read on; False: the other side hung up."""
    data = of.recv(READ_BYTES)
    buffer += data
    return bool(data)


def _packets(buffer: bytearray) -> int:
    """Return where the whole packets of media at the beginning end."""
    at, size = 0, len(buffer)
    while at + 4 <= size and buffer[at] == _DOLLAR:
        end = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
        if end > size:
            break
        at = end
    return at


def _location(headers: bytes) -> str:
    match = re.search(rb"(?im)^Location:[ \t]*([^\r\n]*)", headers)
    if match is None:
        return "another address"
    scheme, separator, rest = match[1].decode("latin-1").partition("://")
    return clean(scheme + separator + rest.rpartition("@")[2].partition("/")[0])
