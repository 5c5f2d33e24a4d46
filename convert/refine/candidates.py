"""What the detector proposes in pictures whose faces are known: the crops to learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.detector.copy_paste import Composer, Recipe
from convert.detector.photographs import truth_of
from convert.detector.photos import Photo, load_photos, split
from convert.detector.scores import Truth, overlap
from edge.config import Detect
from edge.crop import square
from edge.detect import open_detector
from edge.geometry import Box
from edge.image import resize
from edge.stages import FaceDetector

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]

PATCH = 72  # pixels of a stored crop: half as much again around what the network sees
MARGIN = 0.625  # of the patch, on each side of the box
PROPOSED = 0.05  # detector's score from which boxes are kept; the device looks from 0.1 on
MOST = 12  # boxes of a picture
FACE, NOTHING = 0.5, 0.3  # overlap with a face from which, and up to which, a box is one or none
HALF = (320, 240)  # pixels of the composed pictures, as the detector sees them...
FULL = (640, 480)  # ... and as a camera gives them
FULL_OFTEN = 0.3
FACES = (0.15, 0.4, 0.2, 0.15, 0.1)  # as in `Recipe`: most boxes proposed are none anyway
OUTSIDE = 0.3  # of a large face, beyond each border: what is cut needs the second look most
MASKED = 0.25  # fraction of pasted faces
STEP = 200  # pictures a worker makes at once
TOUCHED = 0.1  # overlap with a place that is neither a face nor none


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays have no truth value
class Candidates:
    """Boxes that the detector proposed, row by row."""

    patches: Luma  # (n, PATCH, PATCH)
    scores: Floats  # (n,), the detector's
    face: Floats  # (n,): 1 a face, 0 none, NaN between
    boxes: Floats  # (n, 4): the true centre x, y, width and height in pixels of the patch, or NaN
    landmarks: Floats  # (n, 5, 2), pixels of the patch, or NaN

    def __len__(self) -> int:
        return len(self.patches)

    def take(self, rows: NDArray[np.generic]) -> Candidates:
        """Return some rows, by indices or a mask."""
        return Candidates(*(getattr(self, f.name)[rows] for f in fields(self)))


def joined(parts: Sequence[Candidates]) -> Candidates:
    """Return the rows of all, in order."""
    return Candidates(
        *(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Candidates))
    )


def proposed(detector: FaceDetector, luma: Luma, truth: Truth) -> Candidates:
    """Return what a detector proposes in one picture, and what it truly is."""
    rows: list[tuple[Luma, float, float, Floats, Floats]] = []
    for found in detector.detect(luma)[:MOST]:
        b = found.box
        if not (0 <= b.centre[0] < luma.shape[1] and 0 <= b.centre[1] < luma.shape[0]):
            continue
        box = np.array([b.x, b.y, b.width, b.height], np.float32)
        fits = overlap(box, truth.faces[:, :4]) if len(truth.faces) else np.zeros(1, np.float32)
        best = int(fits.argmax())
        sure = len(truth.faces) > 0 and not truth.ignored[best]
        if (
            len(truth.faces)
            and (fits[truth.ignored] > TOUCHED).any()
            and not (sure and fits[best] >= FACE)
        ):
            continue
        left, top, side = square(b, MARGIN)
        scale = PATCH / side
        true, points = np.full(4, np.nan, np.float32), np.full((5, 2), np.nan, np.float32)
        kind = np.nan
        if sure and fits[best] >= NOTHING:
            x, y, w, h = truth.faces[best, :4]
            true = np.array([x + w / 2 - left, y + h / 2 - top, w, h], np.float32) * scale
            points = (truth.faces[best, 4:14].reshape(5, 2) - (left, top)) * scale
            kind = 1.0 if fits[best] >= FACE else np.nan
        elif fits[best] < NOTHING:
            kind = 0.0
        rows.append((patch_of(luma, b), found.score, kind, true, points))
    return Candidates(
        np.array([r[0] for r in rows], np.uint8).reshape(-1, PATCH, PATCH),
        np.array([r[1] for r in rows], np.float32),
        np.array([r[2] for r in rows], np.float32),
        np.array([r[3] for r in rows], np.float32).reshape(-1, 4),
        np.array([r[4] for r in rows], np.float32).reshape(-1, 5, 2),
    )


def patch_of(luma: Luma, box: Box) -> Luma:
    """Return the square around a box, with room for turning and shifting it."""
    left, top, side = square(box, MARGIN)
    rows, columns = luma.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, columns), min(top + side, rows)
    pads = (y0 - top, top + side - y1, x0 - left, left + side - x1)
    part = cv2.copyMakeBorder(luma[y0:y1, x0:x1], *pads, cv2.BORDER_REPLICATE)
    return resize(np.asarray(part, np.uint8), PATCH, PATCH)


def of_photographs(photos: Sequence[Photo], width: int = HALF[0]) -> Candidates:
    """Return what the detector proposes in photographs as they are."""
    detector = _detector(width)
    return joined([proposed(detector, p.luma, truth_of(p)) for p in photos])


def collected(
    portraits: Sequence[Path],
    scenes: Sequence[Path],
    pictures: int,
    *,
    seed: int,
    workers: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> Candidates:
    """Return what the detector proposes in composed pictures and in the photographs themselves.

    Args:
        portraits: archives of photographs whose faces are pasted; only what is not held out.
        scenes: archives of photographs to paste on, and to look at as they are.
        pictures: how many to compose.
        seed: of the pictures.
        workers: processes.
        say: gets a line of progress.
    """
    jobs = [(seed * 1_000_003 + k, min(STEP, pictures - k)) for k in range(0, pictures, STEP)]
    jobs += [(-k - 1, workers) for k in range(workers)]
    parts = []
    # Not forked: OpenCV's threads do not survive it.
    with ProcessPoolExecutor(
        workers, get_context("spawn"), _load, (tuple(portraits), tuple(scenes))
    ) as pool:
        for k, part in enumerate(pool.map(_job, jobs)):
            parts.append(part)
            say(f"{min((k + 1) * STEP, pictures)} of {pictures} pictures composed")
    return joined(parts)


_PHOTOS: tuple[list[Photo], list[Photo]] = ([], [])  # of a worker: portraits and scenes


def _load(portraits: Sequence[Path], scenes: Sequence[Path]) -> None:
    cv2.setNumThreads(1)
    archives = {path: split(load_photos(path))[0] for path in {*portraits, *scenes}}
    for photos, paths in zip(_PHOTOS, (portraits, scenes), strict=True):
        photos += [photo for path in paths for photo in archives[path]]


def _job(job: tuple[int, int]) -> Candidates:
    seed, count = job
    if seed < 0:  # a share of the photographs as they are
        return of_photographs(_PHOTOS[1][-seed - 1 :: count])
    rng = np.random.default_rng(seed)
    half, full = _composer(HALF, seed), _composer(FULL, seed + 1)
    return joined(list(_pictures(_detector(HALF[0]), half, full, count, rng)))


def _pictures(
    detector: FaceDetector,
    half: Composer,
    full: Composer,
    pictures: int,
    rng: np.random.Generator,
) -> Iterator[Candidates]:
    for _ in range(pictures):
        picture = (full if rng.random() < FULL_OFTEN else half).picture()
        yield proposed(detector, picture.luma, Truth(picture.faces, picture.ignored))


def _composer(size: tuple[int, int], seed: int) -> Composer:
    times = size[0] / HALF[0]
    usual = Recipe()
    recipe = Recipe(
        sizes=(usual.sizes[0] * times, usual.sizes[1] * times),
        faces=FACES,
        outside=OUTSIDE,
        masked=MASKED,
    )
    return Composer(*_PHOTOS, height=size[1], width=size[0], seed=seed, recipe=recipe)


def _detector(width: int) -> FaceDetector:
    config = Detect(width=width, threshold=PROPOSED, min_face=0.001, refine="")
    return open_detector(config)
