"""What a face does in a sequence, second by second, and what the daemon has to say of it."""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.reaction.morph import Keyframe, Portrait
from benchmarks.state.shots import (
    LIDS_DOWN,
    Shot,
    drivers,
    lfw,
    nearest,
    videos,
    with_eyes_of,
    with_face_of,
)

LEAD_S, TAIL_S = 5.0, 3.0  # awake before and after
LIDS_S, JAW_S, TURN_S = 0.12, 0.4, 0.3  # s: a lid closes, a mouth opens, a head turns
MICROSLEEP_S, SLEEP_S = 0.5, 3.0  # Euro NCAP's, the defaults of [drowsiness]
YAWN_S, AWAY_S = 2.0, 3.0  # likewise, of [drowsiness] and [attention]
PERCLOS_S = 0.12 * 60  # of a minute with the eyes shut
LIDS_HALF = 0.5  # the teacher's eyeBlink: it says more of the far eye of a turned head than is so
JAW_HALF = 0.25  # the teacher's jawOpen: well below a yawn's
TURNED, AHEAD = 32.0, 12.0  # degrees of yaw: well out of the cone of 23, well within
_T = TypeVar("_T")
SIDES = 2  # halves of the sources: settings are chosen by the first, figures are of the second

Expected = tuple[tuple[str, float], ...]  # (what is said, when that was so, s)


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """What is shown, and what is to be said."""

    name: str
    source: str  # of the second face, and how it was put in
    does: str
    trained: bool  # the network was trained on the second picture or its person
    half: int  # 0: settings may be chosen by it
    portraits: tuple[Portrait, ...]
    keyframes: tuple[Keyframe, ...]
    expected: Expected
    seed: int = field(default=0)


def times(spans: list[tuple[float, float]], move_s: float, end_s: float) -> tuple[Keyframe, ...]:
    """Return keyframes of a face (0) that is another (1) in `spans`, s: from half way to half way.

    Raises:
        ValueError: a span is too short for moving there and back.
    """
    keys: list[Keyframe] = [(0.0, 0)]
    for begin, end in spans:
        if end - begin < move_s:
            raise ValueError(f"a span of {end - begin:g} s; allowed: {move_s:g} s and more")
        half = move_s / 2
        keys += [(begin - half, 0), (begin + half, 1), (end - half, 1), (end + half, 0)]
    return (*keys, (end_s, 0))


def _closed(seconds: float) -> tuple[list[tuple[float, float]], Expected]:
    said = [("eyes_closed microsleep", LEAD_S + MICROSLEEP_S)]
    level = "microsleep"
    if seconds >= SLEEP_S:
        level = "sleep"
        said.append(("eyes_closed sleep", LEAD_S + SLEEP_S))
    end = LEAD_S + seconds
    return [(LEAD_S, end)], (*said, (f"eyes_closed_ended {level}", end))


def _blinks() -> tuple[list[tuple[float, float]], Expected]:
    return [(LEAD_S + 2.0 * n, LEAD_S + 2.0 * n + 0.2) for n in range(3)], ()


def _drowsy() -> tuple[list[tuple[float, float]], Expected]:
    """Eyes shut for 1.5 s every 7 s: the fifth time makes it 12 % of a minute."""
    spans = [(10.0 + 7.0 * n, 11.5 + 7.0 * n) for n in range(5)]
    said = [
        say
        for begin, end in spans
        for say in (
            ("eyes_closed microsleep", begin + MICROSLEEP_S),
            ("eyes_closed_ended microsleep", end),
        )
    ]
    return spans, (*said, ("drowsy", spans[-1][0] + PERCLOS_S - 4 * 1.5))


def _wide(seconds: float) -> tuple[list[tuple[float, float]], Expected]:
    end = LEAD_S + seconds
    said = (("yawn", LEAD_S + YAWN_S), ("yawn_ended", end)) if seconds > YAWN_S else ()
    return [(LEAD_S, end)], said


def _aside(seconds: float) -> tuple[list[tuple[float, float]], Expected]:
    end = LEAD_S + seconds
    said = (("distracted long", LEAD_S + AWAY_S), ("distracted_ended long", end))
    return [(LEAD_S, end)], said if seconds > AWAY_S else ()


Script = Callable[[], tuple[list[tuple[float, float]], Expected]]

LIDS: Mapping[str, Script] = {
    "blinks of 0.2 s": _blinks,
    "eyes shut for 1.5 s": lambda: _closed(1.5),
    "eyes shut for 4 s": lambda: _closed(4.0),
}
OFTEN: Mapping[str, Script] = {"eyes shut for 1.5 s, five times": _drowsy}
MOUTHS: Mapping[str, Script] = {
    "mouth open for 1.2 s": lambda: _wide(1.2),
    "yawn of 5 s": lambda: _wide(5.0),
}
MAIN = ("eyes shut for 1.5 s", "yawn of 5 s", "turned for 4.5 s")
HEADS: Mapping[str, Script] = {
    "turned for 2 s": lambda: _aside(2.0),
    "turned for 4.5 s": lambda: _aside(4.5),
}


