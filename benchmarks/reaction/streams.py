"""What the daemon's model says of each sequence, frame by frame.

Smoothing comes last and nothing goes back from it, so one pass of the daemon serves every smoother.
"""

from __future__ import annotations

from collections.abc import Sequence as Sequence_
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.reaction.faces import Sequence, rooms, sequences
from benchmarks.reaction.morph import Film
from benchmarks.versus.loops import OurLoop
from edge.messages import Estimate, Scores, Track

NOISE = 3.0  # luma, standard deviation: a webcam's in a room


class Sample(msgspec.Struct, array_like=True):
    """One frame: time (s), the largest face's track, and its raw scores if it was scored."""

    t: float
    track: str | None
    scores: list[float] | None


class Stream(msgspec.Struct):
    """One sequence as the daemon's model saw it; times in seconds."""

    name: str
    source: str  # lfw, fer2013 or rest
    emotion: str
    onset: float
    apex: float
    offset: float
    rest: float
    samples: list[Sample]


class _Recorder:
    """Stands in for the smoother."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.samples: list[Sample] = []

    def update(
        self, t: float, tracks: Sequence_[Track], scores: Sequence_[Scores], /
    ) -> tuple[Estimate, ...]:
        first = tracks[0].id if tracks else None
        of_first = [s.probabilities for s in scores if s.track == first]
        said = of_first[0].tolist() if of_first and of_first[0] is not None else None
        self.samples.append(Sample(t, first, said))
        estimates: tuple[Estimate, ...] = self._inner.update(t, tracks, scores)
        return estimates


def record(data: Path, detector: str, fps: float, most: int | None) -> list[Stream]:
    """Run every sequence through the daemon as it would be under the raters' prior."""
    out, backgrounds = [], rooms(data)
    for n, sequence in enumerate(sequences(data)[:most]):
        frames = film(sequence, backgrounds[n % len(backgrounds)], fps)
        loop = OurLoop(data, detector, frames, ["classify.prior=raters"], fps=fps)
        recorder = loop.pipeline.smoother = _Recorder(loop.pipeline.smoother)  # type: ignore[assignment]
        loop.run()
        s = sequence
        times = (s.onset, s.apex, s.offset, s.rest)
        out.append(Stream(s.name, s.source, s.emotion, *times, recorder.samples))
        print(f"{n + 1}: {s.source} {s.emotion}", flush=True)
    return out


def film(sequence: Sequence, room: Any, fps: float) -> list[Any]:
    """Return the frames of a sequence."""
    s = sequence
    return Film(s.portraits, s.keyframes, room, seed=s.seed, noise=NOISE, fps=fps).frames()


def load(path: Path) -> list[Stream]:
    """Read what `save` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=list[Stream])


def save(path: Path, streams: list[Stream]) -> None:
    """Write streams as JSON."""
    path.write_bytes(msgspec.json.encode(streams))
