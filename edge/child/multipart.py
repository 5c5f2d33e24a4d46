"""Pictures out of `multipart/x-mixed-replace`, which is how MJPEG comes over HTTP.

Everything is bounded, whatever the other side says: the header of a part, its length, and what is
read in search of its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from edge.child.net import StreamError

MAX_PART_BYTES = 8 * 1024 * 1024  # a picture of 4096x4096 at good quality
MAX_HEADER_BYTES = 8192  # of one part, lines before it included
READ_BYTES = 65_536  # of one read


def boundary_of(content_type: str) -> str:
    """Return the boundary that a Content-Type names; '' if none."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "boundary":
            return value.strip().strip('"')
    return ""


class Parts:
    """The parts of a body that never ends."""

    def __init__(self, read: Callable[[int], bytes], boundary: str) -> None:
        """Read with `read(n)`, which returns up to n bytes as they come, b"" at the end."""
        self._read = read
        # Some cameras count the dashes before it to its name, others have a name with dashes.
        names = {boundary, boundary.removeprefix("--")}
        self._ends = [b"\r\n--" + name.encode("latin-1", "replace") for name in names]
        self._buffer = bytearray()

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Yield (content type, body).

        Raises:
            StreamError: the stream ended, or is not what it should be.
        """
        while True:
            headers = self._headers()
            length = headers.get("content-length", "")
            if length:
                if not re.fullmatch("[0-9]{1,10}", length) or int(length) > MAX_PART_BYTES:
                    raise StreamError(
                        f"a part of {length[:20]} bytes; at most {MAX_PART_BYTES} are taken"
                    )
                body = self._exactly(int(length))
            else:
                body = self._until_end()
            yield headers.get("content-type", "image/jpeg").partition(";")[0].strip(), body

    def _more(self) -> None:
        data = self._read(READ_BYTES)
        if not data:
            raise StreamError("the stream ended")
        self._buffer += data

    def _headers(self) -> dict[str, str]:
        """Read from before a boundary to the blank line after the header."""
        headers: dict[str, str] = {}
        seen, started = 0, False
        while True:
            while (at := self._buffer.find(b"\n")) < 0:
                if len(self._buffer) > MAX_HEADER_BYTES:
                    raise StreamError("a line of a part's header without end")
                self._more()
            line = bytes(self._buffer[:at]).rstrip(b"\r").decode("latin-1")
            del self._buffer[: at + 1]
            seen += at + 1
            if seen > MAX_HEADER_BYTES:
                raise StreamError(f"a part's header of more than {MAX_HEADER_BYTES} bytes")
            if not line and started:
                return headers
            started = started or line.startswith("--")
            name, colon, value = line.partition(":")
            if started and colon:
                headers[name.strip().lower()] = value.strip()

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        return self._cut(count)

    def _until_end(self) -> bytes:
        searched, longest = 0, max(map(len, self._ends))
        while not (found := [f for e in self._ends if (f := self._buffer.find(e, searched)) >= 0]):
            searched = max(len(self._buffer) - longest, 0)
            if len(self._buffer) > MAX_PART_BYTES:
                raise StreamError(f"a part without end; at most {MAX_PART_BYTES} bytes are taken")
            self._more()
        return self._cut(min(found))

    def _cut(self, count: int) -> bytes:
        body = bytes(self._buffer[:count])
        del self._buffer[:count]
        return body
