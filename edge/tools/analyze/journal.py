"""Where results go, and how far that got: killed at any instant, the next run goes on from there.

Beside the output lies `OUTPUT.journal`: a line that says what is being done, and one for each file
with the length of the output after it. A line is written once the output is on the disk up to
there; what the output holds beyond the last line is cut off at the start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec
from msgspec import Struct

from edge.analysis import encode_line
from edge.errors import NoInputError, StorageError, UsageError
from edge.tools.analyze.job import Part, Tally

VERSION = 1
CHUNK_BYTES = 1 << 20  # of lines in memory at once
NOT_OURS = (ValueError, KeyError, TypeError, RecursionError)  # what odd JSON raises
SYNC_S = 1.0  # between two times that the output is brought to the disk


class Record(Struct, frozen=True):
    """A file that is done."""

    name: str
    end: int  # bytes of the output up to and with it
    error: str | None
    tally: Tally
    part: Part | None = None


def inflated(packed: bytes) -> Iterator[bytes]:
    """Yield what was deflated in parts: the lines of a recording of hours are a gigabyte."""
    unpacker, rest = zlib.decompressobj(), packed
    while rest and not unpacker.eof:
        yield unpacker.decompress(rest, CHUNK_BYTES)
        rest = unpacker.unconsumed_tail


class Output(Protocol):
    """Where results go."""

    def write(self, record: Record, packed: bytes, /) -> None:
        """Take all of a file's lines, deflated by zlib."""

    def close(self) -> None:
        """Leave everything written."""


class StandardOutput:
    """Results for a person or a pipe; nothing is remembered."""

    def __init__(self, head: bytes) -> None:
        sys.stdout.flush()
        sys.stdout.buffer.write(head)

    def write(self, _record: Record, packed: bytes, /) -> None:
        """Write them at once."""
        for data in inflated(packed):
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Nothing is held back."""


class Journal:
    """A file of results that can be gone on with."""

    def __init__(self, path: Path, head: bytes, what: str, now: Callable[[], float]) -> None:
        """Go on with `path`, or begin it.

        Args:
            path: of the output.
            head: what it begins with.
            what: fingerprint of all that the results depend on but the files.
            now: seconds, monotonic.

        Raises:
            UsageError: it holds something else, or results of other settings, or is no file.
            NoInputError: its folder does not exist.
            StorageError: it cannot be written, or another run writes it.
        """
        self._path, self._now, self._what = path, now, what
        self._beside = path.with_name(path.name + ".journal")
        self.records: list[Record] = []  # of earlier runs
        self._held: list[bytes] = []  # lines of the journal that wait for the disk
        self._synced = now()
        try:
            self._open(head)
        except FileNotFoundError as e:
            raise NoInputError(f"--output: {path.parent}: no such folder") from e
        except OSError as e:
            raise StorageError(f"--output: {e.filename or path}: {e.strerror}") from e

    def write(self, record: Record, packed: bytes, /) -> None:
        """Append all of a file's lines.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            for data in inflated(packed):
                self._out.write(data)
                self._end += len(data)
            self._held.append(encode_line(msgspec.structs.replace(record, end=self._end)))
            if self._now() - self._synced >= SYNC_S:
                self._sync()
        except OSError as e:
            raise StorageError(f"--output: {self._path}: {e.strerror}") from e

    def close(self) -> None:
        """Bring everything to the disk.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            self._sync()
        except OSError as e:
            raise StorageError(f"--output: {self._path}: {e.strerror}") from e
        finally:
            with contextlib.suppress(OSError):
                self._out.close()
            with contextlib.suppress(OSError):
                self._log.close()

    def _sync(self) -> None:
        self._out.flush()
        os.fsync(self._out.fileno())
        self._log.write(b"".join(self._held))
        self._log.flush()
        self._held.clear()
        self._synced = self._now()

    def _open(self, head: bytes) -> None:
        if self._path.exists() and not self._path.is_file():
            raise UsageError(
                f"--output: got {self._path}: no regular file, and could not be gone on with; "
                "allowed: a file; without --output results go to standard output"
            )
        if not self._beside.exists() and self._path.exists() and self._path.stat().st_size:
            raise UsageError(
                f"--output: {self._path}: exists, and no {self._beside.name} says how far it got; "
                "allowed: a new file, or that of a run to go on with"
            )
        # Not "w+b": another run may have begun since, and its journal would be emptied.
        self._log: BinaryIO = os.fdopen(os.open(self._beside, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        try:
            fcntl.flock(self._log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise StorageError(f"--output: {self._path}: another run writes it") from e
        at, end = self._read()
        self._log.seek(at)
        self._log.truncate()
        self._out: BinaryIO = self._path.open("r+b" if self._path.exists() else "w+b")
        if end is None:
            self._out.truncate(0)
            self._out.write(head)
            end = len(head)
            first = {"journal": VERSION, "of": self._path.name, "what": self._what, "end": end}
            self._held.append(json.dumps(first).encode() + b"\n")
        elif self._out.seek(0, os.SEEK_END) < end:
            raise UsageError(
                f"--output: {self._path}: is shorter than {self._beside.name} says; "
                "it was changed: remove both to begin anew"
            )
        self._out.truncate(end)
        self._out.seek(end)
        self._end = end
        self._sync()

    def _read(self) -> tuple[int, int | None]:
        """Take the records; return where the journal ends, and the output that it speaks of."""
        at, end = 0, None
        for n, line in enumerate(self._log):
            if not line.endswith(b"\n"):
                break  # cut off by a crash
            try:
                held: dict[str, Any] = msgspec.convert(json.loads(line), dict)
                if n == 0:
                    self._check(held)
                else:
                    self.records.append(msgspec.convert(held, Record))
                end = int(held["end"])
            except (*NOT_OURS, msgspec.ValidationError) as e:
                raise UsageError(
                    f"--output: {self._beside}: line {n + 1} is damaged; remove it and "
                    f"{self._path.name} to begin anew"
                ) from e
            at += len(line)
        return at, end

    def _check(self, first: dict[str, Any]) -> None:
        if first.get("journal") != VERSION or first.get("what") != self._what:
            raise UsageError(
                f"--output: {self._path}: was begun with other settings, another model or, for "
                "relative names, in another folder; allowed: the same, or a new file"
            )
