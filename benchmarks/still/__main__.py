"""`python -m benchmarks.still`: how long until a picture counts as one, and who never does."""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.common import data_folder, publish
from benchmarks.still.scenes import (
    Floats,
    Picture,
    Scene,
    Sensor,
    breathing,
    cropped,
    pasted,
    replayed,
    resting,
    shadowed,
    stabilised,
    trembling,
)
from edge.config import Detect, TrackKeys
from edge.detect import open_detector
from edge.geometry import Box
from edge.messages import Frame, Track
from edge.still import BREATH, StillnessDetector
from edge.track import FaceTracker

RATE = 4.0  # frames a second that are rendered: as many as are sampled
CLIPS = ("sorry.mkv", "yes.mkv", "bird.mkv", "walk.mkv", "head-pose-face-detection-male.gif")
JITTER = 0.02  # of the width: how a detector's boxes jump
STREAM_FPS = 10  # of the H.264 stream
COLUMNS = (
    ("case", "what"),
    ("camera", "camera"),
    ("width", "face, pixels"),
    ("still", "a picture after, s"),
    ("movement", "movement, % of the face"),
)
CAMERAS = {
    "noise 1": Sensor(noise=1),
    "noise 3": Sensor(),
    "noise 6": Sensor(noise=6),
    "mains flicker 5 %, 100 Hz": Sensor(flicker=0.05),
    "mains flicker 10 %, 100 Hz": Sensor(flicker=0.1),
    "mains flicker 5 %, 50 Hz": Sensor(flicker=0.05, mains_hz=50.2),
    "exposure steps by 10 % every 40 s": Sensor(exposure=lambda t: 0.9 if t % 80 < 40 else 0.8),
    "light on at 70 s": Sensor(exposure=lambda t: 0.4 if t < 70 else 0.9),
    "JPEG 85": Sensor(jpeg=85),
    "JPEG 50": Sensor(jpeg=50),
    "shakes by 0.3 pixels": Sensor(shake=trembling(0.3)),
    "shakes by 1 pixel": Sensor(shake=trembling(1.0)),
}


def clip(name: str, most: int = 150) -> tuple[list[Floats], float]:
    """Return up to `most` frames of a clip as luma, and how many a second."""
    video = cv2.VideoCapture(str(data_folder() / "clips" / name))
    frames: list[Floats] = []
    while len(frames) < most:
        ok, picture = video.read()
        if not ok:
            break
        frames.append(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32))
    return frames, video.get(cv2.CAP_PROP_FPS)


def seen(scene: Scene, camera: Sensor, seconds: float) -> Iterator[Frame]:
    """Yield what a camera sees."""
    rng = np.random.default_rng(3)
    for n in range(int(seconds * RATE)):
        t = n / RATE + float(rng.uniform(0, 0.005))  # frames come when they come
        yield Frame(n, t, camera.see(scene(t), t, rng))


