"""What a decoder tells the daemon, over a pipe: pictures, and words about them."""

from __future__ import annotations

import os
import struct
from enum import Enum

HEADER = struct.Struct("<cIII")
MAX_TEXT_BYTES = 1000


class Kind(bytes, Enum):
    """What follows a header, and what its three numbers are."""

    PICTURE = b"P"  # width, height, ms of processor time so far; width * height bytes of luma
    STAGE = b"S"  # bytes of text, 0, 0: what is being waited for
    ERROR = b"E"  # the same, and the last message: why there is no more


def send(fd: int, kind: Kind, numbers: tuple[int, int, int], body: bytes | memoryview) -> None:
    """Write a message; waits until the other side took it.

    Raises:
        BrokenPipeError: it is gone.
    """
    parts = [memoryview(HEADER.pack(kind.value, *numbers)), memoryview(body).cast("B")]
    while parts:
        sent = os.writev(fd, parts)
        while parts and sent >= len(parts[0]):
            sent -= len(parts.pop(0))
        if parts:
            parts[0] = parts[0][sent:]


def say(fd: int, kind: Kind, text: str) -> None:
    """Write a message of text, cut to what the daemon takes."""
    body = text.encode(errors="replace")[:MAX_TEXT_BYTES]
    send(fd, kind, (len(body), 0, 0), body)
