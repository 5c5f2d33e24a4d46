"""A clip in which faces come and go, cut out of the demo clip; short scenes, so much happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import edge

Picture = NDArray[np.uint8]

DEMO_CLIP = Path(edge.__file__).parent / "demo" / "astronaut.mp4"  # 320x240, 15 frames a second
FPS = 240.0  # 1/s: more frames an hour than a camera's; windows are seconds anyway
SCENE_S = 2.5
# What is in which frames of the demo clip; seen by eye.
SOMEBODY, NOBODY, DARK = range(45, 110), range(20), range(125, 155)
NOISE = 4.0  # grey levels, standard deviation: about that of a webcam indoors


def make(path: Path, fps: float) -> int:
    """Write the clip, an .avi, at `fps` frames a second; return its number of frames.

    Uncompressed (115 kB a frame): decoding what the daemon then has to drop would take the time
    of frames that it could have.
    """
    demo = _pictures()
    size = (demo[0].shape[1], demo[0].shape[0])
    rng = np.random.default_rng(1)
    noise = [rng.normal(0, NOISE, demo[0].shape) for _ in range(7)]
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"I420"), fps, size)
    count = 0
    for picture in _scenes(demo, fps):
        grey = np.clip(picture + noise[count % len(noise)], 0, 255).astype(np.uint8)
        out.write(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
        count += 1
    out.release()
    return count


def _pictures() -> list[Picture]:
    video = cv2.VideoCapture(str(DEMO_CLIP))
    found: list[Picture] = []
    while True:
        ok, picture = video.read()
        if not ok:
            return found
        found.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))


def _scenes(demo: list[Picture], fps: float) -> Iterator[Picture]:
    """Somebody comes, goes, is two, goes, is back in the dark, goes."""
    for which, people in ((SOMEBODY, 1), (NOBODY, 1), (SOMEBODY, 2), (NOBODY, 1), (DARK, 1)):
        frames = round(SCENE_S * fps)
        for n in range(frames):
            picture = demo[which[n * len(which) // frames]]
            if people == 2:
                middle = picture[:, picture.shape[1] // 4 : picture.shape[1] * 3 // 4]
                picture = np.hstack([middle, middle[:, ::-1]])
            yield picture