def streamed(scene: Scene, camera: Sensor, seconds: float) -> Iterator[Frame]:
    """Yield the same through an H.264 stream of 600 kbit/s, as IP cameras send."""
    rng = np.random.default_rng(3)
    count = int(seconds * STREAM_FPS)
    rows, columns = scene(0.0).shape
    raw = f"-f rawvideo -pix_fmt gray -s {columns}x{rows} -r {STREAM_FPS}"
    codec = f"-c:v libx264 -preset veryfast -b:v 600k -g {4 * STREAM_FPS} -pix_fmt yuv420p"
    path = Path(f"/tmp/still-{random.SystemRandom().getrandbits(32):x}.mkv")
    command = f"ffmpeg -v error -y {raw} -i - {codec} {path}".split()
    with subprocess.Popen(command, stdin=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdin is not None
        for n in range(count):
            ffmpeg.stdin.write(camera.see(scene(n / STREAM_FPS), n / STREAM_FPS, rng).tobytes())
        ffmpeg.stdin.close()
    video = cv2.VideoCapture(str(path))
    for n in range(count):
        ok, picture = video.read()
        if not ok:
            break
        luma = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        yield Frame(n, n / STREAM_FPS, luma)
    video.release()
    path.unlink()


def judged(frames: Iterable[Frame], box: Box | None) -> dict[str, Any]:
    """Return when the first face became a picture, and how much it moved at the end.

    Args:
        frames: what the camera saw.
        box: where a detector finds the face every time; None: ask the project's own.
    """
    stillness = StillnessDetector(TrackKeys())
    tracker = FaceTracker(TrackKeys(confirm=2), random.Random(1))
    detector = open_detector(Detect())
    rng = np.random.default_rng(4)
    became, width, ids = None, 0.0, list[str]()
    for frame in frames:
        rows, columns = frame.luma.shape
        if box is None:
            tracks: Sequence[Track] = tracker.update(frame, detector.detect(frame.luma))
        else:
            dx, dy = rng.normal(0, JITTER * box.width, 2)
            size = (columns, rows)
            tracks = [Track("a", box.moved(dx, dy), 0.9, 0.0, frame.t, size)]
        tracks = stillness.update(frame, tracks)
        width = max([width, *(k.box.width for k in tracks)])
        if became is None and any(k.still for k in tracks):
            became = frame.t
        ids = [k.id for k in tracks]
    moves = [m for i in ids if (m := stillness.movement(i)) is not None]
    return {
        "width": round(width),
        "still": "never" if became is None else round(became),
        "movement": f"{100 * max(moves):.3f}" if moves else "more, or it changes",
    }


def pictures(
    portrait: Picture, face: Box, room: Picture, widths: Sequence[int]
) -> Iterator[tuple[str, str, Scene, Sensor, Box]]:
    """Yield (what, camera, scene, sensor, box) of faces that are none."""
    for width in widths:
        poster, box = pasted(room, portrait, face, width, 40, 10)
        for name, camera in CAMERAS.items():
            yield "poster", name, resting(poster), camera, box
        soft = shadowed(poster, 120, edge=150, every_s=50)
        hard = shadowed(poster, 120, edge=15, every_s=50)
        yield "poster, a soft shadow passes every 50 s", "noise 3", soft, Sensor(), box
        yield "poster, a hard shadow passes every 50 s", "noise 3", hard, Sensor(), box


def sleepers(
    portrait: Picture, face: Box, room: Picture, widths: Sequence[int]
) -> Iterator[tuple[str, str, Scene, Sensor, Box]]:
    """Yield faces that do nothing but breathe."""
    for width in widths:
        person, box = pasted(room, portrait, face, width, 40, 10)
        for stroke in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5):
            scene = breathing(person, box, stroke / 100)
            yield f"breathes by {stroke} %", "noise 3", scene, Sensor(), box
        for period_s in (1.5, 8.0):
            scene = breathing(person, box, 0.003, period_s)
            yield f"breathes by 0.3 % every {period_s:g} s", "noise 3", scene, Sensor(), box
        scene = breathing(person, box, 0.003)
        for name in ("noise 6", "mains flicker 10 %, 100 Hz", "JPEG 50", "shakes by 1 pixel"):
            yield "breathes by 0.3 %", name, scene, CAMERAS[name], box


def people(only: str) -> Iterator[tuple[str, str, Scene, Sensor, Box | None]]:
    """Yield the people of the clips, held still as far as they go."""
    for name in CLIPS:
        if only not in f"{name}, slower, held, noise 3":
            continue
        frames, fps = clip(name)
        held = stabilised(frames, open_detector(Detect()))
        yield name, "noise 3", replayed(frames, fps), Sensor(), None
        yield f"{name}, 8 times slower", "noise 3", replayed(frames, fps, 8), Sensor(), None
        still = replayed(held, fps, 8)
        yield f"{name}, head held, 8 times slower", "noise 3", still, Sensor(), None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.still", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="of each case")
    parser.add_argument("--widths", type=int, nargs="+", default=[24, 48, 80], help="pixels")
    parser.add_argument("--only", default="", help="cases whose name has this")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    frames, _ = clip("sorry.mkv", 11)
    whole = frames[10].astype(np.uint8)
    (face, *_) = open_detector(Detect()).detect(whole)
    portrait, box = cropped(whole, face.box)
    room = cv2.resize(clip("bottle-detection.mp4", 1)[0][0], (320, 240)).astype(np.uint8)
    cases = itertools.chain(
        pictures(portrait, box, room, args.widths),
        sleepers(portrait, box, room, args.widths),
        people(args.only),
    )
    rows = []
    for what, camera, scene, sensor, at in cases:
        if args.only not in f"{what}, {camera}":
            continue
        rows.append(
            {"case": what, "camera": camera, **judged(seen(scene, sensor, args.seconds), at)}
        )
        print(*rows[-1].values(), sep=", ", flush=True)
    poster, place = pasted(room, portrait, box, 64, 40, 10)
    if shutil.which("ffmpeg"):
        for what, scene in (
            ("poster", resting(poster)),
            ("breathes by 0.3 %", breathing(poster, place, 0.003)),
        ):
            if args.only not in f"{what}, H.264":
                continue
            found = judged(streamed(scene, Sensor(), args.seconds), place)
            rows.append({"case": what, "camera": "H.264, 600 kbit/s", **found})
            print(*rows[-1].values(), sep=", ", flush=True)
    publish("still", "When a face counts as a picture", COLUMNS, rows, NOTES)


NOTES = (
    f"Movement: `edge.still.lasting` at the end; a picture has at most {100 * BREATH:g} %.",
    "1 % of a face 14 cm wide is 1.4 mm.",
)

if __name__ == "__main__":
    main()
