"""One request over HTTP to the camera itself: no other host, no playlist, bounded headers."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

from edge.child.net import Address, StreamError, authorization, clean, connect, refusal

REDIRECTS = 3  # within the camera
PLAYLISTS = ("mpegurl", "dash+xml", "application/sdp", "smil", "xspf")
SNIFFED_BYTES = 1024
_PICTURE_HEADS = (b"\xff\xd8\xff", b"\x89PNG")  # of JPEG and PNG
_PLAYLIST_HEADS = (b"#extm3u", b"<mpd", b"<smil", b"[playlist]", b"ffconcat", b"v=0")


@dataclass(frozen=True, slots=True)
class Body:
    """What the camera answers with, from its first byte on."""

    content_type: str
    read: Callable[[int], bytes]  # up to n bytes as they come; b"" at the end


def fetch(address: Address, timeout_s: float) -> Body:
    """Ask the camera for its video.

    Args:
        address: where it is.
        timeout_s: longest wait for a connection, and for each piece of an answer.

    Raises:
        StreamError: there is none; says why.
    """
    header = ""
    for _ in range(REDIRECTS + 2):  # a login may be asked for once
        response = _request(address, header, timeout_s)
        if response.status == 401 and not header:
            challenges = response.headers.get_all("WWW-Authenticate") or []
            header = authorization(challenges, "GET", address.path, address) or ""
            if not header:
                raise refusal(401, "", address)
        elif 300 <= response.status < 400:
            address = _redirected(address, response.headers.get("Location", ""))
            header = ""
        elif response.status == 200:
            return _body(response)
        else:
            raise refusal(response.status, response.reason, address)
        response.close()
    raise StreamError("the camera redirects again and again")


def _request(address: Address, header: str, timeout_s: float) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
    connection.sock = connect(address, timeout_s)
    headers: dict[str, str | bytes] = {
        "Host": address.place,
        "User-Agent": "emotion-edge",
        "Accept": "*/*",
    }
    if header:
        headers["Authorization"] = header.encode()  # names are UTF-8, as in the hashes
    try:
        connection.request("GET", address.path, headers=headers)
        return connection.getresponse()
    except TimeoutError:
        raise StreamError(f"connected, but no answer within {timeout_s:g} s") from None
    except (http.client.InvalidURL, UnicodeError):
        raise StreamError("the address's path has characters that HTTP does not allow") from None
    except http.client.HTTPException as e:
        raise StreamError(f"not an answer of HTTP: {clean(str(e) or type(e).__name__)}") from None
    except OSError as e:
        raise StreamError(f"the camera hung up: {e.strerror or e}") from None


def _redirected(address: Address, location: str) -> Address:
    """Return where a redirect leads if that is the camera itself.

    Raises:
        StreamError: it is not.
    """
    new = Address.of(urljoin(address.url, location))
    if (new.scheme, new.host, new.port) != (address.scheme, address.host, address.port):
        raise StreamError(
            f"the camera redirects to {clean(f'{new.scheme}://{new.place}')}, which is not asked; "
            "if that is where the video is, name it as camera.source"
        )
    return Address(*(address.scheme, address.host, address.port), new.path, address.user,
                   address.password)  # fmt: skip


def _body(response: http.client.HTTPResponse) -> Body:
    kind = response.headers.get("Content-Type", "")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise StreamError("the camera sends its video compressed once more (Content-Encoding)")
    first = b""
    if not kind.lower().startswith("multipart/"):
        bounded = response.length is not None
        first = b"" if _is_picture(kind) else _read(response, SNIFFED_BYTES)
        _refuse(kind, first, bounded)

    def read(count: int) -> bytes:
        nonlocal first
        if first:
            data, first = first[:count], first[count:]
            return data
        return _read(response, count)

    return Body(kind, read)


def _is_picture(kind: str) -> bool:
    return kind.lower().startswith("image/")


def _refuse(kind: str, first: bytes, bounded: bool) -> None:
    """Look at what is no video by its type or its first bytes; `bounded`: its length is told.

    Raises:
        StreamError: it is none.
    """
    # One picture would end, be asked for again, and so on for ever. Many, one after another, are a
    # video, whose length no camera knows.
    single = bounded and not kind.lower().startswith("video/") and first.startswith(_PICTURE_HEADS)
    if _is_picture(kind) or single:
        raise StreamError(
            f"one picture ({clean(kind)}), not a video: name the camera's MJPEG stream"
        )
    head = first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if any(p in kind.lower() for p in PLAYLISTS) or head.startswith(_PLAYLIST_HEADS):
        raise StreamError("a playlist (HLS, DASH, ...), which may name other hosts: not taken")
    if kind.lower().startswith("text/") or head.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise StreamError(f"a page ({clean(kind)}), not a video: check the path")


def _read(response: http.client.HTTPResponse, count: int) -> bytes:
    try:
        return response.read1(count)
    except TimeoutError:
        raise StreamError("nothing more came") from None
    except (http.client.HTTPException, ValueError) as e:
        raise StreamError(f"not an answer of HTTP: {clean(str(e) or type(e).__name__)}") from None
    except OSError as e:
        raise StreamError(f"the camera hung up: {e.strerror or e}") from None
