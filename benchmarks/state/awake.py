"""How often a driver who is awake is called something else: clips, and photographs that move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.reaction.faces import rooms
from benchmarks.reaction.morph import Film, Keyframe, Picture
from benchmarks.state.judged import NOISE, Daemon, about
from benchmarks.state.sequences import LIDS_S
from benchmarks.state.shots import Shot, drivers, lfw, nearest, videos, with_eyes_of

FPS = 15.0  # 1/s: the least that the docs ask for
MINUTE_S = 60.0  # of each photograph: PERCLOS is judged over one
BLINK_S, EVERY_S = 0.15, (2.0, 6.0)  # a blink, and the time between two: 10 to 30 a minute
CLIPS = {
    "sorry.mkv": 30.0,
    "yes.mkv": 30.0,
    "bird.mkv": 30.0,
    "walk.mkv": 30.0,
    "head-pose-face-detection-male.gif": 12.0,
}


class Looped(Sequence[Any]):
    """A recording there and back, as often as it takes."""

    def __init__(self, pictures: list[Picture], count: int) -> None:
        self._pictures, self._count = pictures + pictures[-2:0:-1], count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, n: Any) -> Any:
        if n >= self._count:
            raise IndexError(n)
        return self._pictures[n % len(self._pictures)]


def clip(path: Path, fps: float, seconds: float) -> tuple[Looped, float]:
    """Return a clip at about `FPS` frames a second that goes on for `seconds`, and its rate."""
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    every = max(round(fps / FPS), 1)
    pictures, n = [], 0
    while True:
        ok, picture = video.read()
        if not ok:
            break
        if n % every == 0:
            pictures.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
        n += 1
    video.release()
    if not pictures:
        raise SystemExit(f"{path}: no frames")
    return Looped(pictures, round(seconds * fps / every)), fps / every


def stills(data: Path, minutes: int, seed: int = 0) -> Iterator[tuple[str, Film]]:
    """Yield a minute each of people who look ahead and blink; none of them was trained on.

    Of each, it is one photograph that sways, with the shut eyes of other photographs in its blinks.
    """
    rng = np.random.default_rng(seed)
    shut = [s for s in drivers(data, "closed_eyes") if s.straight and not s.trained]
    people = [s for s in (*lfw(data), *videos(data)) if s.awake and not s.trained]
    of: dict[str, Shot] = {}
    for k in rng.permutation(len(people)):
        of.setdefault(people[k].person, people[k])
    backgrounds = rooms(data)
    for n, shot in enumerate(list(of.values())[:minutes]):
        lids = nearest(shot, shut, rng)
        portraits = (shot.portrait, with_eyes_of(shot.portrait, lids.portrait))
        film = Film(
            portraits,
            blinking(rng),
            backgrounds[n % len(backgrounds)],
            seed=int(rng.integers(1 << 31)),
            noise=NOISE,
            fps=FPS,
        )
        yield f"{shot.source}: {shot.name}", film


def blinking(rng: np.random.Generator) -> list[Keyframe]:
    """Return keyframes of a minute of eyes that are open, but for blinks."""
    keys: list[Keyframe] = [(0.0, 0)]
    t = float(rng.uniform(*EVERY_S))
    while t + BLINK_S < MINUTE_S:
        half = LIDS_S / 2
        keys += [(t - half, 0), (t + half, 1), (t + BLINK_S - half, 1), (t + BLINK_S + half, 0)]
        t += BLINK_S + float(rng.uniform(*EVERY_S))
    return [*keys, (MINUTE_S, 0)]


def rows(
    data: Path, profiles: Sequence[str], minutes: int, keep: list[Any] | None = None
) -> list[dict[str, Any]]:
    """Return what was said of people who are awake, by source and profile.

    `keep` gets (source, name, samples, events) of each, to ask what other settings would say.
    """
    out = []
    for profile in profiles:
        seconds = 60.0 * minutes / (len(CLIPS) - 1)
        for name, fps in CLIPS.items():
            frames, rate = clip(data / "clips" / name, fps, seconds)
            out.append(_said(f"clip {name}", profile, [(name, frames)], rate, keep))
        out.append(_said("photographs", profile, stills(data, minutes), FPS, keep))
    return out


def _said(
    what: str, profile: str, shown: Any, fps: float, keep: list[Any] | None
) -> dict[str, Any]:
    told: Counter[str] = Counter()
    who: list[str] = []
    seconds = watched = 0.0
    for name, frames in shown:
        daemon = Daemon(frames, profile, fps=fps)
        daemon.run()
        if keep is not None:
            keep.append((what, name, daemon.samples, daemon.said))
        seconds += len(frames) / fps
        eyes = sum(any(e is not None for e in s.eyes) for s in daemon.samples)
        watched += eyes / fps
        began = [s.what for s in about(daemon.said) if "_ended" not in s.what]
        told.update(began)
        who += [f"{name}: {what}" for what in began]
        if began:
            print(f"{profile}: {name}: {began}", flush=True)
    row = {
        "what": what,
        "profile": profile,
        "minutes": seconds / 60,
        "eyes": watched / seconds,
        "alerts": sum(told.values()),
        "an_hour": 3600 * sum(told.values()) / seconds,
        "which": ", ".join(f"{n} {k}" for k, n in sorted(told.items())),
        "whose": who,
    }
    print(row, flush=True)
    return row
