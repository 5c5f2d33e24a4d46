"""What the outbox knows beside its events, with a checksum, and kept in two places.

One record goes into the database with each transaction. Another goes into a small file beside it,
so that no number is used twice and every event is accounted for though the database is emptied,
damaged or cut off. The file has two slots, each in a page of its own and written in place: that
takes no room on a full disk, and a write that is cut short spoils one slot only.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from dataclasses import astuple, dataclass
from pathlib import Path

SUFFIX = "-counters"
BLOCK = 64  # numbers reserved ahead, for one sync of the disk: at most so many are skipped
SLOT = 4096  # bytes from one slot to the next: pages, so that no write touches both
_MAGIC = b"EvC1"
_RECORD = struct.Struct("<4s9QI")  # magic, the fields in their order, CRC-32 of both


@dataclass(slots=True)
class Counters:
    """What outlives a restart beside the events."""

    commit: int = 0  # +1 a transaction: of two records, the higher one is newer
    seq: int = 0  # of the newest event
    low: int = 0  # events up to this `seq` have left the outbox: what turns up again is old
    rows: int = 0  # events in the database
    volatile: int = 0  # events in memory only: gone when the process is
    lost: int = 0  # events dropped, ever
    unreported: int = 0  # of these, not yet told in a delivered event
    reserved: int = 0  # numbers up to this may have been used
    boot: int = 0  # CRC-32 of the boot's id


def pack(counters: Counters) -> bytes:
    """Return the record of `counters`."""
    fields = _RECORD.pack(_MAGIC, *astuple(counters), 0)[:-4]
    return fields + zlib.crc32(fields).to_bytes(4, "little")


def unpack(record: object) -> Counters | None:
    """Return the counters in a record; None: it is not whole."""
    if not isinstance(record, bytes) or len(record) != _RECORD.size:
        return None
    magic, *fields, crc = _RECORD.unpack(record)
    if magic != _MAGIC or zlib.crc32(record[:-4]) != crc:
        return None
    return Counters(*fields)


class CounterFile:
    """The file beside the database. Only who holds the database's lock may write to it."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + SUFFIX)

    def read(self) -> list[Counters]:
        """Return the records that are whole; none where there is no file.

        Raises:
            OSError: the file is there and cannot be read.
        """
        try:
            with self.path.open("rb") as f:
                data = f.read(2 * SLOT)
        except FileNotFoundError:
            return []
        slots = [unpack(data[at : at + _RECORD.size]) for at in (0, SLOT)]
        return [found for found in slots if found is not None]

    def reserve(self, counters: Counters) -> None:
        """Write a record that outlives a pulled cable.

        Raises:
            OSError: it is not on the disk.
        """
        self._write(counters, 0, sync=True)

    def note(self, counters: Counters) -> None:
        """Write a record that outlives this process, and with some luck a pulled cable.

        Raises:
            OSError: it was not written.
        """
        self._write(counters, SLOT, sync=False)

    def _write(self, counters: Counters, at: int, *, sync: bool) -> None:
        new = not self.path.exists()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if new:  # room for both slots now: later the disk may be full
                os.pwrite(file, bytes(SLOT + _RECORD.size), 0)
            record = pack(counters)
            if os.pwrite(file, record, at) != len(record):
                raise OSError(f"{self.path}: written in part")
            if sync:
                os.fsync(file)
        finally:
            os.close(file)
        if new and sync:
            self._sync_folder()

    def _sync_folder(self) -> None:
        """Make the file's name last, too; some file systems cannot."""
        with contextlib.suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
