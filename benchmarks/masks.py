"""`python -m benchmarks.masks`: what is said of people behind masks, and of those without?

A photograph of somebody, swaying for some seconds, through the whole pipeline: once as it is, and
once with `classify.score_covered`.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import data_folder, publish
from benchmarks.covered import without_people
from benchmarks.state.judged import FPS, NOISE, Daemon
from edge.messages import UNKNOWN, Estimate, Frame, Reason

Luma = NDArray[np.uint8]

SCORED = "classify.score_covered=true"
SECONDS = 5.0
SETTLED_S = 2.0  # s: from then on, what is said of somebody is what stays
WIDTH = 110  # pixels of the face, in 640x480
LEAST = 48  # pixels: narrower faces say too little, enlarged
SURE = 0.6  # detector's score of a face that counts
SEED = 1
BEHIND = "adults with something before the mouth"
LOW = 0.58  # of the face's height: a mouth and what is below it
# (what to call them, kind of `photos`, part of the file's name)
WHO = (
    ("masks, in streets and rooms", "mask", ""),
    ("masks, close", "mask set", "/with_mask/"),
    ("the same set without masks", "mask set", "/without_mask/"),
    ("adults", "adult", ""),
    ("old people", "old", ""),
    ("children", "child", ""),
    ("dark skin", "dark", ""),
    (BEHIND, "adult", ""),
)
COLUMNS = (
    ("who", "who"),
    ("people", "people seen"),
    ("covered", "`covered`"),
    ("other", "an emotion but neutral is told"),
    ("other_scored", "the same with `classify.score_covered`"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A photograph and the box of the face in it: x, y, width, height."""

    luma: Luma
    face: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of somebody, frame by frame: the emotion, and the reason for none."""

    emotions: list[str]
    reasons: list[Reason | None]

    def covered(self) -> bool:
        """Return whether `covered` is said most of the time, once all has settled."""
        late = self.reasons[int(SETTLED_S * FPS) :]
        return sum(r is Reason.COVERED for r in late) > len(late) / 2

    def other(self) -> bool:
        """Return whether an emotion but neutral is said at any time."""
        return any(e not in (UNKNOWN, "neutral") for e in self.emotions)


class _Listener(Daemon):
    def __init__(self, frames: list[Luma], profile: str, sets: tuple[str, ...]) -> None:
        super().__init__(frames, profile, sets)
        self.told = Told([], [])

    def frame(self, frame: Frame, estimates: Sequence[Estimate], /) -> None:
        super().frame(frame, estimates)
        if estimates:
            largest = max(estimates, key=lambda e: e.track.box.area)
            self.told.emotions.append(largest.emotion)
            self.told.reasons.append(largest.reason)


def portraits(data: Path, kind: str, part: str, most: int) -> Iterator[Portrait]:
    """Yield photographs whose largest face lies within them; the same each time."""
    with np.load(data / "photos" / "positives.npz") as d:
        jpeg, offsets, faces, names = d["jpeg"], d["offsets"], d["faces"], d["names"]
        chosen = np.flatnonzero(d["kind"] == list(d["kinds"]).index(kind))
    found = 0
    for i in np.random.default_rng(SEED).permutation(chosen):
        of = faces[(faces[:, 0] == i) & (faces[:, -1] >= SURE)]
        if found == most or part not in str(names[i]) or not len(of):
            continue
        x, y, width, height = (float(v) for v in of[of[:, 3].argmax()][1:5])
        luma = np.asarray(cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], 0), np.uint8)
        rows, columns = luma.shape
        if width >= LEAST and min(x, y) >= 0 and x + width <= columns and y + height <= rows:
            found += 1
            yield Portrait(luma, (x, y, width, height))


def with_mouth_behind(portrait: Portrait, photograph: Luma) -> Portrait:
    """Return the portrait with a photograph before the mouth, over the width of the face."""
    x, y, width, height = (int(v) for v in portrait.face)
    out = portrait.luma.copy()
    hidden = out[y + int(LOW * height) : y + height, x : x + width]
    hidden[:] = cv2.resize(photograph, hidden.shape[::-1])
    return Portrait(out, portrait.face)


def swaying(portrait: Portrait, seed: int) -> list[Luma]:
    """Return 640x480 frames with the face in the middle, as somebody stands who does not move."""
    rng = np.random.default_rng(seed)
    x, y, width, height = portrait.face
    scale = WIDTH / width
    large = cv2.resize(portrait.luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    middle = np.array([x + width / 2, y + height / 2]) * scale
    phases, frames = rng.uniform(0, 2 * np.pi, 3), []
    for n in range(int(SECONDS * FPS)):
        t = n / FPS
        sway = (
            4 * np.sin(1.3 * t + phases[0]) + 2 * np.sin(3.1 * t + phases[1]),
            3 * np.sin(1.7 * t + phases[2]),
        )
        moved = np.hstack([np.eye(2), (np.array([320, 240]) - middle + sway)[:, None]])
        shown = cv2.warpAffine(large, moved, (640, 480), borderMode=cv2.BORDER_REPLICATE)
        noisy = shown + rng.normal(0, NOISE, shown.shape)
        frames.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return frames


def told(portrait: Portrait, seed: int, profile: str, sets: tuple[str, ...]) -> Told:
    """Return what the daemon says of somebody."""
    cv2.setNumThreads(1)
    daemon = _Listener(swaying(portrait, seed), profile, sets)
    daemon.run()
    return daemon.told


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.masks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--most", type=int, default=60, help="photographs of each kind")
    parser.add_argument("--profile", default="", help="empty: the defaults")
    parser.add_argument("--jobs", type=int, default=2, help="photographs at a time")
    args = parser.parse_args()
    rows, seeds = [], itertools.count()
    photographs = without_people(data_folder(), random.Random(SEED))
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        for who, kind, part in WHO:
            people = list(portraits(data_folder(), kind, part, args.most))
            if who == BEHIND:
                people = [with_mouth_behind(p, next(photographs)) for p in people]
            own = list(itertools.islice(seeds, len(people)))
            as_is, scored = (
                list(pool.map(told, people, own, [args.profile] * len(people), [s] * len(people)))
                for s in ((), (SCORED,))
            )
            seen = [n for n, t in enumerate(as_is) if t.emotions]
            rows.append(
                {
                    "who": who,
                    "people": len(seen),
                    "covered": sum(as_is[n].covered() for n in seen),
                    "other": sum(as_is[n].other() for n in seen),
                    "other_scored": sum(scored[n].other() for n in seen),
                }
            )
            print(rows[-1], flush=True)
    publish(
        f"masks-{args.profile}" if args.profile else "masks",
        "What is said of people behind masks?",
        COLUMNS,
        rows,
        [
            f"Photographs that sway for {SECONDS:g} s, a face {WIDTH} pixels wide in 640x480, "
            f"{FPS:g} frames/s, luma noise of {NOISE:g}; "
            + (f'`profile = "{args.profile}"`.' if args.profile else "the defaults."),
            f"{BEHIND}: a photograph without people, over the lower {1 - LOW:.0%} of the face.",
            "`covered`: for most of the time, after the first two seconds. Among the masks in "
            "streets and rooms are people without one.",
        ],
    )


if __name__ == "__main__":
    main()
