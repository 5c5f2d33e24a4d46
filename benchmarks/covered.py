"""`python -m benchmarks.covered`: what is said of a face that something covers, or that is gone.

A clip of somebody who stands there, forwards and backwards; then a photograph without people covers
the face for a while, or takes the whole picture. None of these faces changes its emotion: every
other one that is announced was read off what is none of it. Neither these photographs nor the
demo's clip were looked at when the rule was made that says when a face is not scored.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import data_folder, publish
from benchmarks.replayed import replay
from edge.commands.demo import CLIP
from edge.config import Detect
from edge.configfile import load
from edge.contract import Event
from edge.detect import open_detector
from edge.geometry import Box
from edge.messages import EventType

Luma = NDArray[np.uint8]

CLIPS = ("sorry.mkv", "yes.mkv", "bird.mkv", "walk.mkv", "head-pose-face-detection-male.gif")
SEED = 6  # of the photographs; the rule was chosen on those of 5
ANNOUNCED = (EventType.FACE_APPEARED, EventType.EMOTION_CHANGED)
FPS = 30  # of the sequences
SEEN, LENGTH = (110, 130), 240  # frames: the face is seen before, and of a sequence
ROUND = 0.3  # of the face's box: what is covered beyond it, on each side
# Frames that the photograph is there; None: to the end, in the whole picture.
KINDS = {"nothing": 0, "covered for 0.5 s": 15, "covered for 1.2 s": 36, "gone at once": None}
COLUMNS = (
    ("kind", "what happens"),
    ("sequences", "sequences"),
    ("wrong", "other emotions announced"),
    ("sequences_with", "sequences with one"),
    ("clips", "of the clips"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.covered", description=__doc__)
    parser.add_argument("--photographs", type=int, default=20, help="for each clip and kind")
    args = parser.parse_args()
    data, rng = data_folder(), random.Random(SEED)
    photographs = without_people(data, rng)
    found: dict[str, list[tuple[str, int]]] = {kind: [] for kind in KINDS}
    clips = [*(data / "clips" / name for name in CLIPS), CLIP]
    for clip in clips:
        frames = there_and_back(clip)
        face = face_in(frames[SEEN[0]])
        for _ in range(args.photographs):
            start, photograph = rng.randrange(*SEEN), next(photographs)
            for kind, length in KINDS.items():
                shown = covered(frames, face, photograph, start, length)
                found[kind].append((clip.stem, wrong(announced(shown))))
    rows = [
        {
            "kind": kind,
            "sequences": len(counts),
            "wrong": sum(n for _, n in counts),
            "sequences_with": sum(n > 0 for _, n in counts),
            "clips": ", ".join(sorted({clip for clip, n in counts if n})),
        }
        for kind, counts in found.items()
    ]
    publish(
        "covered",
        "Other emotions announced of faces that are covered or gone",
        COLUMNS,
        rows,
        [f"{len(clips)} clips with {args.photographs} photographs each, the daemon's defaults."],
    )


def without_people(data: Path, rng: random.Random) -> Iterator[Luma]:
    """Yield photographs without a face, by chance."""
    with np.load(data / "photos" / "negatives.npz") as d:
        jpeg, offsets = d["jpeg"], d["offsets"]
    while True:
        i = rng.randrange(len(offsets) - 1)
        yield np.asarray(cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], 0), np.uint8)


def there_and_back(clip: Path) -> list[Luma]:
    """Return `LENGTH` frames of a clip, forwards and backwards in turn, so that nothing jumps."""
    video, once = cv2.VideoCapture(str(clip)), []
    while len(once) < LENGTH:
        ok, picture = video.read()
        if not ok:
            break
        once.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
    video.release()
    turns = once + once[-2:0:-1]
    return [turns[i % len(turns)] for i in range(LENGTH)]


def face_in(luma: Luma) -> Box:
    """Return the largest face."""
    return max((f.box for f in open_detector(Detect()).detect(luma)), key=lambda box: box.area)


def covered(
    frames: Sequence[Luma], face: Box, photograph: Luma, start: int, length: int | None
) -> list[Luma]:
    """Return the frames with the photograph before the face, or in its place to the end."""
    rows, columns = frames[0].shape
    if length is None:
        return [*frames[:start], *[cv2.resize(photograph, (columns, rows))] * (LENGTH - start)]
    x0, x1 = (face.x - ROUND * face.width, face.x + (1 + ROUND) * face.width)
    y0, y1 = (face.y - ROUND * face.height, face.y + (1 + ROUND) * face.height)
    left, right = max(int(x0), 0), min(int(x1), columns)
    top, bottom = max(int(y0), 0), min(int(y1), rows)
    out = [frame.copy() for frame in frames]
    for frame in out[start : start + length]:
        frame[top:bottom, left:right] = cv2.resize(photograph, (right - left, bottom - top))
    return out


def announced(frames: Sequence[Luma]) -> list[str]:
    """Return the emotions that are announced of whoever is in view, by the whole pipeline."""
    rows, columns = frames[0].shape
    emotions: list[str] = []

    def heard(event: Event) -> None:
        if event.data.event_type in ANNOUNCED and event.data.reason is None:
            emotions.append(event.data.emotion)

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "sequence.avi")
        video = cv2.VideoWriter(
            str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (columns, rows), isColor=False
        )
        for frame in frames:
            video.write(frame)
        video.release()
        sets = (f"camera.source={path}", "camera.every_frame=true", "camera.loop=false")
        replay(load(None, {}, sets), heard)
    return emotions


def wrong(emotions: Sequence[str]) -> int:
    """Return how many differ from the first, which was announced before anything happened."""
    return sum(emotion != emotions[0] for emotion in emotions)


if __name__ == "__main__":
    main()