def half_of(shot: Shot) -> int:
    """Return on which side of the data a person is, whatever the pictures."""
    return hashlib.sha256(shot.person.encode()).digest()[0] % SIDES


def of_pair(
    awake: Shot,
    other: Shot,
    shown: Portrait,
    source: str,
    scripts: Mapping[str, Script],
    move_s: float,
) -> Iterator[Sequence]:
    """Yield a sequence for each script: `awake` that is `shown`, made of `other`, for a time."""
    for does, script in scripts.items():
        spans, expected = script()
        end = spans[-1][1] + TAIL_S
        yield Sequence(
            f"{awake.name}, {other.name}",
            source,
            does,
            other.trained,
            half_of(other),
            (awake.portrait, shown),
            times(spans, move_s, end),
            expected,
            zlib.crc32(f"{awake.name} {other.name} {does}".encode()),
        )


def sequences(data: Path, most: int, seed: int = 0) -> list[Sequence]:
    """Return the sequences, at most `most` pairs of pictures a source; the same for a seed."""
    rng = np.random.default_rng(seed)
    photographs, frames = lfw(data), videos(data)
    awake = [s for s in photographs if s.awake and not s.trained]
    out: list[Sequence] = []
    # Lids that people marked as shut, of people held out of training.
    shut = [s for s in drivers(data, "closed_eyes") if s.straight and not s.trained]
    for n, other in enumerate(_some(shut, most, rng)):
        face = nearest(other, awake, rng)
        of_eyes = with_eyes_of(face.portrait, other.portrait)
        of_face = with_face_of(face.portrait, other.portrait)
        scripts = _every_other(LIDS, n)
        out += of_pair(face, other, of_eyes, "closed_eyes: eyes put in", scripts, LIDS_S)
        out += of_pair(face, other, of_face, "closed_eyes: face put in", scripts, LIDS_S)
        if n % 3 == 0:
            out += of_pair(face, other, of_eyes, "closed_eyes: eyes put in", OFTEN, LIDS_S)
    # Lids that the teacher calls shut, of the same person.
    for source, among in (("YouTube", frames), ("LFW", photographs)):
        both = pairs(among, lambda s: s.awake, _blinks_only)
        for n, (face, other) in enumerate(_some(both, most, rng)):
            named = f"{source}: same person"
            out += of_pair(face, other, other.portrait, named, _every_other(LIDS, n), LIDS_S)
    yawns = [s for s in drivers(data, "yawn") if s.source == "yawn: yawn" and s.straight]
    for n, other in enumerate(_some([s for s in yawns if not s.trained], most, rng)):
        face = nearest(other, awake, rng)
        laid = with_face_of(face.portrait, other.portrait)
        out += of_pair(face, other, laid, "yawn: face put in", _every_other(MOUTHS, n), JAW_S)
    for n, (face, other) in enumerate(_some(pairs(frames, ahead, turned), most, rng)):
        scripts = _every_other(HEADS, n)
        out += of_pair(face, other, other.portrait, "YouTube: same person", scripts, TURN_S)
    return out


def _every_other(scripts: Mapping[str, Script], n: int) -> Mapping[str, Script]:
    """Return those of the `n`th pair: the main one of each, the others of every other pair."""
    return scripts if n % 2 == 0 else {k: v for k, v in scripts.items() if k in MAIN}


def _some(items: list[_T], most: int, rng: np.random.Generator) -> list[_T]:
    order = rng.permutation(len(items))[:most]
    return [items[i] for i in sorted(order)]


def pairs(
    shots: list[Shot], first: Callable[[Shot], bool], second: Callable[[Shot], bool]
) -> list[tuple[Shot, Shot]]:
    """Return two pictures of each person of whom there are such two, as alike as there are."""
    of: dict[str, list[Shot]] = defaultdict(list)
    for shot in shots:
        of[shot.person].append(shot)
    out = []
    for _, mine in sorted(of.items()):
        both = [(a, b) for a in mine if first(a) for b in mine if second(b)]
        if both:
            out.append(min(both, key=lambda ab: abs(ab[0].pose[1] - ab[1].pose[1])))
    return out


def _blinks_only(shot: Shot) -> bool:
    return shot.straight and shot.blink[0] > LIDS_DOWN


def ahead(shot: Shot) -> bool:
    """Return whether a head points well into the cone, awake."""
    return abs(shot.pose[0]) < AHEAD and _level_and_awake(shot)


def turned(shot: Shot) -> bool:
    """Return whether it points well out of it, to a side, awake."""
    return abs(shot.pose[0]) > TURNED and _level_and_awake(shot)


def _level_and_awake(shot: Shot) -> bool:
    return abs(shot.pose[1]) < AHEAD and shot.blink[1] < LIDS_HALF and shot.jaw < JAW_HALF
