"""`python -m benchmarks.state.pictures`: curves and events of a driver and before a kiosk.

For docs/driver.md and docs/kiosk.md, by the daemon's own pipeline. No face is shown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT, data_folder
from benchmarks.reaction.faces import rooms
from benchmarks.reaction.morph import Film, Keyframe, Portrait
from benchmarks.state.chart import Lane, Span, draw
from benchmarks.state.judged import FPS, NOISE, Daemon, Said, Sample
from benchmarks.state.sequences import ahead, pairs, turned
from benchmarks.state.shots import Shot, drivers, lfw, nearest, videos, with_face_of
from edge.config_face import Attention, Drowsiness

OUT = ROOT / "docs" / "pictures"
# From, to (s), which portrait (0 ahead, 1 eyes shut, 2 a yawn, 3 turned), seconds of the change.
# Two blinks, eyes shut for 1.5 and for 4.5 s, a yawn, two looks aside.
DRIVER = (
    (4.0, 4.2, 1, 0.12),
    (7.0, 7.2, 1, 0.12),
    (10.0, 11.5, 1, 0.12),
    (15.0, 19.5, 1, 0.12),
    (24.0, 28.5, 2, 0.4),
    (33.0, 34.5, 3, 0.3),
    (38.0, 42.5, 3, 0.3),
)
END_S = 46.0
# Looks aside, for 1.5, 0.2, 4 s; the second is too short to be one.
KIOSK = ((5.0, 6.5, 1, 0.3), (10.0, 10.2, 1, 0.1), (14.0, 18.0, 1, 0.3))
KIOSK_S = 22.0
AWAKE_AND_SHUT = ("Pete_Sampras_0002.jpg", "Pete_Sampras_0009.jpg")  # of LFW


def visitor(data: Path) -> tuple[Portrait, ...]:
    """Return somebody who looks ahead, and whose head is turned."""
    face, aside = _somebody(data)
    return face.portrait, aside.portrait


def driver(data: Path, seed: int) -> tuple[Portrait, ...]:
    """Return one who is awake, with shut eyes, yawning and turned; the last two are others."""
    rng = np.random.default_rng(seed)
    shots = {s.name: s for s in lfw(data, AWAKE_AND_SHUT)}
    face, shut = (shots[name] for name in AWAKE_AND_SHUT)
    yawns = [s for s in drivers(data, "yawn") if s.source == "yawn: yawn" and s.straight]
    return (
        face.portrait,
        shut.portrait,
        with_face_of(face.portrait, nearest(face, yawns, rng).portrait),
        _somebody(data)[1].portrait,
    )


def _somebody(data: Path) -> tuple[Shot, Shot]:
    both = [(a, b) for a, b in pairs(videos(data), _awake, turned) if ahead(a)]
    return max(both, key=lambda ab: ab[0].portrait.radius)


def film_of(
    portraits: tuple[Portrait, ...],
    script: Sequence[tuple[float, float, int, float]],
    end_s: float,
    data: Path,
) -> Film:
    """Return a film of the first, who is another from when to when: see `DRIVER`."""
    keys: list[Keyframe] = [(0.0, 0)]
    for begin, end, which, move in script:
        half = move / 2
        keys += [(begin - half, 0), (begin + half, which), (end - half, which), (end + half, 0)]
    return Film(portraits, [*keys, (end_s, 0)], rooms(data)[3], seed=1, noise=NOISE, fps=FPS)


def _awake(shot: Shot) -> bool:
    return shot.awake


def spans(said: Sequence[Said], end_s: float) -> list[Span]:
    """Return what lasted from when to when, as events say it."""
    out: list[Span] = []
    open_: dict[str, Said] = {}
    for s in sorted(said, key=lambda s: s.told):
        kind, _, level = s.what.partition(" ")
        kind = kind.removesuffix("_began")  # attention's; the others have none
        if kind.endswith("_ended"):
            begun = open_.pop(kind.removesuffix("_ended"), None)
            if begun is not None:
                out.append(Span(begun.what, begun.t, s.t))
        elif kind in KINDS:
            before = open_.get(kind)
            if before is not None:  # a microsleep that has become sleep
                out.append(Span(before.what, before.t, s.t))
            open_[kind] = Said(f"{kind} {level}".strip(), s.t, s.told)
    return [*out, *(Span(s.what, s.t, end_s) for s in open_.values())]


KINDS = ("attention", "eyes_closed", "yawn", "distracted", "drowsy")


def _curve(
    samples: Sequence[Sample], value: Callable[[Sample], float | None]
) -> list[tuple[float, float | None]]:
    return [(s.t, value(s)) for s in samples]


def _lids(sample: Sample) -> float | None:
    known = [e for e in sample.eyes if e is not None]
    return sum(known) / len(known) if known else None


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.state.pictures", description=__doc__
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder (default: docs/pictures)")
    parser.add_argument("--seed", type=int, default=0, help="of whose yawn")
    args = parser.parse_args()
    data = data_folder()
    lids, gaze = Drowsiness(), Attention()
    car = Daemon(film_of(driver(data, args.seed), DRIVER, END_S, data), "driver")
    car.run()
    lanes = [
        Lane("eyes open (0 shut, 1 open)", _curve(car.samples, _lids), 0, 1, [lids.closed]),
        Lane("mouth open", _curve(car.samples, lambda s: s.mouth), 0, 1, [lids.yawn_mouth]),
        Lane("yaw, degrees", _curve(car.samples, lambda s: s.yaw), -60, 60, [-gaze.yaw, gaze.yaw]),
    ]
    _write(args.out / "driver-timeline.svg", "A driver", lanes, spans(car.said, END_S), END_S)
    shop = Daemon(film_of(visitor(data), KIOSK, KIOSK_S, data), "kiosk")
    shop.run()
    lanes = [
        Lane("yaw, degrees", _curve(shop.samples, lambda s: s.yaw), -60, 60, [-gaze.yaw, gaze.yaw])
    ]
    found = spans(shop.said, KIOSK_S)
    _write(args.out / "kiosk-timeline.svg", "A visitor before a kiosk", lanes, found, KIOSK_S)


def _write(
    path: Path, who: str, lanes: Sequence[Lane], found: Sequence[Span], end_s: float
) -> None:
    told = ", ".join(f"{s.label} from {s.begin:.1f} to {s.end:.1f} s" for s in found)
    path.write_text(
        draw(f"{who}: what was measured, and what was said: {told}", lanes, found, end_s)
    )
    print(f"{path}: {told}")


if __name__ == "__main__":
    main()
