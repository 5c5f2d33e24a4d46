"""What a live camera is to the thread that owns it."""

from __future__ import annotations

from typing import Protocol

from edge.camera.opencv import Luma


class SourceLostError(Exception):
    """The camera is not there, died or stalled; the text says why and, if known, what to do."""


class LiveSource(Protocol):
    """A raw live source. One thread calls its methods; any number of open-read-close rounds."""

    name: str  # for the log, without secrets

    @property
    def decoder_cpu_s(self) -> float:
        """Seconds of processor time that a child of ours took to decode, since the start."""

    def open(self) -> str:
        """Open and return what was granted.

        Raises:
            SourceLostError: it cannot be had now.
        """

    def read(self) -> Luma | None:
        """Return the next picture, (height, width); None when there is none yet, or a broken one.

        Returns at the latest after the source's own time limit, and stays short of it if it can.

        Raises:
            SourceLostError: there will be none without opening again.
        """

    def close(self) -> None:
        """Release device, child and descriptors; also when `open` failed, and twice."""
