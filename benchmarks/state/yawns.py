"""What is announced of who yawns: the emotions of one who yawns are none.

And what that costs: expressions that look like it are not told either.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence as Many
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2

from benchmarks.reaction.faces import Sequence as Expression
from benchmarks.reaction.faces import rooms
from benchmarks.reaction.faces import sequences as expressions
from benchmarks.reaction.morph import Film, Picture
from benchmarks.state.judged import FPS, NOISE, Daemon, film
from benchmarks.state.sequences import JAW_S, LEAD_S, MOUTHS, Sequence, sequences
from edge.messages import UNKNOWN

# In a car an open mouth is enough; elsewhere the eyes must be shut too.
ARMS = {
    "car": ("profile=car",),
    "defaults": (),
    "off": ("classify.score_yawns=true",),
}
OPENS_S = LEAD_S - JAW_S  # s: until then a mouth of `MOUTHS` is shut
CALM = "rest"  # the source of expressions that are none

Shown = list[str | None]  # the emotion of the largest face, frame by frame


def shown(frames: Film, sets: Many[str]) -> Shown:
    """Return the emotion at each frame, by the whole pipeline."""
    cv2.setNumThreads(1)
    daemon = Daemon(frames, None, sets)
    daemon.run()
    return [emotion for _, emotion in daemon.seen]


def others(emotions: Shown, opens: int) -> tuple[int, int]:
    """Return to how many emotions other than the one before frame `opens` a face changes.

    And for how many frames it has one of them.
    """
    known = [e for e in emotions[:opens] if e not in (None, UNKNOWN)]
    before = known[-1] if known else UNKNOWN
    runs = [(e, len([*run])) for e, run in itertools.groupby(emotions[opens:])]
    lengths = [length for e, length in runs if e not in (None, UNKNOWN, before)]
    return len(lengths), sum(lengths)


def right(emotions: Shown, apex: int, offset: int, emotion: str) -> bool:
    """Return whether an emotion is what is shown for most of the frames from `apex` to `offset`."""
    most = Counter(emotions[apex:offset]).most_common(1)
    return bool(most) and most[0][0] == emotion


def _yawns(sequence: Sequence, room: Picture, sets: Many[str]) -> tuple[int, int]:
    return others(shown(film(sequence, room), sets), int(OPENS_S * FPS))


def _expresses(sequence: Expression, room: Picture, sets: Many[str]) -> bool:
    s = sequence
    frames = Film(s.portraits, s.keyframes, room, seed=s.seed, noise=NOISE, fps=FPS)
    return right(shown(frames, sets), int(s.apex * FPS), int(s.offset * FPS), s.emotion)


def rows(data: Path, most: int, jobs: int) -> list[dict[str, Any]]:
    """Return the table's rows: each way of `ARMS` with the same sequences."""
    mouths = [s for s in sequences(data, most) if s.does in MOUTHS]
    faces = [s for s in expressions(data) if s.source != CALM]
    out: list[dict[str, Any]] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:

        def each(function: Any, of: Many[Any], sets: Many[str]) -> list[Any]:
            backgrounds = itertools.cycle(rooms(data))
            return list(pool.map(function, of, backgrounds, itertools.repeat(sets, len(of))))

        found = {name: each(_yawns, mouths, sets) for name, sets in ARMS.items()}
        for does in MOUTHS:
            here = [n for n, s in enumerate(mouths) if s.does == does]
            row: dict[str, Any] = {"what": f"{does}: another emotion is announced"}
            longer: dict[str, Any] = {"what": f"{does}: seconds in another, mean"}
            for name, counts in found.items():
                row[name] = f"{sum(counts[n][0] > 0 for n in here)} of {len(here)}"
                longer[name] = round(sum(counts[n][1] for n in here) / FPS / len(here), 2)
            out += [row, longer]
        told = {name: each(_expresses, faces, sets) for name, sets in ARMS.items()}
        for emotion in dict.fromkeys(s.emotion for s in faces):
            here = [n for n, s in enumerate(faces) if s.emotion == emotion]
            row = {"what": f"{emotion}, held for 3 s: right"}
            for name, good in told.items():
                row[name] = f"{sum(good[n] for n in here)} of {len(here)}"
            out.append(row)
    return out
