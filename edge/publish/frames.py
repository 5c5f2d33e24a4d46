"""An event as bytes that can tell whether they are whole: what a row of the outbox's file holds.

A frame names itself, so wherever it lies in a damaged file it can be found and believed.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MAGIC = b"\xe5Ev2"
# magic, CRC-32 of all that follows it, seq, t, wall, bytes of the boot id, bytes of the event
_HEAD = struct.Struct("<4sIQddHI")
_CRC_END = 8
PAGE = 4096  # bytes; SQLite's default. A frame that fits into one lies in one piece
CHUNK = 1 << 20  # bytes read at once when a file is searched


class FrameError(ValueError):
    """These bytes are not what was written."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event as it is kept."""

    seq: int
    payload: bytes  # the event as JSON, as if it were sent at once
    t: float  # s, monotonic, in the boot `boot`
    boot: str
    wall: float  # s since 1970, when it was stored; 0: the clock was not to be believed


def pack(row: Row) -> bytes:
    """Return the frame of a row."""
    boot = row.boot.encode()
    head = _HEAD.pack(MAGIC, 0, row.seq, row.t, row.wall, len(boot), len(row.payload))
    body = head[_CRC_END:] + boot + row.payload
    return MAGIC + zlib.crc32(body).to_bytes(4, "little") + body


def unpack(frame: object, seq: int) -> Row:
    """Return the row in a frame that is stored under `seq`.

    Raises:
        FrameError: a bit of it, or of its number, has changed.
    """
    row = _at(frame, 0) if isinstance(frame, bytes) else None
    if row is None or row.seq != seq:
        raise FrameError(f"event {seq} is damaged")
    return row


def carve(file: IO[bytes]) -> Iterator[Row]:
    """Yield every whole frame that lies in a file, in any order, some twice, old ones too.

    Raises:
        OSError: the file cannot be read.
    """
    before = b""
    while chunk := file.read(CHUNK):
        data = before + chunk
        at = data.find(MAGIC)
        while at >= 0:
            row = _at(data, at)
            if row is not None:
                yield row
            at = data.find(MAGIC, at + 1)
        before = data[-PAGE:]  # a frame may go on in the next chunk


def carve_path(path: Path) -> Iterator[Row]:
    """As `carve`, of a file that is not open, or not there.

    Raises:
        OSError: the file cannot be read.
    """
    with contextlib.suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
        yield from carve(file)


def _at(data: bytes, start: int) -> Row | None:
    if len(data) - start < _HEAD.size:
        return None
    magic, crc, seq, t, wall, boot_length, length = _HEAD.unpack_from(data, start)
    boot_at = start + _HEAD.size
    end = boot_at + boot_length + length
    if magic != MAGIC or end > len(data):
        return None
    if zlib.crc32(memoryview(data)[start + _CRC_END : end]) != crc:
        return None
    boot = data[boot_at : boot_at + boot_length].decode()
    return Row(seq, data[boot_at + boot_length : end], t, boot, wall)
