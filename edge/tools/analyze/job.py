"""What is to be done, and what came of it: all that passes between processes and machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from edge.analysis import Summary
from edge.config import Config
from edge.tools.analyze.files import Item


class Format(StrEnum):
    """How results are written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for every file."""

    config: Config
    format: Format = Format.TEXT
    summary: bool = False  # of a recording only its summary, not each frame
    report: bool = False  # gather what the page shows, thumbnails among it


@dataclass(frozen=True, slots=True)
class Task:
    """One file to analyze."""

    index: int
    item: Item
    annotate: str | None = None  # file to write
    # Instead, where a recording turns out to be a picture, or the other way round; None: none.
    annotate_other: str | None = None
    crop: str | None = None  # beginning of the names of files to write


class Tally(Struct, frozen=True):
    """What adds up over files."""

    pictures: int = 0
    recordings: int = 0
    broken: int = 0
    cut: int = 0  # recordings that end before their end
    frames: int = 0  # of recordings
    faces: int = 0  # in pictures, and tracks in recordings
    seconds: float = 0.0  # of recordings
    face_seconds: float = 0.0
    shown: dict[str, int] = {}  # msgspec copies it; faces in pictures by emotion
    shown_s: dict[str, float] = {}  # seconds in recordings by emotion

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.pictures + other.pictures,
            self.recordings + other.recordings,
            self.broken + other.broken,
            self.cut + other.cut,
            self.frames + other.frames,
            self.faces + other.faces,
            self.seconds + other.seconds,
            self.face_seconds + other.face_seconds,
            {k: self.shown.get(k, 0) + other.shown.get(k, 0) for k in self.shown | other.shown},
            {
                k: self.shown_s.get(k, 0.0) + other.shown_s.get(k, 0.0)
                for k in self.shown_s | other.shown_s
            },
        )


class Moment(Struct, frozen=True):
    """A face at an instant, for the page."""

    emotion: str
    confidence: float
    scores: dict[str, float]
    thumbnail: str  # JPEG in base64
    face: str = ""
    t: float | None = None  # s; None: a picture
    reason: str = ""  # why no emotion is told


class Part(Struct, frozen=True):
    """What the page shows of one file."""

    name: str
    moments: list[Moment]  # the faces of a picture; the strongest of a recording, by emotion
    summary: Summary | None = None  # recordings
    faces: list[Moment] = []  # msgspec copies it; recordings: one a track
    step_s: float = 0.0  # between two points of `curves`
    curves: dict[str, list[float]] = {}  # mean score by label over time
    present: list[float] = []  # share of each step in which a face was in view


Source = Callable[[], Task | None]  # the next file; None: there is none now


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one file."""

    index: int
    name: str
    data: bytes = b""  # lines of the output, deflated by zlib
    error: str | None = None  # why it was skipped
    cut: str = ""  # where it ended before its end
    tally: Tally = field(default_factory=Tally)
    part: Part | None = None
    took_s: float = 0.0
